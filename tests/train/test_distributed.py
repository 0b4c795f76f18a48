"""Several workers: who they are, and that they train what one does.

`make test-workers` has more.
The workers are processes of their own, in a network of their own.
"""

import csv
import json
import signal
from pathlib import Path

import numpy as np
import pytest

from kdae.cards import MODEL
from kdae.errors import UserError
from kdae.train.distributed import Workers, workers_from_environment
from kdae.train.folder import CHECKPOINTS, HISTORY
from tests.train import cluster
from tests.train.test_run import SGD, arguments, weights


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


def commands(photos: Path, outs: list[Path], *more: str) -> list[list[str]]:
    return [["-m", "kdae.train", *arguments(photos, out, **SGD), *more] for out in outs]


def test_a_killed_worker_ends_the_others_and_all_resume_to_what_one_trains(
    plain_photos: Path, single: Path, tmp_path: Path
) -> None:
    """`make test-workers` has two workers that are never stopped, and compares bit for bit."""
    chief_out, other_out = tmp_path / "chief", tmp_path / "other"
    outs = [chief_out, other_out]
    chief, killed = cluster.run(
        commands(plain_photos, outs),
        kill=1, once=str(chief_out / CHECKPOINTS / "*.index"), count=2, patience=60,
    )  # fmt: skip
    assert killed.code == -signal.SIGKILL
    assert chief.code == 2 and chief.after < 30, chief
    last = chief.err.splitlines()[-1]
    assert last.startswith("error: TF_CONFIG: another worker is gone"), chief.err
    assert "--resume" in last
    assert not (chief_out / MODEL).exists()
    kept = max(int(path.stem.split("-")[1]) for path in chief_out.glob("checkpoints/*.index"))
    assert 0 < kept < 16

    ends = cluster.run(commands(plain_photos, outs, "--resume"))
    assert [end.code for end in ends] == [0, 0], ends
    assert "dB denoised" in ends[0].out
    # One line, that it waits, is all there is to say.
    assert ends[1].out == "" and len(ends[1].err.splitlines()) == 1, ends[1]
    assert not other_out.exists()
    plots = {"curves.png", "samples.png"}
    files = {path.name for path in chief_out.iterdir()}
    assert files == plots | {path.name for path in single.iterdir()}
    moved = 0.0
    for one, two in zip(weights(single), weights(chief_out), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
        moved = max(moved, float(np.abs(one).max()))
    assert moved > 0.1
    histories = [
        list(csv.DictReader((run / HISTORY).read_text().splitlines()))
        for run in (single, chief_out)
    ]
    for one, two in zip(*histories, strict=True):
        assert one["step"] == two["step"]
        assert float(one["psnr"]) == pytest.approx(float(two["psnr"]), abs=2e-3)
    # The mean over the last eight steps, all of them by two workers that were not stopped.
    losses = [float(rows[-1]["loss"]) for rows in histories]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
