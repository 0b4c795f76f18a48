"""JPEG compression, the form in which most pictures reach a denoiser."""

import functools
from collections.abc import Callable
from typing import Annotated

import numpy as np
import tensorflow as tf

from kdae.draws import Level, pick_whole, uniform
from kdae.noise.parameters import Limits

_BLOCK = 16  # pixels, with colour at half resolution
# TensorFlow compresses to any quality with colour at half resolution. With colour at full
# resolution the quality is an attribute of the op, so there is one op for each of these.
_FULL_COLOUR_QUALITIES = np.array([60, 66, 72, 77, 82, 86, 90, 93, 96, 99])


def jpeg(
    image: tf.Tensor,
    seed: tf.Tensor,
    quality: Annotated[Level, Limits(1, 100, whole=True)] = (60, 96),
    probability: Annotated[float, Limits(0, 1, ranged=False)] = 1.0,
    full_colour: Annotated[float, Limits(0, 1, ranged=False)] = 0.25,
    twice: Annotated[float, Limits(0, 1, ranged=False)] = 0.12,
) -> tf.Tensor:
    """Saves a picture as JPEG and reads it again. The blocks start anywhere.

    Args:
        image: float32 `[H, W, C]`, C 1 or 3; values outside [0, 1] are clipped.
        seed: integer tensor `[2]`.
        quality: quality of libjpeg, 1 to 100; a range is drawn from uniformly.
        probability: probability that the picture is compressed at all, 0 to 1.
        full_colour: probability that colour keeps its full resolution (4:4:4), 0 to 1.
            Otherwise it has half of it (4:2:0). At full resolution the quality is rounded to
            one of ten from 60 to 99.
        twice: probability that the file is opened, cropped and saved once more, 0 to 1. The
            second grid of blocks then lies elsewhere.

    Returns:
        Float32 `[H, W, C]`; in [0, 1] if compressed, otherwise not clipped.
    """
    draws = tf.unstack(uniform(seed, [10]))
    save = functools.partial(_save_with, quality=quality, full_colour=full_colour)

    def saved() -> tf.Tensor:
        first = save(image, draws[:4])
        return tf.cond(draws[8] < twice, lambda: save(first, draws[4:8]), lambda: first)

    compressed = tf.cond(draws[9] < probability, saved, lambda: tf.identity(image))
    return tf.ensure_shape(compressed, image.shape)


def save_half_colour(
    image: tf.Tensor, quality: tf.Tensor | float, down: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Compresses and decompresses with colour at half resolution.

    Args:
        image: float32 `[H, W, C]`; clipped to [0, 1].
        quality: quality of libjpeg, 1 to 100.
        down: from 0 to 1: where the grid of blocks starts.
        right: the same across.

    Returns:
        Float32 `[H, W, C]`, multiples of 1/255.
    """
    encode = functools.partial(_encode_half_colour, quality=tf.cast(quality, tf.int32))
    return _through(image, encode, down, right)


def _save_with(
    image: tf.Tensor, draws: list[tf.Tensor], quality: Level, full_colour: float
) -> tf.Tensor:
    which, full, down, right = draws
    wanted = tf.cast(pick_whole(quality, which), tf.int32)

    def encode(pixels: tf.Tensor) -> tf.Tensor:
        half = functools.partial(_encode_half_colour, pixels, wanted)
        if image.shape[-1] == 1:
            return half()
        whole = functools.partial(_encode_full_colour, pixels, wanted)
        return tf.cond(full < full_colour, whole, half)

    return _through(image, encode, down, right)


def _encode_half_colour(pixels: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.EncodeJpegVariableQuality(images=pixels, quality=quality)


def _encode_full_colour(pixels: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    middles = (_FULL_COLOUR_QUALITIES[1:] + _FULL_COLOUR_QUALITIES[:-1]) / 2
    index = tf.reduce_sum(tf.cast(tf.cast(quality, tf.float32) > middles, tf.int32))
    encoders = [
        functools.partial(tf.io.encode_jpeg, pixels, quality=own, chroma_downsampling=False)
        for own in _FULL_COLOUR_QUALITIES.tolist()
    ]
    return tf.switch_case(index, encoders)


def _through(
    image: tf.Tensor,
    encode: Callable[[tf.Tensor], tf.Tensor],
    down: tf.Tensor,
    right: tf.Tensor,
) -> tf.Tensor:
    """Sends a picture through a file; `down` and `right` shift the grid of blocks."""
    top, left = tf.cast(down * _BLOCK, tf.int32), tf.cast(right * _BLOCK, tf.int32)
    padded = tf.pad(image, [[top, 0], [left, 0], [0, 0]], "SYMMETRIC")
    pixels = tf.cast(tf.round(tf.clip_by_value(padded, 0.0, 1.0) * 255.0), tf.uint8)
    pixels = tf.io.decode_jpeg(encode(pixels), image.shape[-1], dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(tf.cast(pixels[top:, left:], tf.float32) * (1 / 255), image.shape)
