"""Strict YAML: what is read, and what every kind of mistake is answered with."""

from pathlib import Path
from typing import Any

import pytest

from kdae.errors import UserError
from kdae.train import Config, load_config
from kdae.train.config import GrowConfig, config_from_dict, save_config, to_dict

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def test_the_listed_defaults_are_the_defaults() -> None:
    assert load_config(CONFIGS[0].with_name("default.yaml")) == Config()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_committed_config_loads(path: Path) -> None:
    load_config(path)


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    config = config_from_dict(
        {
            "data": {"source": {"noisy": "a", "clean": "b"}, "channels": 3},
            "train": {"grow": [{"at": 0.5, "batch": 4, "patch": 32}], "clip_norm": None},
        }
    )
    save_config(config, tmp_path / "c.yaml")
    assert load_config(tmp_path / "c.yaml") == config
    assert config.train.grow == (GrowConfig(at=0.5, batch=4, patch=32),)


def test_a_file_and_settings_are_a_diff_over_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("train: {steps: 7}\nloss: {l2: 2}\n")
    config = load_config(
        tmp_path / "c.yaml", ["train.learning_rate=1e-3", "model.widths=[4, 8, 8]"]
    )
    assert (config.train.steps, config.train.learning_rate) == (7, 1e-3)
    assert config.model.widths == (4, 8, 8)
    assert (config.loss.l2, type(config.loss.l2), config.loss.l1) == (2.0, float, 1.0)
    tree = to_dict(config)
    assert tree["train"]["batch"] == Config().train.batch


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.stps=3", ["train.stps", "did you mean 'steps'?"]),
        ("trian.steps=3", ["trian", "did you mean 'train'?"]),
        ("train.steps=many", ["train.steps", "expected a whole number above 0", "'many'"]),
        ("train.steps=true", ["train.steps", "expected a whole number above 0", "True"]),
        ("train.steps=0", ["train.steps", "above 0", "got 0"]),
        (
            "train.learning_rate=fast",
            ["train.learning_rate", "expected a number above 0", "'fast'"],
        ),
        ("data.channels=2", ["data.channels", "1, 3", "got 2"]),
        ("data.channels=true", ["data.channels", "1, 3"]),
        ("train.optimizer=adm", ["train.optimizer", "'adm'", "did you mean 'adam'?", "muon"]),
        ("model.widths=[]", ["model.widths", "a list of at least 1", "got []"]),
        ("model.widths=8", ["model.widths", "expected a list", "got 8"]),
        ("model.blocks=[1]", ["model.blocks", "one number per width"]),
        ("model.kernel=4", ["model.kernel", "odd", "got 4"]),
        ("train.patch=60", ["train.patch", "multiple of the model's stride 8", "got 60"]),
        ("train.grow=[{at: 1.5}]", ["train.grow[0].at", "a number in (0, 1)", "got 1.5"]),
        ("train.grow=[{at: 0.5, batch: 0}]", ["train.grow[0].batch", "above 0", "got 0"]),
        ("train.grow=[{at: 0.5, btch: 1}]", ["train.grow[0].btch", "batch"]),
        ("noise.quantize=2", ["noise.quantize", "[0, 1]", "got 2"]),
        (
            "noise.kind={gauss: {sigma: 2}}",
            ["noise.kind: ", "gauss", "did you mean 'gaussian'?"],
        ),
        ("noise.kind={gaussian: {sgma: 2}}", ["gaussian", "sgma"]),
        (
            "validation.noise={gaussian: {sigma: -2}}",
            ["validation.noise: noise gaussian: sigma", "-2"],
        ),
        ("loss={l1: 0, l2: 0}", ["loss", "above 0"]),
        ("model.widths=[4, 0, 4]", ["model.widths[1]", "a whole number above 0", "got 0"]),
        ("train.grow=[{at: 0.5}, {at: 0.2}]", ["train.grow", "in the order of their `at`"]),
        ("validation.patch=-1", ["validation.patch", "whole number above 0", "got -1"]),
        ("validation.patch=7", ["validation.patch", "at least the model's stride 8", "got 7"]),
        ("train.grow=[{at: 0.5, patch: 60}]", ["train.grow[0].patch", "stride 8", "got 60"]),
        ("train.learning_rate=.nan", ["train.learning_rate", "a number above 0", "got nan"]),
        ("train.clip_norm=0", ["train.clip_norm", "a number above 0 or null", "got 0"]),
        ("train.ema=1", ["train.ema", "a number in [0, 1)", "got 1"]),
        ("data.source=3", ["data.source", "a folder", "got 3"]),
        ("data.source=[a, 3]", ["data.source", "a list of the first three", "got ['a', 3]"]),
        ("data.source=[]", ["data.source", "a list of the first three", "got []"]),
        ("data.train_on=[test]", ["data.train_on[0]", "'test'", "train, validation"]),
        ("augment.flip_up_down=1", ["augment.flip_up_down", "true or false", "got 1"]),
        ("3=4", ["3: unknown setting", "known: data"]),
        ("train", ["--set train", "key=value"]),
        ("train.steps.x=1", ["train.steps"]),
        ("train=3", ["train", "expected settings", "got 3"]),
    ],
)
def test_a_mistake_is_named(setting: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load_config(None, [setting])
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [", "\xff"])
def test_a_file_that_is_no_config(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"c\.yaml"):
        load_config(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml: cannot be read"):
        load_config(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    ("given", "models"),
    [(None, ()), ("photo", ("photo",)), (["runs/a", "runs/b"], ("runs/a", "runs/b"))],
)
def test_a_run_begins_with_no_model_one_or_several(given: Any, models: tuple[str, ...]) -> None:
    assert config_from_dict({"train": {"init": given}}).train.init == models


def test_a_model_to_begin_with_is_a_name() -> None:
    with pytest.raises(UserError, match=r"train\.init\[0\]: expected text, got 3"):
        config_from_dict({"train": {"init": 3}})
