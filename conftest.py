"""What every test run needs first, whichever folder it is of."""

import os
import sys
from pathlib import Path

import pytest

# Node and npm lie beside Python (see `make install`), also when pytest is called by its path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Tests side by side (pytest-xdist): two workers with a thread each get more out of two cores
# than two with two each, which wait for one another. Set before TensorFlow is imported; child
# processes inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

# The files that take longest, the longest first. Workers begin with them, so that none has a
# long file left when the others are done.
LONGEST = (
    "web/test_page.py",
    "tests/lecture/test_lecture.py",
    "tests/export/test_run.py",
    "tests/export/test_tfjs.py",
    "tests/train/test_run.py",
    "tests/tune/test_run.py",
    "tests/denoise/test_command.py",
    "tests/test_wheel.py",
    "tests/benchmark/test_quality.py",
    "tests/export/test_tflite.py",
    "tests/export/test_savedmodel.py",
    "tests/export/test_onnx.py",
    "tests/export/test_darktable.py",
    "tests/client/test_client.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the tests of the files in `LONGEST` first, in a worker."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    places = {config.rootpath / name: place for place, name in enumerate(LONGEST)}
    gone = [str(path) for path in places if not path.is_file()]
    if gone:
        raise pytest.UsageError(f"conftest.py: LONGEST names what is no file: {gone}")
    items.sort(key=lambda item: places.get(item.path, len(places)))
