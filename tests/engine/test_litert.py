"""LiteRT and Keras: the same results, and which of them runs what."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kdae
from kdae.cards import card_inside, find_model, load_card, shipped_models, weights_folder
from kdae.data import KDAE_PHOTOS
from kdae.engine import Denoiser, load
from kdae.engine.litert import LiteRT
from kdae.errors import UserError
from kdae.images import to_float
from tests.helpers import noise_image, read_once, tiny_run

MODELS = shipped_models()
SIZES = [(256, 256), (201, 135), (7, 5), (1, 1), (64, 700)]
WITHOUT = """
import sys
import numpy as np
import kdae
assert kdae.load("gray", threads=1).denoise(np.zeros((9, 9), np.uint8)).shape == (9, 9)
import kdae.client.__main__, kdae.denoise.__main__
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""


def photograph(channels: int, height: int, width: int) -> np.ndarray:
    """A noisy photograph, beyond [0, 1] here and there, so that clipping would show."""
    tiles = read_once(KDAE_PHOTOS, "test", channels, 3).arrays
    row = to_float(np.concatenate(tiles, axis=1))[:height, :width]
    noise = np.random.default_rng(0).normal(0, 25 / 255, row.shape)
    return (row + noise).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_files_equal_keras(name: str) -> None:
    ours, theirs = load(name), load(name, engine="keras")
    assert isinstance(ours.network, LiteRT) and not isinstance(theirs.network, LiteRT)
    for size in SIZES:
        image = photograph(ours.channels, *size)
        expected = theirs.denoise_float(image)
        np.testing.assert_allclose(ours.denoise_float(image), expected, atol=1e-5, rtol=0)
    assert expected.shape == (64, 700, ours.channels)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_files_come_from_the_same_weights(name: str) -> None:
    """Also those of 8 bits; another model's differ by far more than rounding does."""
    card = load_card(weights_folder() / f"{name}.json")
    keras = load(name, engine="keras")
    image = photograph(keras.channels, 256, 256)
    expected = keras.denoise_float(image)
    removed = float(np.sqrt(np.mean((expected - image) ** 2)))
    for fast, most in ((False, 1e-6), (True, 0.1)):
        assert card_inside(find_model(name, fast=fast).path) == card
        clean = load(name, fast=fast).denoise_float(image)
        error = float(np.sqrt(np.mean((clean - expected) ** 2)))
        assert error < most * removed
    assert card["halo"] <= card["exact_halo"] == keras.card["exact_halo"]


def test_fast_is_another_file_and_never_the_default() -> None:
    image = photograph(1, 64, 64)
    exact, fast = load("gray"), load("gray", fast=True)
    np.testing.assert_array_equal(load("gray").denoise_float(image), exact.denoise_float(image))
    assert (fast.denoise_float(image) != exact.denoise_float(image)).any()
    assert find_model("gray", fast=True).path.name == "gray-weights8.tflite"


@pytest.mark.parametrize("name", MODELS)
def test_tiles_equal_the_whole_picture(name: str) -> None:
    image = photograph(1, 192, 336)
    whole = load(name).denoise_float(image, tile=336)
    tiled = load(name, exact=True).denoise_float(image, tile=96)
    np.testing.assert_allclose(tiled, whole, atol=1e-6, rtol=0)
    hardly = np.abs(load(name).denoise_float(image, tile=96) - whole).max()
    assert 0 < hardly <= 0.5 / 255  # a quarter on the photographs it was measured with


def test_one_interpreter_takes_one_size_after_another() -> None:
    denoiser = load("gray", threads=1)
    images = [photograph(1, *size) for size in ((64, 64), (8, 300), (64, 64))]
    first, _, again = [denoiser.denoise_float(image) for image in images]
    np.testing.assert_array_equal(first, again)
    both = load("gray", threads=2).denoise_float(images[0])
    np.testing.assert_allclose(both, first, atol=1e-6)


def test_a_file_elsewhere_brings_its_card(tmp_path: Path) -> None:
    shutil.copy(find_model("gray").path, tmp_path / "mine.tflite")
    denoiser = load(tmp_path / "mine.tflite")
    assert denoiser.card == load("gray").card
    image = noise_image(20, 30, 3)
    np.testing.assert_array_equal(denoiser.denoise(image), load("gray").denoise(image))


def test_what_each_engine_refuses(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    file = find_model("gray").path
    (tmp_path / "broken.tflite").write_bytes(file.read_bytes()[:1000])
    (tmp_path / "text.tflite").write_text("not a model")
    for name, how, message in (
        (run, {"engine": "litert"}, r"`kdae export --model .*run --format tflite` makes some"),
        (file, {"engine": "keras"}, r"engine: keras does not run .*gray\.tflite, litert does"),
        ("gray", {"engine": "tf"}, "engine: expected litert, keras, onnx, got 'tf'"),
        (run, {"fast": True}, "fast: .*run with the engine keras has no file of 8 bits"),
        ("gray", {"fast": True, "engine": "keras"}, "fast: gray with the engine keras"),
        ("gray", {"threads": 0}, "threads: expected at least 1, got 0"),
        (tmp_path / "none.tflite", {}, "none.tflite: no such file"),
        (tmp_path / "text.tflite", {}, "text.tflite: LiteRT cannot run it"),
        (tmp_path / "broken.tflite", {}, "broken.tflite: LiteRT cannot run it"),
    ):
        with pytest.raises(UserError, match=message):
            load(name, **how)


def test_the_file_is_of_another_kind(tmp_path: Path) -> None:
    denoiser = load("gray")
    with pytest.raises(ValueError, match="channels 3, but the model takes 1"):
        Denoiser(denoiser.network, {**denoiser.card, "channels": 3})


def test_without_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=Path.cwd().parent,
        env={"PYTHONPATH": str(Path(kdae.__file__).parents[1])},
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
