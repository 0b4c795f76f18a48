"""Random numbers that depend on a seed alone: uniform, normal, and draws out of ranges.

The draws are stateless. Arithmetic on tensors is written so that `tf.data` gives the bits of
eager mode: its graph optimizer turns `x / constant` into a product and pulls out common
factors, so neither is left for it to find.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Level = float | Sequence[float]
"""A fixed number, or `[low, high]`."""


def uniform(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers from [0, 1) with a stateless seed `[2]`."""
    return tf.raw_ops.StatelessRandomUniformV2(shape=shape, **_generator(seed))


def normal(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers from the standard normal distribution; the seed is `[2]`."""
    return tf.raw_ops.StatelessRandomNormalV2(shape=shape, **_generator(seed))


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Derives `count` independent seeds `[2]` from one."""
    seeds = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[count, 2], dtype=seed.dtype, **_generator(seed)
    )
    return tf.unstack(seeds)


def _generator(seed: tf.Tensor) -> dict[str, Any]:
    """Returns the arguments with which the raw ops draw by Philox.

    The bits are those of `tf.random.stateless_uniform(..., alg="philox")`, which spends twenty
    small ops on a seed where this spends one: on patches they cost more than the drawing.
    Philox is named, since TensorFlow may choose another generator on another device.
    """
    philox = tf.random.Algorithm.PHILOX.value
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return {"key": key, "counter": counter, "alg": philox}


def pick(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Returns the value at position `u` in [0, 1) of a range; a number stands for itself."""
    if isinstance(level, Sequence):
        low, high = level
        return low + u * (high - low)
    return float(level)


def pick_log(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Does as `pick`, on a logarithmic scale: each doubling is equally likely."""
    if isinstance(level, Sequence):
        low, high = level
        return low * tf.exp(u * math.log(high / low))
    return float(level)


def pick_whole(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Does as `pick`, for whole numbers (as float32), both ends included."""
    if isinstance(level, Sequence):
        low, high = level
        return low + tf.floor(u * (high - low + 1))
    return float(level)


def map_level(level: Level, change: Callable[[float], float]) -> Level:
    """Changes a number, or both ends of a range.

    What is drawn from the range is better left alone: there the graph optimizer would join the
    constants of the draw and of the change, and the bits would differ from those of eager mode.
    """
    return [change(end) for end in level] if isinstance(level, Sequence) else change(level)
