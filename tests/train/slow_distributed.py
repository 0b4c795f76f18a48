"""The slow tests of several workers, `make test-workers`: every way in which one can be lost.

The run is the net of `configs/quickstart.yaml`, long enough to be caught in the middle.
"""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from kdae.cards import CARD, MODEL, load_card
from kdae.train.__main__ import main
from kdae.train.folder import CHECKPOINTS
from tests.train import cluster
from tests.train.test_run import equal, weights

SETTINGS = {
    "data.limit": 40,
    "model": {"widths": [32, 64], "blocks": [4, 1], "bias": False},
    "validation": {"limit": 4, "patch": 64},
    "train": {
        "steps": 120, "batch": 12, "patch": 32, "optimizer": "muon", "learning_rate": 1e-3,
        "warmup": 10, "validate_every": 40, "checkpoint_every": 20,
        "grow": [{"at": 0.5, "batch": 6, "patch": 64}],
    },
}  # fmt: skip


def command(out: Path, *more: str) -> list[str]:
    """The arguments of one worker."""
    pairs = [f"{key}={json.dumps(value)}" for key, value in SETTINGS.items()]
    settings = [word for pair in pairs for word in ("--set", pair)]
    return ["-m", "kdae.train", *settings, "--out", str(out), *more]


def commands(folder: Path, count: int, *more: str) -> list[list[str]]:
    """Of the chief, whose run folder is FOLDER/run, and of others that write to no other."""
    outs = [folder / "run", *(folder / f"none{index}" for index in range(1, count))]
    return [command(out, *more) for out in outs]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two workers, never stopped."""
    folder = tmp_path_factory.mktemp("pair")
    ends = cluster.run(commands(folder, 2))
    assert [end.code for end in ends] == [0, 0], ends
    return folder / "run"


def resumed(folder: Path, count: int = 2) -> Path:
    ends = cluster.run(commands(folder, count, "--resume"))
    assert [end.code for end in ends] == [0] * count, ends
    assert [path.name for path in folder.iterdir()] == ["run"]
    return folder / "run"


def caught(folder: Path, kill: int, by: int, count: int = 2) -> list[cluster.Ended]:
    """How workers ended of which one got a signal after the second checkpoint."""
    once = str(folder / "run" / CHECKPOINTS / "*.index")
    return cluster.run(
        commands(folder, count), kill=kill, by=by, once=once, count=2, patience=60
    )


@pytest.mark.parametrize("kill", [0, 1], ids=["chief", "other"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_lost_worker(kill: int, by: int, pair: Path, tmp_path: Path) -> None:
    ends = caught(tmp_path, kill, by)
    other = ends[1 - kill]
    assert other.code == 2 and other.after < 30, ends
    last = other.err.splitlines()[-1]
    assert last.startswith("error: TF_CONFIG: another worker is gone"), other.err
    assert "--resume" in last
    assert not (tmp_path / "run" / MODEL).exists()
    assert equal(resumed(tmp_path), pair)


@pytest.mark.parametrize("kill", [0, 1], ids=["chief", "other"])
def test_a_worker_that_is_told_to_stop(kill: int, pair: Path, tmp_path: Path) -> None:
    ends = caught(tmp_path, kill, signal.SIGTERM)
    assert ends[kill].code == 130 and ends[1 - kill].code == 2, ends
    assert ends[1 - kill].after < 30
    assert ends[kill].err.splitlines()[-1].startswith("stopped"), ends
    if kill == 0:  # the chief writes what there is
        steps = load_card(tmp_path / "run" / CARD)["training"]["steps"]
        assert 20 <= steps < 120
    assert equal(resumed(tmp_path), pair)


def test_three_workers_and_one_train_what_two_do(pair: Path, tmp_path: Path) -> None:
    ends = cluster.run(commands(tmp_path, 3))
    assert [end.code for end in ends] == [0, 0, 0], ends
    alone = tmp_path / "alone"
    assert main(command(alone)[2:]) == 0
    check_alike([pair, tmp_path / "run", alone])


def test_two_workers_go_on_with_what_one_began(pair: Path, tmp_path: Path) -> None:
    [end] = caught(tmp_path, 0, signal.SIGTERM, count=1)
    assert end.code == 130, end
    assert load_card(tmp_path / "run" / CARD)["training"]["steps"] < 120
    check_alike([pair, resumed(tmp_path)])


def check_alike(folders: list[Path]) -> None:
    """The same model, but for rounding, which grows over so many steps.

    Measured, relative to the norm of a kernel: at most 8 %, in those that start at zero; a run
    on 39 pictures instead of 40 is 45 % away.
    """
    for other in folders[1:]:
        for ours, theirs in zip(weights(other), weights(folders[0]), strict=True):
            assert np.linalg.norm(ours - theirs) < 0.15 * np.linalg.norm(theirs)
    psnr = [load_card(run / CARD)["results"][0]["psnr"] for run in folders]
    assert max(psnr) - min(psnr) < 0.02


def test_workers_that_differ(tmp_path: Path) -> None:
    chief, other = commands(tmp_path, 2)
    ends = cluster.run([chief, [*other, "--set", "train.seed=1"]])
    assert [end.code for end in ends] == [2, 2], ends
    assert "has other settings or pictures than the chief" in ends[1].err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_chief_that_cannot_begin(pair: Path) -> None:
    ends = cluster.run(commands(pair.parent, 2))
    assert [end.code for end in ends] == [2, 2], ends
    assert "exists already and is never written over" in ends[0].err.splitlines()[-1]
    assert "another worker is gone" in ends[1].err.splitlines()[-1]


def test_a_finished_run_is_left_alone(pair: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in pair.rglob("*")}
    ends = cluster.run(commands(pair.parent, 2, "--resume"))
    assert [end.code for end in ends] == [0, 0], ends
    assert {path: path.stat().st_mtime_ns for path in pair.rglob("*")} == before
