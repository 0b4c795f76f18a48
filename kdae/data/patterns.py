"""Regular patterns, drawn on patches: what photographs hold too little of.

A network that has not seen meshes, railings, halftone and flat saturated colours takes the
first three for noise, and changes the last.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from kdae.draws import split, uniform

_PERIODS = (2.0, 16.0)  # pixels
_BRICKS = 256  # colours of bricks, which repeat after so many


class _Draws(NamedTuple):
    """What a pattern is drawn from; all are uniform in [0, 1)."""

    laid: tf.Tensor
    turn: tf.Tensor
    upright: tf.Tensor
    period_u: tf.Tensor
    square: tf.Tensor
    period_v: tf.Tensor
    whole: tf.Tensor
    begin_u: tf.Tensor
    begin_v: tf.Tensor
    hard: tf.Tensor
    duty: tf.Tensor
    kind: tf.Tensor
    near: tf.Tensor
    side: tf.Tensor
    place: tf.Tensor
    faint: tf.Tensor
    opacity: tf.Tensor


def patterns(image: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Lays a regular pattern, or a flat colour, over a part of some pictures.

    Args:
        image: float32 `[H, W, C]` in [0, 1], C 1 or 3, its sides known.
        seed: integer tensor `[2]`.
        share: share of the pictures that get one, 0 to 1. Three in ten of the patterns are
            stripes, a quarter grids, a quarter checks, a tenth bricks, and an eighth is one
            flat colour. Periods are 2 to 16 pixels, on a logarithmic scale, half of them whole
            numbers; contrast, colours, sharpness, direction, and the part that is covered are
            drawn as well.

    Returns:
        Float32 `[H, W, C]` in [0, 1].
    """
    draws_seed, colours_seed, bricks_seed = split(seed, 3)
    draws = _Draws(*tf.unstack(uniform(draws_seed, [len(_Draws._fields)])))

    def laid() -> tf.Tensor:
        height, width, channels = image.shape
        lines = tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32)
        y, x = tf.meshgrid(*lines, indexing="ij")
        pattern = _pattern(y, x, draws, colours_seed, bricks_seed)
        if channels == 1:
            pattern = tf.reduce_mean(pattern, -1, keepdims=True)
        part = _part(y - (height - 1) / 2, x - (width - 1) / 2, max(height, width), draws)
        return tf.clip_by_value(image + part * (pattern - image), 0.0, 1.0)

    chosen = tf.cond(draws.laid < share, laid, lambda: tf.identity(image))
    return tf.ensure_shape(chosen, image.shape)


def _pattern(
    y: tf.Tensor, x: tf.Tensor, draws: _Draws, colours_seed: tf.Tensor, bricks_seed: tf.Tensor
) -> tf.Tensor:
    """Draws a pattern over planes of coordinates `[H, W]`, float32 `[H, W, 3]` in [0, 1]."""
    # Six in ten lie along rows and columns.
    turn = tf.where(draws.upright < 0.6, tf.floor(2.0 * draws.turn) * 0.5, draws.turn)
    cosine, sine = tf.cos(math.pi * turn), tf.sin(math.pi * turn)
    u, v = cosine * x + sine * y, cosine * y - sine * x
    period_u = _period(draws.period_u)
    period_v = tf.where(draws.square < 0.4, period_u, _period(draws.period_v))
    u, v = u + 16.0 * draws.begin_u, v + 16.0 * draws.begin_v
    whole = draws.whole < 0.5
    period_u, period_v, u, v = (
        tf.where(whole, tf.round(value), value) for value in (period_u, period_v, u, v)
    )
    across, along = _wave(u, period_u, draws), _wave(v, period_v, draws)
    checks = across + along - 2.0 * across * along
    mask = tf.where(
        draws.kind < 0.3, across, tf.where(draws.kind < 0.55, across * along, checks)
    )
    first, second = _colours(colours_seed, draws)
    two = first + mask[..., tf.newaxis] * (second - first)
    column = tf.cast(tf.floor(u / tf.maximum(period_u, 3.0)), tf.int32)
    row = tf.cast(tf.floor(v / tf.maximum(period_v, 3.0)), tf.int32)
    # Two primes, so that neighbours have different colours.
    brick = tf.math.floormod(column * 37 + row * 101, _BRICKS)
    bricks = tf.gather(uniform(bricks_seed, [_BRICKS, 3]), brick)
    bricks = first + _contrast(draws) * (bricks - first)
    flat = tf.zeros_like(two) + first
    return tf.where(draws.kind < 0.78, two, tf.where(draws.kind < 0.88, bricks, flat))


def _period(drawn: tf.Tensor) -> tf.Tensor:
    shortest, longest = _PERIODS
    return shortest * tf.pow(longest / shortest, drawn)


def _wave(at: tf.Tensor, period: tf.Tensor, draws: _Draws) -> tf.Tensor:
    """Returns a wave between 0 and 1, from soft to almost square, its maxima narrow or wide."""
    duty = tf.where(draws.duty < 0.4, 0.5, draws.duty)
    level = tf.cos(math.pi * (0.2 + 0.6 * duty))
    hardness = 3.0 * tf.pow(16.0, draws.hard)
    # Half a pixel on, half of a whole period is high and half is low; but a wave of two pixels
    # would be 0 everywhere.
    at = at + tf.where(period < 2.5, 0.0, 0.5)
    return tf.sigmoid(hardness * (tf.cos(2.0 * math.pi * at / period) - level))


def _contrast(draws: _Draws) -> tf.Tensor:
    return tf.pow(0.05, draws.near)


def _colours(seed: tf.Tensor, draws: _Draws) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws two colours `[3]`; three in ten are at corners of the colour cube."""
    drawn = uniform(seed, [4, 3])
    pair = tf.where(drawn[:2, :1] < 0.3, tf.round(drawn[2:]), drawn[:2])
    return pair[0], pair[0] + _contrast(draws) * (pair[1] - pair[0])


def _part(y: tf.Tensor, x: tf.Tensor, size: int, draws: _Draws) -> tf.Tensor:
    """Returns how much of the pattern is seen where, `[H, W, 1]`; the edge is straight."""
    turn = 2.0 * math.pi * draws.side
    beyond = tf.cos(turn) * x + tf.sin(turn) * y
    part = tf.sigmoid(4.0 * (beyond + (size * draws.place - 0.3 * size)))
    return (part * tf.where(draws.faint < 0.6, 1.0, draws.opacity))[..., tf.newaxis]
