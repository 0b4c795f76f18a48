"""Several workers: who they are, and that they train what one does.

`make test-workers` has more.
The workers are processes of their own, in a network of their own.
"""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from kdae.cards import MODEL
from kdae.errors import UserError
from kdae.train.__main__ import main
from kdae.train.distributed import Workers, workers_from_environment
from kdae.train.folder import CHECKPOINTS, HISTORY
from tests.helpers import blurred_photos
from tests.train import cluster
from tests.train.test_run import SGD, arguments, equal, weights


def environment(monkeypatch: pytest.MonkeyPatch, tree: object) -> Workers:
    text = tree if isinstance(tree, str) else json.dumps(tree)
    monkeypatch.setenv("TF_CONFIG", text)
    return workers_from_environment()


def test_who_the_workers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    alone = workers_from_environment()
    assert alone == Workers() and alone.is_chief and not alone.several
    assert environment(monkeypatch, {}) == alone
    cluster = {"worker": ["a:1", "b:1"]}
    second = environment(
        monkeypatch, {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    )
    assert second == Workers(("a:1", "b:1"), 1)
    assert second.several and not second.is_chief
    with_chief = {"worker": ["a:1", "b:1"], "chief": ["c:1"]}
    task = {"type": "chief", "index": 0}
    assert environment(monkeypatch, {"cluster": with_chief, "task": task}).is_chief
    task = {"type": "worker", "index": "1"}  # a string, as some schedulers write it
    last = environment(monkeypatch, {"cluster": with_chief, "task": task})
    assert last == Workers(("c:1", "a:1", "b:1"), 2)
    single = environment(
        monkeypatch, {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    )
    assert not single.several


@pytest.mark.parametrize(
    "tree",
    [
        "worker 1",
        "[]",
        {"cluster": {"worker": ["a:1", "b:1"]}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": -1}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}},
        {"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}},
        {"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}},
    ],
)
def test_a_config_that_names_no_workers(monkeypatch: pytest.MonkeyPatch, tree: object) -> None:
    with pytest.raises(UserError, match=r"^TF_CONFIG: expected.* got "):
        environment(monkeypatch, tree)


def test_an_address_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"type": "worker", "index": 1}
    with pytest.raises(UserError, match="an address per worker, got one twice"):
        environment(monkeypatch, {"cluster": {"worker": ["a:1", "a:1"]}, "task": task})


def test_alone_nothing_is_exchanged() -> None:
    with Workers().together():
        pass
    assert Workers().told(None, [1.5, 2.0]).tolist() == [1.5, 2.0]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blurred_photos(tmp_path_factory.mktemp("photos"))


def commands(photos: Path, outs: list[Path], *more: str) -> list[list[str]]:
    return [["-m", "kdae.train", *arguments(photos, out, **SGD), *more] for out in outs]


@pytest.fixture(scope="module")
def pair(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two workers, never stopped."""
    folder = tmp_path_factory.mktemp("pair")
    outs = [folder / "chief", folder / "other"]
    ends = cluster.run(commands(photos, outs))
    assert [end.code for end in ends] == [0, 0], ends
    assert "dB denoised" in ends[0].out
    # One line, that it waits, is all there is to say.
    assert ends[1].out == "" and len(ends[1].err.splitlines()) == 1, ends[1]
    assert [path.name for path in folder.iterdir()] == ["chief"]
    return outs[0]


def test_two_workers_train_what_one_does(photos: Path, pair: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    assert main(arguments(photos, alone, **SGD)) == 0
    assert {path.name for path in alone.iterdir()} == {path.name for path in pair.iterdir()}
    moved = 0.0
    for one, two in zip(weights(alone), weights(pair), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
        moved = max(moved, float(np.abs(one).max()))
    assert moved > 0.1
    histories = [(run / HISTORY).read_text().splitlines() for run in (alone, pair)]
    for rows in zip(*histories, strict=True):
        # All but the time.
        step, loss = zip(*(row.split(",")[:2] for row in rows), strict=True)
        assert step[0] == step[1]
        assert loss[0] == loss[1] or float(loss[0]) == pytest.approx(float(loss[1]), rel=1e-4)


def test_a_killed_worker_ends_the_others_and_all_resume(
    photos: Path, pair: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / "chief", tmp_path / "other"]
    chief, killed = cluster.run(
        commands(photos, outs),
        kill=1, once=str(outs[0] / CHECKPOINTS / "*.index"), count=2, patience=60,
    )  # fmt: skip
    assert killed.code == -signal.SIGKILL
    assert chief.code == 2 and chief.after < 30, chief
    last = chief.err.splitlines()[-1]
    assert last.startswith("error: TF_CONFIG: another worker is gone"), chief.err
    assert "--resume" in last
    assert not (outs[0] / MODEL).exists()
    ends = cluster.run(commands(photos, outs, "--resume"))
    assert [end.code for end in ends] == [0, 0], ends
    assert equal(outs[0], pair)
    assert not outs[1].exists()
