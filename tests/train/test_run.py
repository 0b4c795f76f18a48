"""Whole runs: the folder, resuming bit for bit, and every way a run can end."""

import csv
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from kdae.cards import CARD, MODEL, load_card
from kdae.errors import UserError
from kdae.train import Config, load_config, loop, train
from kdae.train import run as train_module
from kdae.train.__main__ import main
from kdae.train.config import config_from_dict, save_config
from kdae.train.folder import CONFIG, HISTORY
from tests import warm
from tests.helpers import blurred_photos, skip_plots

STEPS = 24
# Adam would blow rounding up where a gradient is nearly 0, as would 8 bits.
SGD = {"optimizer": "sgd", "learning_rate": 0.2, "eight_bits": 0.0}

# A step is traced anew for each stage, which takes seconds.
ONE_STAGE = {"grow": [], "eight_bits": 0.0}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = blurred_photos(tmp_path_factory.mktemp("photos"))
    entries = [{"file": f"{index:02}.png", "license": "CC0-1.0"} for index in range(7)]
    (folder / "manifest.json").write_text(json.dumps(entries))
    return folder


def settings(photos: Path, **train: object) -> dict[str, dict[str, object]]:
    base: dict[str, object] = {
        "steps": STEPS, "batch": 4, "patch": 16, "warmup": 2, "learning_rate": 0.03,
        "ema": 0.9, "weight_decay": 1e-6, "validate_every": 8, "checkpoint_every": 4,
        "grow": [{"at": 0.5, "batch": 2, "patch": 24}], "eight_bits": 0.75,
        "precision": "float32",
    }  # fmt: skip
    return {
        "data": {"source": str(photos)},
        "model": {"widths": [4], "blocks": [1]},
        "noise": {"kind": {"gaussian": {"sigma": 60}}, "quantize": 0},
        "augment": {"mirrored": 0.1},
        "validation": {"patch": 32, "noise": {"gaussian": {"sigma": 60}}},
        "train": base | train,
    }


def config(photos: Path, **train: object) -> Config:
    return config_from_dict(settings(photos, **train))


def weights(run: Path) -> list[np.ndarray]:
    loaded = keras.saving.load_model(run / MODEL, compile=False)
    result: list[np.ndarray] = loaded.get_weights()
    return result


def equal(a: Path, b: Path) -> bool:
    return all((x == y).all() for x, y in zip(weights(a), weights(b), strict=True))


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run never stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return train(config(photos), out, command="the command")


def test_the_run_folder(whole: Path, photos: Path) -> None:
    names = {p.name for p in whole.iterdir()}
    assert names == {
        MODEL, CARD, CONFIG, HISTORY, "curves.png", "samples.png",
    }  # fmt: skip
    assert load_config(whole / "config.yaml") == config(photos)
    rows = list(csv.DictReader((whole / "history.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [8, 16, 24]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[0]["regularization"]) > 0
    card = json.loads((whole / "model-card.json").read_text())
    assert card["training"]["command"] == "the command"
    assert card["training"]["steps"] == STEPS
    assert card["training"]["pictures"] == 10  # of twelve, one to validate and one to test
    assert card["training"]["licenses"] == {"CC0-1.0": 6, "unknown": 4}
    assert card["results"][0]["psnr"] == pytest.approx(float(rows[-1]["psnr"]), abs=1e-3)
    assert card["results"][0]["psnr"] > card["results"][0]["psnr_noisy"]
    assert (card["channels"], card["size_multiple"], card["margin"]) == (1, 2, 16)
    for name in ("curves.png", "samples.png"):
        with Image.open(whole / name) as picture:
            assert min(picture.size) > 200


@pytest.fixture(autouse=True)
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the plots of all runs but `whole`, which is made before."""
    skip_plots(monkeypatch)


def arguments(photos: Path, out: Path, **train: object) -> list[str]:
    sections = settings(photos, **train)
    pairs = [
        f"{s}.{k}={json.dumps(v)}" for s, values in sections.items() for k, v in values.items()
    ]
    return [word for pair in pairs for word in ("--set", pair)] + ["--out", str(out)]


def test_killed_interrupted_and_resumed_bit_for_bit(
    whole: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "stopped"
    words = arguments(photos, out)
    with warm.Command("-m", "kdae.train", *words) as command:
        # Killed as soon as some checkpoint after the first is there, wherever that is.
        deadline = time.monotonic() + 300
        while len(list(out.glob("checkpoints/*.index"))) < 2:
            assert command.code is None and time.monotonic() < deadline
            time.sleep(0.01)
        command.send(signal.SIGKILL)
        assert command.ended().code == -signal.SIGKILL
    assert not (out / MODEL).exists()

    # Resumed, and stopped by Ctrl-C in the second stage, which it had not begun: a stage takes
    # seconds to begin.
    real = loop.build_step

    def interrupted(*args: Any, **kw: Any) -> object:
        function, state = real(*args, **kw), args[1]

        def step_function(batches: Iterator[Any]) -> object:
            if int(state.step) == 14:
                raise KeyboardInterrupt
            return function(batches)

        return step_function

    with monkeypatch.context() as patch:
        patch.setattr(loop, "build_step", interrupted)
        assert main([*words, "--resume"]) == 130
    card = json.loads((out / "model-card.json").read_text())
    assert card["training"]["steps"] == 14
    # The card's figure is that of the weights of step 14, not the history's, of step 8.
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["8"]
    assert card["results"][0]["psnr"] != pytest.approx(float(rows[0]["psnr"]), abs=1e-3)

    # The config may be left out: the folder has it.
    assert main(["--out", str(out), "--resume"]) == 0
    assert equal(out, whole)
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["8", "16", "24"]
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert main(["--out", str(out), "--resume"]) == 0  # nothing left to do
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_a_loss_that_is_not_a_number(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "nan"
    bad = config(
        photos, **ONE_STAGE, optimizer="sgd", learning_rate=1e30, clip_norm=None, warmup=0
    )
    with pytest.raises(
        UserError, match=r"not a number at step \d+.*last good weights, of step \d+"
    ):
        train(bad, out)
    assert all(np.isfinite(w).all() for w in weights(out))
    assert json.loads((out / "model-card.json").read_text())["training"]["steps"] < STEPS


def test_a_full_disk_leaves_the_last_checkpoint(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "full"
    limit = """
import resource, signal, sys
from kdae.train import loop
from kdae.errors import run_main
from kdae.train.__main__ import main
save = loop.Loop.save
def limited(self):
    if int(self.state.step) >= 8:  # from here on no file may pass 4 kB
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    save(self)
loop.Loop.save = limited
run_main(main)
"""
    words = arguments(photos, out, **ONE_STAGE, validate_every=100)
    ended = warm.ended("-c", limit, *words)
    assert ended.code == 2, ended
    assert "checkpoint of step 8 could not be written" in ended.err
    assert "ckpt-4, is intact" in ended.err
    assert main([*words, "--resume"]) == 0
    assert load_card(out / CARD)["training"]["steps"] == STEPS


def test_a_run_is_never_written_over(whole: Path, photos: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("*")}
    with pytest.raises(UserError, match="exists already and is never written over"):
        main(arguments(photos, whole))
    assert {p: p.stat().st_mtime_ns for p in whole.rglob("*")} == before


def test_resume_refuses_other_settings_and_other_folders(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.steps \(24 in the folder, 3000 given\)"):
        main(["--set", "train.seed=0", "--out", str(whole), "--resume"])
    with pytest.raises(UserError, match="is not a run folder"):
        main(["--out", str(tmp_path), "--resume"])


def test_a_folder_that_cannot_be_written(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        train(config(photos), tmp_path / "file" / "run")


def test_starting_from_another_model(
    whole: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour = config_from_dict(
        settings(photos, **ONE_STAGE, init=str(whole), steps=1, learning_rate=1e-9)
        | {"data": {"source": str(photos), "channels": 3}}
    )
    out = train(colour, tmp_path / "colour")
    assert "down0_conv, head_conv start afresh" in capsys.readouterr().err
    name = "encoder0_block0_conv1"
    models = [keras.saving.load_model(f / MODEL, compile=False) for f in (out, whole)]
    kernels = [model.get_layer(name).kernel.numpy() for model in models]
    np.testing.assert_allclose(kernels[0], kernels[1], atol=1e-6)
    # Killed before its first checkpoint, the run still starts from the other model.
    early = tmp_path / "early"
    early.mkdir()
    save_config(colour, early / CONFIG)
    assert equal(train(colour, early, resume=True), out)
    wrong = config_from_dict(
        settings(photos, init=str(whole)) | {"model": {"widths": [5], "blocks": [1]}}
    )
    with pytest.raises(UserError, match="no layer has the shapes"):
        train(wrong, tmp_path / "wrong")


# Logical devices must be set before TensorFlow starts, so in a process of its own.
TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from pathlib import Path
from kdae.train import train
from tests.train.test_run import SGD, config
train(config(Path(sys.argv[1]), **SGD), Path(sys.argv[2]), devices=["CPU:0", "CPU:1"])
"""


def test_two_devices_train_what_one_does(
    plain_photos: Path, single: Path, tmp_path: Path
) -> None:
    ended = warm.ended("-c", TWO_DEVICES, plain_photos, tmp_path / "two")
    assert ended.code == 0, ended.err[-3000:]
    for ours, theirs in zip(weights(tmp_path / "two"), weights(single), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_batch_that_cannot_be_shared(photos: Path) -> None:
    with pytest.raises(UserError, match="multiple of the 3 devices, got 4"):
        train_module._check_batches(config(photos), 3)


def test_mixed_precision_and_tensorboard(whole: Path, photos: Path, tmp_path: Path) -> None:
    changed = config(
        photos, grow=[], precision="mixed_float16", tensorboard=True, steps=8, seed=1
    )
    out = train(changed, tmp_path / "half")
    loaded = keras.saving.load_model(out / MODEL, compile=False)
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    assert not equal(out, whole)
    assert [p for p in (out / "tensorboard").iterdir() if p.stat().st_size > 1000]


def test_summary(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--summary"]) == 0
    text = capsys.readouterr().out
    assert "down0_conv" in text and "receptive field" in text
    assert not list(tmp_path.iterdir())
