"""Which part of which picture an example is made of, and how it is read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kdae.data import augment
from kdae.data.config import AugmentConfig
from kdae.data.sources import Pictures
from kdae.draws import split, uniform
from kdae.images import to_float


def window_drawer(
    pictures: Pictures, flips: AugmentConfig, batch: int, patch: int, seed: int, left: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """A function from the global example number to what `window_reader` reads.

    That is seeds [left, 2] for what is done to the window afterwards, the picture's number,
    the scale, and the corners [windows, 2] to choose from.
    """
    halved = flips.halved if pictures.noisy is None else 0.0
    sizes = np.array([array.shape[:2] for array in pictures.arrays])
    areas = sizes.prod(axis=1, dtype=np.float64)
    shares = tf.constant(np.cumsum(areas) / areas.sum(), tf.float32)
    sizes_tensor = tf.constant(sizes, tf.int32)

    def draw(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        key = tf.stack([tf.constant(seed, tf.int64), number // batch])
        key = tf.random.experimental.stateless_fold_in(key, number % batch)
        which, where, *seeds = split(key, 2 + left)
        index = tf.searchsorted(shares, uniform(which, [1]), side="right")[0]
        index = tf.minimum(index, len(areas) - 1)
        height, width = tf.unstack(sizes_tensor[index])
        scale = tf.constant(1)
        if halved > 0:
            where, own = split(where, 2)
            fits = 2 * patch <= tf.minimum(height, width)
            scale += tf.cast((uniform(own, []) < halved) & fits, tf.int32)
        more = (scale - 1) * patch
        corners = [
            augment.crop_offset(own, height - more, width - more, patch)
            for own in split(where, flips.windows)
        ]
        return tf.stack(seeds), index, scale, tf.stack(corners)

    return draw


def window_reader(
    pictures: Pictures, patch: int
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A function from a batch of what `window_drawer` gives to its seeds and windows.

    The windows are float32 [batch, patch, patch, channels]; of pairs the noisy one's channels
    come first.
    """
    channels = pictures.arrays[0].shape[-1]
    layers = [pictures.arrays] if pictures.noisy is None else [pictures.noisy, pictures.arrays]

    def cut(index: int, scale: int, corners: np.ndarray) -> np.ndarray:
        # Only the windows are read and made float: a picture may be large, or on disk.
        size = scale * patch
        windows = [
            [to_float(layer[index][y : y + size, x : x + size]) for layer in layers]
            for y, x in corners
        ]
        if scale > 1:
            windows = [[_halve(layer) for layer in window] for window in windows]
        # The last is the clean one of a pair.
        best = windows[0] if len(windows) == 1 else max(windows, key=lambda w: _detail(w[-1]))
        return np.concatenate(best, axis=-1)

    def cut_all(*drawn: np.ndarray) -> np.ndarray:
        return np.stack([cut(*own) for own in zip(*drawn, strict=True)])

    def read(
        seeds: tf.Tensor, indices: tf.Tensor, scales: tf.Tensor, corners: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        drawn = [indices, scales, corners]
        images = tf.numpy_function(cut_all, drawn, tf.float32, stateful=False)
        return seeds, tf.ensure_shape(images, [None, patch, patch, channels * len(layers)])

    return read


def _halve(window: np.ndarray) -> np.ndarray:
    """Mean of every 2x2 pixels."""
    return (
        window[::2, ::2] + window[1::2, ::2] + window[::2, 1::2] + window[1::2, 1::2]
    ) * np.float32(0.25)


def _detail(window: np.ndarray) -> float:
    """Mean size of what the four neighbours do not tell of a pixel."""
    middle = 4 * window[1:-1, 1:-1]
    neighbours = window[:-2, 1:-1] + window[2:, 1:-1] + window[1:-1, :-2] + window[1:-1, 2:]
    return float(np.abs(middle - neighbours).mean())
