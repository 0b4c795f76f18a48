"""What several tests share: a tiny model of total stride 4, its card, a run folder."""

import functools
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image

from kdae.cards import CARD, MODEL, write_card
from kdae.data import Pictures, load_pictures
from kdae.engine import Denoiser
from kdae.engine.keras_model import KerasModel
from kdae.export import photographs
from kdae.model import ModelConfig, build_denoiser, describe, quantization, save_model

TINY = ModelConfig(family="skip", widths=(4, 8), blocks=(1, 1))


SAVED_PIXELS = 2**16
"""The number of pixels of the largest picture that the SavedModels of the tests decode."""


class Saved(NamedTuple):
    """A SavedModel: the folder of its versions, and version 1, loaded."""

    folder: Path
    model: Any


@functools.cache
def tiny_model(channels: int = 1, config: ModelConfig = TINY) -> keras.Model:
    """Two scales, random weights; every filter is alive, so that a seam would show."""
    model = build_denoiser(config, channels)
    generator = np.random.default_rng(channels)
    for weight in model.trainable_variables:
        fan_in = max(int(np.prod(weight.shape[:-1])), 1)
        weight.assign(generator.normal(0.0, 1.0 / np.sqrt(fan_in), weight.shape))
    return model


@functools.cache
def tiny_card(channels: int = 1) -> dict[str, Any]:
    """The card of `tiny_model`."""
    return describe(tiny_model(channels), "tiny")


@functools.cache
def tiny_denoiser(channels: int = 1) -> Denoiser:
    """`tiny_model`, ready for pictures."""
    return Denoiser(KerasModel(tiny_model(channels)), tiny_card(channels))


def tiny_run(folder: Path, channels: int = 1) -> Path:
    """Writes `tiny_model` and its card as a run folder; returns it."""
    folder.mkdir(parents=True)
    save_model(tiny_model(channels), folder / MODEL)
    write_card(tiny_card(channels), folder / CARD)
    return folder


def tiny_tflite(path: Path, channels: int = 1) -> Path:
    """Writes `tiny_model` and its card as a TFLite file that does not clip; returns it."""
    from kdae.export.tflite.exporter import convert
    from kdae.export.tflite.flatbuffer import add_card

    model = tiny_model(channels)
    (converted,) = convert(model, model, None, ["float32"])
    path.write_bytes(add_card(converted, tiny_card(channels)))
    return path


read_once = functools.cache(load_pictures)
"""`load_pictures` for the photographs of the package, which do not change: to read all of them
takes seconds."""


def calibrate_quickly(patch: pytest.MonkeyPatch, exporter: ModuleType) -> None:
    """Lets an exporter choose 8-bit ranges on 16 photographs and an eighth of their values.

    48 photographs and all values take it seconds.
    """
    few = functools.partial(photographs.calibration_pictures, count=16)
    patch.setattr(exporter, "calibration_pictures", few)
    patch.setattr(quantization, "_SAMPLES", 512)
    patch.setattr(photographs, "load_pictures", read_once)


def skip_plots(patch: pytest.MonkeyPatch) -> None:
    """Lets training draw no plots, which take a third of a run of a dozen steps."""
    for name in ("plot_curves", "plot_samples"):
        patch.setattr(f"kdae.train.folder.{name}", lambda *_: None)


def touch(*paths: Path) -> None:
    """Makes files with a byte in each, and their folders."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def blurred_photos(folder: Path, count: int = 12) -> Path:
    """Fills a folder with pictures of blurred noise: they can be learned from, made at once."""
    rng = np.random.default_rng(0)
    for index in range(count):
        small = rng.integers(0, 256, (12, 12), np.uint8)
        Image.fromarray(small).resize((48, 48), Image.Resampling.BICUBIC).save(
            folder / f"{index:02}.png"
        )
    return folder


def noise_image(*shape: int, seed: int = 0, dtype: Any = np.uint8) -> np.ndarray:
    """Uniform random values: the whole range of an integer type, [0, 1] of a float."""
    values = np.random.default_rng(seed).uniform(size=shape)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return values.astype(dtype)
    return (values * (np.iinfo(dtype).max + 1)).astype(dtype)


def pictures(arrays: list[np.ndarray], noisy: list[np.ndarray] | None = None) -> Pictures:
    """Made-up pictures, or pairs."""
    names = [str(i) for i in range(len(arrays))]
    return Pictures(names, ["CC0-1.0"] * len(arrays), arrays, noisy, "test")
