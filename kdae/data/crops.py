"""Draws the window of a picture that an example is made of, and reads it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kdae.data.augment import crop_offset
from kdae.data.config import AugmentConfig
from kdae.data.sources import Pictures
from kdae.draws import split, uniform


def window_drawer(
    pictures: Pictures, augment: AugmentConfig, batch: int, patch: int, seed: int, left: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Returns a function that draws where an example comes from.

    Args:
        pictures: the pictures to draw from.
        augment: `windows` and `halved`.
        batch: number of examples per step.
        patch: side of the window in pixels.
        seed: seed of the run.
        left: number of seeds to leave for what is done to the window afterwards.

    Returns:
        A function from the number of an example, counted over all steps, to what
        `window_reader` reads: seeds `[left, 2]`, the index of the picture, the scale (2 for a
        window that is halved) and the top left corners `[windows, 2]` to choose from.
    """
    halved = augment.halved if pictures.noisy is None else 0.0
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
            crop_offset(own, height - more, width - more, patch)
            for own in split(where, augment.windows)
        ]
        return tf.stack(seeds), index, scale, tf.stack(corners)

    return draw


def window_reader(
    pictures: Pictures, patch: int
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns a function that reads a batch of windows.

    Args:
        pictures: as for `window_drawer`.
        patch: side of the window in pixels.

    Returns:
        A function from a batch of what `window_drawer` draws to its seeds and windows, float32
        `[batch, patch, patch, channels]`, in [0, 1], or with `pictures.levels` also beyond. For
        pairs the channels of the noisy picture come first, followed by those of the other one.
    """
    channels = pictures.arrays[0].shape[-1]
    layers = [pictures.arrays] if pictures.noisy is None else [pictures.noisy, pictures.arrays]

    def cut(index: int, scale: int, corners: np.ndarray) -> np.ndarray:
        # Only the windows are read and converted, as a picture may be large, or on disk.
        size = scale * patch
        windows = [
            [pictures.to_float(layer[index][y : y + size, x : x + size]) for layer in layers]
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
    """Shrinks a picture by two: the mean of every 2x2 pixels."""
    return (
        window[::2, ::2] + window[1::2, ::2] + window[::2, 1::2] + window[1::2, 1::2]
    ) * np.float32(0.25)


def _detail(window: np.ndarray) -> float:
    """Mean absolute Laplacian: high at edges and texture, low where a crop is smooth."""
    middle = 4 * window[1:-1, 1:-1]
    neighbours = window[:-2, 1:-1] + window[2:, 1:-1] + window[1:-1, :-2] + window[1:-1, 2:]
    return float(np.abs(middle - neighbours).mean())
