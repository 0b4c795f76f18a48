"""Noisy photographs, which exporters use to calibrate, to measure, and as check tiles."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kdae.data import KDAE_PHOTOS, load_pictures
from kdae.images import from_float, to_float
from kdae.noise import build_noise

SIDE = 256  # height and width of all photographs, in pixels
SIGMA = 25  # noise of the measured photographs, on the 0 to 255 scale
_CALIBRATION, _MEASURED = 48, 8
_ANY_LEVEL = {"gaussian": {"sigma": [0, 55]}}


class Photograph(NamedTuple):
    """A photograph with and without noise.

    Attributes:
        name: The name of the photograph.
        noisy: The photograph with noise, float32 [H, W, C], multiples of 1/255 in [0, 1].
        clean: The photograph without noise, of the same shape.
    """

    name: str
    noisy: np.ndarray
    clean: np.ndarray


@functools.cache
def examples(channels: int) -> list[Photograph]:
    """Returns test photographs of 256x256 pixels with Gaussian noise of sigma 25."""
    pictures = load_pictures(KDAE_PHOTOS, "test", channels)
    step = max(len(pictures) // _MEASURED, 1)
    return [
        Photograph(
            pictures.names[index],
            _noisy(pictures.arrays[index], {"gaussian": {"sigma": SIGMA}}, index),
            to_float(pictures.arrays[index]),
        )
        for index in range(0, len(pictures), step)
    ][:_MEASURED]


def calibration_pictures(
    card: Mapping[str, Any], side: int, count: int = _CALIBRATION
) -> list[np.ndarray]:
    """Returns training photographs with the noise that the model was trained on.

    Args:
        card: The model card. If it names no training noise, Gaussian noise up to sigma 55 is
            used.
        side: The height and width of the squares that are cut from the photographs, in pixels;
            above `SIDE` whole photographs are returned.
        count: The largest number of photographs.

    Returns:
        float32 [side, side, C] in [0, 1], one per photograph.
    """
    side = min(side, SIDE)
    noise = card.get("training", {}).get("noise", {}).get("kind", _ANY_LEVEL)
    pictures = load_pictures(KDAE_PHOTOS, "train", int(card["channels"]), min_size=side)
    step = max(len(pictures) // count, 1)
    chosen = range(0, len(pictures), step)[:count]
    return [_noisy(pictures.arrays[i][:side, :side], noise, i) for i in chosen]


def _noisy(picture: np.ndarray, noise: Mapping[str, Any], seed: int) -> np.ndarray:
    image = build_noise(noise)(tf.constant(to_float(picture)), tf.constant([seed, SIGMA]))
    return to_float(from_float(image.numpy(), np.uint8))
