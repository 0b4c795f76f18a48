"""Searches: their trials, killed and shared searches, and test pictures that are used once."""

import csv
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdae.cards import CARD, MODEL, load_card
from kdae.errors import UserError
from kdae.train import Config, load_config, train
from kdae.train.config import config_from_dict, save_config
from kdae.train.folder import CHECKPOINTS, CONFIG
from kdae.tune import run as run_module
from kdae.tune import sealed as unseen
from kdae.tune.__main__ import main
from kdae.tune.run import tune
from kdae.tune.trials import Choice, Search, parse_search
from tests import warm
from tests.helpers import blurred_photos, skip_plots
from tests.train.test_run import equal, settings

RATES = "train.learning_rate=1e-9,0.03"


@pytest.fixture(scope="module", autouse=True)
def unplotted() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        skip_plots(patch)
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blurred_photos(tmp_path_factory.mktemp("photos"))


def config(photos: Path, **train: object) -> Config:
    """A run without stages: these are traced anew, and `tests.train` has them."""
    return config_from_dict(settings(photos, **{"grow": [], "eight_bits": 0.0} | train))


@pytest.fixture
def final_run_made(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the final run of `whole` for that of other searches: a training takes seconds."""

    def quickly(config: Config, folder: Path, **options: Any) -> Path:
        if folder.name != "final":
            return train(config, folder, **options)
        return shutil.copytree(whole / "final", folder)

    monkeypatch.setattr(run_module, "train", quickly)


# Kills itself within the first trial, after its third checkpoint.
KILLED = """
import os, signal
from kdae.errors import run_main
from kdae.train import loop
from kdae.tune.__main__ import main
save = loop.Loop.save
def last(self):
    save(self)
    if int(self.state.step) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
loop.Loop.save = last
run_main(main)
"""


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search over two learning rates."""
    out = tmp_path_factory.mktemp("searches") / "whole"
    assert tune(config(photos), [parse_search(RATES)], out, command="the command")
    return out


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("a.b=0,1e-6", Choice("a.b", ("0", "1e-6"))),
        ("a.b=[4, 8],[16]", Choice("a.b", ("[4, 8]", "[16]"))),
        ("a.b={gaussian: {sigma: 5}},x", Choice("a.b", ("{gaussian: {sigma: 5}}", "x"))),
        ("a.b=null,true", Choice("a.b", ("null", "true"))),
        ("a.b=1e-4..0.1", Choice("a.b", (), 1e-4, 0.1)),
        ("a.b=4..32", Choice("a.b", (), 4, 32)),
    ],
)
def test_what_can_be_searched(text: str, choice: Choice) -> None:
    assert parse_search(text) == choice


@pytest.mark.parametrize(
    "text", ["a", "a=", "=1", "a=0..1", "a=2..1", "a=[1", "a=1e..2", "a=1,1"]
)
def test_what_cannot_be_searched(text: str) -> None:
    with pytest.raises(UserError, match="--search"):
        parse_search(text)


def test_the_best_is_trained_on_all_and_measured_on_new_pictures(whole: Path) -> None:
    with open(whole / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["train.learning_rate"] for row in rows] == ["1e-9", "0.03"]
    assert {row["state"] for row in rows} == {"complete"}
    assert float(rows[1]["psnr"]) > float(rows[0]["psnr"]) + 1
    final = load_config(whole / "final" / CONFIG)
    assert final.train.learning_rate == 0.03
    assert final.data.train_on == ("train", "validation")
    card = load_card(whole / "final" / CARD)
    assert (
        card["training"]["pictures"] == 11
    )  # all of the twelve pictures except the one to test on
    (result,) = card["results"]
    sealed = json.loads((whole / "test.json").read_text())["result"]
    assert result == sealed | {"command": "the command"}
    assert result["images"] == 1 and result["psnr"] > result["psnr_noisy"]
    with Image.open(whole / "search.png") as picture:
        assert min(picture.size) > 200


def test_the_test_pictures_are_measured_once(
    whole: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*args: object, **kw: object) -> object:
        raise AssertionError("measured again")

    monkeypatch.setattr(unseen, "evaluate", again)
    before = (whole / "test.json").read_bytes()
    result = tune(config(photos), [parse_search(RATES)], whole)
    assert result is not None and result["test"]["images"] == 1
    assert (whole / "test.json").read_bytes() == before
    # No other model is measured, and no trial is added to a search that has chosen.
    other = whole / "trials" / "000"
    with pytest.raises(UserError, match="have been shown to another model"):
        unseen.measure_once(whole / "test.json", other, config(photos), None)
    with pytest.raises(UserError, match=r"expected at most 2, got 3: .* has chosen already"):
        Search(whole, [Choice("train.seed", (), 1, 9)], 3, 24, 0).close()
    with pytest.raises(UserError, match="holds a search with another config"):
        tune(config(photos, seed=1), [parse_search(RATES)], whole)


def test_a_model_interrupted_while_measured_is_measured_again(
    whole: Path, photos: Path, tmp_path: Path
) -> None:
    sealed = json.loads((whole / "test.json").read_text())
    (tmp_path / "test.json").write_text(json.dumps(sealed | {"result": None}))
    again = unseen.measure_once(tmp_path / "test.json", whole / "final", config(photos), None)
    assert again["psnr"] == sealed["result"]["psnr"]


def test_killed_and_shared(whole: Path, photos: Path, tmp_path: Path) -> None:
    save_config(config(photos), tmp_path / "c.yaml")
    out = tmp_path / "search"
    arguments = ["--config", str(tmp_path / "c.yaml"), "--search", RATES, "--out", str(out)]
    assert warm.ended("-c", KILLED, *arguments).code == -signal.SIGKILL
    assert list(out.glob("trials/000/checkpoints/*-8.index"))
    assert not (out / "trials" / "000" / MODEL).exists()
    with warm.Command("-m", "kdae.tune", *arguments) as other:
        status = main(arguments)
        ended = other.ended()
    assert ended.code == status == 0, ended
    assert "Traceback" not in ended.err
    # Each trial ran once, the killed one to its end, and one of the two did the final run.
    assert sorted(p.name for p in (out / "trials").glob("*[0-9]")) == ["000", "001"]
    assert equal(out / "trials" / "000", whole / "trials" / "000")
    assert equal(out / "final", whole / "final")
    results = [json.loads((f / "test.json").read_text())["result"] for f in (out, whole)]
    assert results[0]["psnr"] == results[1]["psnr"]


@pytest.mark.usefixtures("final_run_made")
def test_poor_and_diverging_trials_end_early(photos: Path, tmp_path: Path) -> None:
    bad = "train.learning_rate=0.03,1e30,0.02,1e-9"
    base = config(photos, optimizer="sgd", clip_norm=None, warmup=0, ema=0.0)
    result = tune(base, [parse_search(bad)], tmp_path / "search")
    assert result is not None
    states = [row["state"] for row in result["trials"]]
    assert states == ["complete", "fail", "complete", "pruned"]
    assert result["trials"][3]["step"] < base.train.steps
    assert result["settings"]["train.learning_rate"] in ("0.03", "0.02")
    assert not (tmp_path / "search" / "trials" / "003" / CHECKPOINTS).exists()


@pytest.mark.usefixtures("final_run_made")
def test_values_are_drawn_from_ranges(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_config(config(photos, steps=2, validate_every=2), tmp_path / "c.yaml")
    words = ["--config", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "search")]
    words += ["--search", "train.learning_rate=1e-3..1e-1", "--search", "train.batch=2..4"]
    with pytest.raises(UserError, match="--trials: needed to search a range"):
        main(words)
    assert main([*words, "--trials", "2"]) == 0
    text = capsys.readouterr().out
    assert "chosen: train.learning_rate 0.0" in text and "on 1 new pictures" in text
    with open(tmp_path / "search" / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    rates = [float(row["train.learning_rate"]) for row in rows]
    assert len(set(rates)) == 2 and all(1e-3 <= rate <= 1e-1 for rate in rates)
    assert all(row["train.batch"] in "234" for row in rows)


@pytest.mark.parametrize(
    ("changed", "test", "message"),
    [
        ({"validation": "HERE"}, None, "--test: needed with data.validation"),
        ({}, "HERE", "the same as .*, which is trained or chosen on"),
    ],
)
def test_test_pictures_that_are_not_new_are_refused(
    photos: Path, tmp_path: Path, changed: dict[str, Any], test: str | None, message: str
) -> None:
    tree = settings(photos)
    tree["data"] |= {key: str(photos) for key in changed}
    with pytest.raises(UserError, match=message):
        tune(
            config_from_dict(tree), [parse_search(RATES)], tmp_path / "s",
            test=str(photos) if test else None,
        )  # fmt: skip


def test_pictures_of_another_folder_as_test(photos: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32), np.uint8)
    Image.fromarray(pixels).save(new / "a.png")
    unseen.check_unseen(config(photos), str(new))


def test_wrong_folders_and_settings_are_refused(
    whole: Path, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="exists already and is no search"):
        tune(config(photos), [parse_search(RATES)], photos)
    with pytest.raises(UserError, match=r"train\.learning_rate: expected a number above 0"):
        tune(config(photos), [parse_search("train.learning_rate=1e-3,-1")], tmp_path / "s")
    assert not (tmp_path / "s").exists()
