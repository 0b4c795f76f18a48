"""Statistics of noise, as that of cameras was measured: slow changes are taken off."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.ndimage import uniform_filter

from kdae.noise import build_noise

# Y, Cb and Cr of ITU-R BT.601.
_Y = np.array([0.299, 0.587, 0.114])
YCC = np.stack([_Y, ([0, 0, 1] - _Y) / 1.772, ([1, 0, 0] - _Y) / 1.402], -1)


def slopes(size: int) -> np.ndarray:
    """A colourful picture that changes slowly, float32 `[size, size, 3]`."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    return np.stack([0.35 + 0.3 * x, 0.35 + 0.3 * y, 0.5 + 0 * x], -1)


def many(image: np.ndarray, noise: Any, count: int) -> np.ndarray:
    """`count` draws of a noise on `image`, less the image, on the 0-255 scale."""
    make: Callable[..., tf.Tensor] = build_noise(noise)
    clean = tf.constant(image)
    seeds = tf.stack([tf.range(count), tf.fill([count], 7)], -1)
    graph = tf.function(
        lambda: tf.map_fn(
            lambda seed: make(clean, seed) - clean, seeds, fn_output_signature=tf.float32
        ),
        autograph=False,
    )
    noises: np.ndarray = graph().numpy() * 255
    return noises


def without_slow(noises: np.ndarray) -> np.ndarray:
    """Takes the mean over 33x33 pixels off `[n, H, W, C]`, and the borders away."""
    return (noises - uniform_filter(noises, (0, 33, 33, 0)))[:, 16:-16, 16:-16]


def autocorrelation(planes: np.ndarray, lags: tuple[int, ...]) -> np.ndarray:
    """Of `[n, H, W]` along rows, a mean over the n draws, for each lag in pixels."""
    power = (planes**2).mean((1, 2))
    return np.array(
        [
            ((planes[:, :, lag:] * planes[:, :, :-lag]).mean((1, 2)) / power).mean()
            for lag in lags
        ]
    )


def channel_correlations(noises: np.ndarray) -> np.ndarray:
    """Of each draw `[n, H, W, 3]` the correlations RG, GB and RB, `[n, 3]`."""
    flat = noises.reshape(len(noises), -1, 3)
    return np.array([np.corrcoef(own.T)[[0, 1, 0], [1, 2, 2]] for own in flat])
