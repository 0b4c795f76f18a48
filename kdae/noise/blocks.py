"""Knocked-out blocks of pixels, as of a damaged file or a broken transmission."""

from collections.abc import Sequence
from typing import Annotated

import tensorflow as tf

from kdae.draws import Level, pick_whole, split, uniform
from kdae.noise.parameters import Limits


def blocks(
    image: tf.Tensor,
    seed: tf.Tensor,
    count: Annotated[Level, Limits(0, 1000, whole=True)],
    size: Annotated[Level, Limits(1, 1000, whole=True)],
    fill: Annotated[float | str, Limits(0, 1, ranged=False, words=("mean", "noise"))] = 0.0,
) -> tf.Tensor:
    """Knocks out square blocks of pixels at uniformly drawn places; they may overlap.

    Args:
        image: float32 `[H, W, C]` in [0, 1].
        seed: integer tensor `[2]`.
        count: number of blocks; of a range each picture draws one.
        size: side of a block in pixels, cut to the picture's; of a range each block draws one.
        fill: what a block is filled with: a value in [0, 1], `'mean'` (the picture's mean
            colour) or `'noise'` (uniform random values).
    """
    place_seed, fill_seed = split(seed, 2)
    most = int(max(count) if isinstance(count, Sequence) else count)
    # One draw for everything: row 0 the count, the others y, x and side of each block.
    draws = uniform(place_seed, [most + 1, 3])
    number = pick_whole(count, draws[0, 0])
    y, x, side = tf.unstack(draws[1:, :, tf.newaxis], axis=1)
    shape = tf.shape(image)
    height, width = tf.cast(shape[0], tf.float32), tf.cast(shape[1], tf.float32)
    side = tf.minimum(pick_whole(size, side), tf.minimum(height, width))
    side = tf.where(tf.range(most, dtype=tf.float32)[:, tf.newaxis] < number, side, 0.0)
    rows = _inside(y, side, height)
    columns = _inside(x, side, width)
    mask = (tf.matmul(rows, columns, transpose_a=True) > 0.0)[:, :, tf.newaxis]
    if fill == "mean":
        paint = tf.reduce_mean(image, axis=[0, 1])
    elif fill == "noise":
        paint = uniform(fill_seed, shape)
    else:
        paint = tf.constant(fill, tf.float32)
    return tf.where(mask, paint, image)


def _inside(place: tf.Tensor, side: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns float32 `[n, length]`: 1 inside n intervals of width `side`, else 0.

    `place` is where an interval lies in its room, [0, 1).
    """
    start = tf.floor(place * (length - side + 1.0))
    at = tf.range(length)
    return tf.cast((at >= start) & (at < start + side), tf.float32)
