"""Draws random numbers that depend only on a seed: uniform, normal, and values in a range.

Inside `tf.data` the draws give the same bits as in eager mode. For this the arithmetic has no
division by a constant and no common factors, because the graph optimizer of `tf.data` would
change these.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Level = float | Sequence[float]
"""A fixed number, or a range `[low, high]`."""


def uniform(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers from [0, 1).

    Args:
        seed: An integer tensor [2].
        shape: The shape of the result.
    """
    return tf.raw_ops.StatelessRandomUniformV2(shape=shape, **_generator(seed))


def normal(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers from the standard normal distribution.

    Args:
        seed: An integer tensor [2].
        shape: The shape of the result.
    """
    return tf.raw_ops.StatelessRandomNormalV2(shape=shape, **_generator(seed))


def drawer(seed: tf.Tensor, count: int) -> Callable[[], tf.Tensor]:
    """Returns a function that gives the next of `count` numbers drawn from [0, 1) at once.

    Args:
        seed: A stateless seed `[2]`.
        count: How often the function can be called. The numbers before do not depend on it.
    """
    return functools.partial(next, iter(tf.unstack(uniform(seed, [count]))))


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Derives `count` independent seeds [2] from one seed [2]."""
    seeds = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[count, 2], dtype=seed.dtype, **_generator(seed)
    )
    return tf.unstack(seeds)


def _generator(seed: tf.Tensor) -> dict[str, Any]:
    """Returns the key, counter and algorithm (Philox) for the raw random ops.

    The bits are those of `tf.random.stateless_uniform(..., alg="philox")`. That function runs
    twenty small ops on the seed where this one runs one, and on patches they cost more than the
    drawing. Philox is named because TensorFlow by itself may choose another algorithm on
    another device.
    """
    philox = tf.random.Algorithm.PHILOX.value
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return {"key": key, "counter": counter, "alg": philox}


def pick(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Returns the value of a range at position `u` in [0, 1), or a fixed number itself."""
    if isinstance(level, Sequence):
        low, high = level
        return low + u * (high - low)
    return float(level)


def pick_log(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Does the same as `pick` on a logarithmic scale: each doubling is equally likely."""
    if isinstance(level, Sequence):
        low, high = level
        return low * tf.exp(u * math.log(high / low))
    return float(level)


def pick_whole(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Does the same as `pick` for whole numbers (as float32), with both ends included."""
    if isinstance(level, Sequence):
        low, high = level
        return low + tf.floor(u * (high - low + 1))
    return float(level)


def map_level(level: Level, change: Callable[[float], float]) -> Level:
    """Changes a number, or both ends of a range.

    What is drawn from a range is better left alone: the graph optimizer would join the
    constants of the draw and of the change, and the bits would differ from those of eager mode.
    """
    return [change(end) for end in level] if isinstance(level, Sequence) else change(level)
