"""Augmentation: pure functions `(image, seed) -> image`, eager and inside `tf.data`.

The choice depends on the seed alone and not on the picture. The noisy and the clean picture
of a pair therefore stay aligned when both are given the same seed. Each function needs a seed
of its own (see `kdae.draws.split`): with a shared one their choices would be correlated.
"""

import math

import tensorflow as tf

from kdae.draws import uniform
from kdae.noise import scale_colour


def crop_offset(
    seed: tf.Tensor, height: tf.Tensor | int, width: tf.Tensor | int, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws the top left corner of a square crop, uniformly over all that fit.

    Args:
        seed: integer tensor `[2]`.
        height: height of the picture in pixels, at least `size`.
        width: width of the picture in pixels, at least `size`.
        size: side of the crop in pixels.

    Returns:
        `(y, x)` in pixels, int32 scalars, `0 <= y <= height - size`, `0 <= x <= width - size`.
    """
    room = tf.cast(tf.stack([height, width]), tf.float32) - (size - 1)
    corner = tf.cast(uniform(seed, [2]) * room, tf.int32)
    return corner[0], corner[1]


def flip_left_right(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors a picture `[H, W, C]` left to right with probability 1/2."""
    return tf.where(uniform(seed, []) < 0.5, tf.reverse(image, [1]), image)


def flip_up_down(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors a picture `[H, W, C]` top to bottom with probability 1/2."""
    return tf.where(uniform(seed, []) < 0.5, tf.reverse(image, [0]), image)


def quarter_turn(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turns a square picture by 0, 1, 2 or 3 quarter turns, each with probability 1/4.

    Args:
        image: `[S, S, C]` of any type.
        seed: integer tensor `[2]`.

    Returns:
        `[S, S, C]` of the same type.

    Raises:
        ValueError: the picture is not square.
    """
    height, width = image.shape[:2]
    if height != width:
        raise ValueError(f"image: expected a square picture, got {height}x{width} pixels")
    # A half turn, then a quarter turn. On a patch it is cheaper to compute both sides of
    # tf.where than to branch the graph.
    half, quarter = tf.unstack(uniform(seed, [2]) < 0.5)
    image = tf.where(half, tf.reverse(image, [0, 1]), image)
    return tf.where(quarter, tf.reverse(tf.transpose(image, [1, 0, 2]), [0]), image)


def exposure(image: tf.Tensor, seed: tf.Tensor, stops: float) -> tf.Tensor:
    """Stretches every second picture, so that its lights become white or its shadows black.

    Carefully exposed photographs hold few large white or black areas. Noise is clipped there
    and looks like nowhere else, so the network has to see such areas too.

    Args:
        image: float32 `[H, W, C]` in [0, 1].
        seed: integer tensor `[2]`.
        stops: a gain of up to `2 ** stops` is drawn, on a logarithmic scale; it is applied
            from black or from white, with even odds.

    Returns:
        Float32 `[H, W, C]` in [0, 1].
    """
    drawn, side = tf.unstack(uniform(seed, [2]))
    gain = tf.pow(2.0, tf.maximum((2.0 * drawn - 1.0) * stops, 0.0))
    lights = tf.minimum(gain * image, 1.0)
    shadows = tf.maximum(1.0 - gain * (1.0 - image), 0.0)
    stretched = tf.where(side < 0.5, lights, shadows)
    # Not through the arithmetic of a gain of 1, which rounds.
    return tf.where(gain > 1.0, stretched, image)


def stripes(image: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Draws fine stripes over a part of some pictures, like those of cloth that falls in folds.

    Photographs hold few patterns that repeat every few pixels. A network that has not seen
    such patterns takes them for noise.

    Args:
        image: float32 `[H, W, C]` in [0, 1], its sides known.
        seed: integer tensor `[2]`.
        share: share of the pictures that get stripes, 0 to 1. The period is 2.2 to 8.8 pixels
            and the amplitude 0.02 to 0.3, both drawn on a logarithmic scale. Direction, folds,
            sharpness and the edge of the striped part are random too.

    Returns:
        Float32 `[H, W, C]` in [0, 1].
    """
    height, width = image.shape[:2]
    # All the draws are uniform in [0, 1).
    laid, length, turn, bend, fold_y, fold_x, fold_at, begin, hard, strength, side, place = (
        tf.unstack(uniform(seed, [12]))
    )
    lines = tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32)
    # Whole planes, as the graph optimizer reorders arithmetic on tensors of different shapes,
    # and the bits would then differ from those of eager mode.
    y, x = tf.meshgrid(*lines, indexing="ij")

    across = tf.cos(math.pi * turn) * x + tf.sin(math.pi * turn) * y
    periods = across / (2.2 * tf.pow(4.0, length))
    # Folds shift the stripes to and fro by up to two periods, slowly.
    slow = (0.06 * fold_y - 0.03) * y + (0.06 * fold_x - 0.03) * x + fold_at
    shift = 2.0 * bend * tf.sin(_turns(slow))
    wave = tf.sin(_turns(periods + shift + begin))
    # From a sine to almost a square wave.
    hardness = 1.0 + 3.0 * hard
    wave = tf.tanh(hardness * wave) / tf.tanh(hardness)

    size, middle = max(height, width), ((height - 1) / 2, (width - 1) / 2)
    beyond = tf.cos(_turns(side)) * (x - middle[1]) + tf.sin(_turns(side)) * (y - middle[0])
    part = tf.sigmoid(0.7 * (beyond + (size * place - 0.3 * size)))
    amplitude = 0.02 * tf.pow(15.0, strength)
    striped = image + (amplitude * (wave * part))[..., tf.newaxis]
    return tf.where(laid < share, tf.clip_by_value(striped, 0.0, 1.0), image)


def enlarge(image: tf.Tensor, seed: tf.Tensor, share: float, most: float = 3.0) -> tf.Tensor:
    """Enlarges the corner of some pictures to the size of the whole.

    Cameras interpolate the colours of a mosaic, so their pixels are smoother than those of
    pictures that were shrunk.

    Args:
        image: float32 `[S, S, C]` in [0, 1], its side known.
        seed: integer tensor `[2]`.
        share: share of the pictures that are enlarged, 0 to 1.
        most: largest factor, above 1; drawn from 1 up on a logarithmic scale.

    Returns:
        Float32 `[S, S, C]` in [0, 1].
    """
    size = image.shape[0]
    wanted, by = tf.unstack(uniform(seed, [2]))

    def bigger() -> tf.Tensor:
        side = tf.cast(tf.math.ceil(size / tf.pow(most, by)), tf.int32)
        resized = tf.image.resize(image[:side, :side], [size, size], "bicubic")
        return tf.clip_by_value(resized, 0.0, 1.0)

    chosen = tf.cond(wanted < share, bigger, lambda: tf.identity(image))
    return tf.ensure_shape(chosen, image.shape)


def vivid(image: tf.Tensor, seed: tf.Tensor, share: float, most: float = 2.5) -> tf.Tensor:
    """Makes the colours of some pictures more saturated.

    Args:
        image: float32 `[H, W, 3]` in [0, 1].
        seed: integer tensor `[2]`.
        share: share of the pictures, 0 to 1.
        most: largest factor of the differences from brightness; drawn from 1 up on a
            logarithmic scale.

    Returns:
        Float32 `[H, W, 3]` in [0, 1].
    """
    wanted, by = tf.unstack(uniform(seed, [2]))
    saturated = tf.clip_by_value(scale_colour(image, tf.pow(most, by)), 0.0, 1.0)
    return tf.where(wanted < share, saturated, image)


def mirror(image: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Ends some pictures at a border, and continues them by their mirror image.

    A network that has seen this can be given pictures whose borders are continued by their
    mirror image, noise and all, and then leaves a flat colour as it is up to the corner.

    Args:
        image: `[H, W, C]` of any type, its sides known and at least 16.
        seed: integer tensor `[2]`.
        share: share of the pictures, 0 to 1. In these up to 31 pixels (of small pictures up to
            half) along one side, or along two that meet, are replaced.

    Returns:
        `[H, W, C]` of the same type.
    """
    height, width = image.shape[:2]
    wanted, down, right, far_down, far_right, which = tf.unstack(uniform(seed, [6]))

    def places(length: int, drawn: tf.Tensor, used: tf.Tensor, far: tf.Tensor) -> tf.Tensor:
        reach = min(32, (length + 1) // 2)
        depth = tf.cast(tf.where(used, 4.0 + (reach - 4.0) * drawn, 0.0), tf.int32)
        line = depth + tf.abs(tf.range(length) - depth)
        return tf.where(far < 0.5, line, length - 1 - line[::-1])

    def mirrored() -> tf.Tensor:
        # One side, the other, or both: a third each.
        rows = tf.gather(image, places(height, down, which < 2 / 3, far_down), axis=0)
        return tf.gather(rows, places(width, right, which > 1 / 3, far_right), axis=1)

    chosen = tf.cond(wanted < share, mirrored, lambda: tf.identity(image))
    return tf.ensure_shape(chosen, image.shape)


def _turns(turns: tf.Tensor) -> tf.Tensor:
    """Converts full turns to radians."""
    return 2.0 * math.pi * turns
