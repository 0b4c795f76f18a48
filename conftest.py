"""What every test run needs first, whichever folder it is of."""

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Node and npm lie beside Python (see `make install`), also when pytest is called by its path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Tests side by side (pytest-xdist): two workers with a thread each get more out of two cores
# than two with two each, which wait for one another. Set before TensorFlow is imported; child
# processes inherit it.
SIDE_BY_SIDE = "PYTEST_XDIST_WORKER" in os.environ
if SIDE_BY_SIDE:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

# As in commands (`kdae.errors.run_main`): tests compare their results with those made here.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

ALONE, TOGETHER = "alone", "together"

# The files that need the server of `tests.warm` or the fixture `saved_models`, which take 10
# seconds each to make. One worker takes them all, first.
SHARING = (
    "tests/train/test_run.py",
    "tests/train/test_distributed.py",
    "tests/train/test_step.py",
    "tests/tune/test_run.py",
    "tests/denoise/test_command.py",
    "tests/model/test_old_files.py",
    "tests/export/test_savedmodel.py",
    "tests/export/test_kits.py",
    "tests/export/test_warmup.py",
    "tests/client/test_client.py",
)

# The other files that take longest, the longest first. Workers begin with them, so that none
# has a long file left when the others are done.
LONGEST = (
    "web/test_page.py",
    "tests/lecture/test_lecture.py",
    "tests/export/test_run.py",
    "tests/export/test_tflite.py",
    "tests/export/test_onnx.py",
    "tests/export/test_tfjs.py",
    "tests/benchmark/test_quality.py",
    "tests/train/test_alone.py",
    "tests/benchmark/test_real.py",
    "tests/export/test_darktable.py",
    "tests/test_wheel.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker, puts the files named above first, and the tests marked `alone` last."""
    if not SIDE_BY_SIDE:
        return
    names = [*SHARING, *LONGEST]
    places = {config.rootpath / name: place for place, name in enumerate(names)}
    gone = [str(path) for path in places if not path.is_file()]
    if gone:
        raise pytest.UsageError(f"conftest.py names what is no file: {gone}")

    def place(item: pytest.Item) -> tuple[bool, int]:
        return bool(item.get_closest_marker(ALONE)), places.get(item.path, len(places))

    items.sort(key=place)
    for item in items:
        if item.get_closest_marker(ALONE):
            item.add_marker(pytest.mark.xdist_group(ALONE))
        elif place(item)[1] < len(SHARING):
            item.add_marker(pytest.mark.xdist_group(TOGETHER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives a worker a whole file or a whole group, with `--dist loadgroup`."""
    from xdist.scheduler import LoadGroupScheduling

    class Scheduling(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group = nodeid.rpartition("@")[2]
            return group if group in (ALONE, TOGETHER) else nodeid.split("::", 1)[0]

    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Runs a test marked `alone` while the other workers run none."""
    if not SIDE_BY_SIDE:
        return (yield)
    mode = fcntl.LOCK_EX if item.get_closest_marker(ALONE) else fcntl.LOCK_SH
    # Any two files can be locked: these are there, and need not be cleared away.
    with open(__file__) as door, open(item.config.rootpath / "pyproject.toml") as room:
        # Who waits for the room holds the door, so that nobody else slips in meanwhile.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, mode)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            return (yield)
        finally:
            # Not only closed: a process that the test has left behind may hold a copy.
            fcntl.flock(room, fcntl.LOCK_UN)
