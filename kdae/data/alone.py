"""Makes examples to learn from out of noisy pictures alone, without a clean one.

The squared error to a noisy target whose noise has a mean of 0 differs from that to the clean
picture by a constant, the variance of the noise. A network that minimizes it therefore learns
to denoise, as long as the noise of the target is independent of what the network sees:

- `repeats`: the target is the mean of all other shots of the same scene (Noise2Noise, Lehtinen
  et al. 2018, with one other shot);
- `neighbors`: of every 2x2 pixels one goes into a half-size input and the mean of its two
  neighbours into the target (Neighbor2Neighbor, Huang et al. 2021);
- `blind_spot`: some pixels are replaced by others from around them, and the error counts at
  these alone (Noise2Void, Krull et al. 2019). With a mask, the pixels around a replaced one are
  replaced too, for noise that neighbours share (StructN2V, Broaddus et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kdae.data.config import SupervisionName
from kdae.draws import split, uniform

BLIND_SHARE = 0.2
"""Share of the pixels that `blind_spot` replaces, about.

The more pixels are replaced, the more errors count, whose noise then averages out; the fewer,
the more there is to see for those. On 1,100 steps of `kdae.benchmark alone` 0.02, 0.1 and 0.25
led to 26.8, 27.8 and 28.3 dB. 0.002 is usual, for a hundred times as many steps.
"""


@dataclass(frozen=True)
class Supervision:
    """What a network learns from.

    Attributes:
        kind: `clean` and `pairs`, which have a clean picture, or one of those that have none.
        blind_mask: height and width in pixels, odd, of what is replaced around a pixel of
            `blind_spot`.
    """

    kind: SupervisionName = "clean"
    blind_mask: tuple[int, int] = (1, 1)

    @property
    def alone(self) -> bool:
        """Whether there is no clean picture to learn from."""
        return self.kind not in ("clean", "pairs")

    @property
    def independent(self) -> bool:
        """Whether there is one shot of each scene, with noise independent between pixels."""
        return self.kind == "neighbors" or (
            self.kind == "blind_spot" and self.blind_mask == (1, 1)
        )


WITH_CLEAN = Supervision()


def alone_example(
    image: tf.Tensor, seed: tf.Tensor, supervision: Supervision
) -> tuple[Any, ...]:
    """Makes an example out of noisy shots of one scene.

    Args:
        image: float32 `[H, W, C]`, a noisy picture, its shape known; for `repeats`
            `[H, W, 2 C]`, a shot and the mean of the others.
        seed: integer tensor `[2]`.
        supervision: its kind is `repeats`, `neighbors` or `blind_spot`.

    Returns:
        For `repeats` the shot and the mean of the others; for `neighbors` the picture and
        the choice of `draw_cells`; for `blind_spot` the picture with pixels replaced, the
        picture itself, and where the error counts; see `hide_pixels`.
    """
    if supervision.kind == "repeats":
        shot, others = tf.split(image, 2, axis=-1)
        return shot, others
    if supervision.kind == "neighbors":
        return image, draw_cells(seed, image.shape[0] // 2, image.shape[1] // 2)
    hidden, counted = hide_pixels(image, seed, supervision.blind_mask)
    return hidden, image, counted


def draw_cells(seed: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    """Draws one pixel of every cell of 2x2 pixels, which are numbered 0 1 / 2 3.

    Args:
        seed: integer tensor `[2]`.
        rows: half the height of the picture in pixels.
        columns: half its width.

    Returns:
        int32 `[rows, columns]` in 0 to 3, for `take_cells`.
    """
    return tf.cast(uniform(seed, [rows, columns]) * 4, tf.int32)


def take_cells(images: tf.Tensor, cells: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes inputs and targets of half the size out of each picture.

    Huang et al. (2021) draw, in every cell, the input and which of its two neighbours is the
    target. Here the target is the mean of both: the expected gradient is the same, but the
    noise of the target has half the variance. Another input is the pixel beside the one
    drawn, with its own two neighbours, so that each pixel is once in a target.

    Args:
        images: float32 `[N, H, W, C]`, H and W even.
        cells: int32 `[N, H/2, W/2]`, from `draw_cells`.

    Returns:
        Inputs and targets, float32 `[2 N, H/2, W/2, C]`: first those of the pixels drawn, then
        those of the pixels beside them.
    """
    channels = images.shape[-1]
    values = tf.nn.space_to_depth(images, 2)
    values = tf.reshape(values, [*tf.unstack(tf.shape(values))[:3], 4, channels])
    # In binary the numbers of neighbours in a row differ by 1, of those in a column by 2.
    drawn, beside, below, across = (
        tf.reduce_sum(
            values * tf.one_hot(tf.bitwise.bitwise_xor(cells, step), 4)[..., tf.newaxis], axis=3
        )
        for step in range(4)
    )
    inputs = tf.concat([drawn, beside], 0)
    return inputs, tf.concat([beside + below, drawn + across], 0) / 2


def hide_pixels(
    image: tf.Tensor, seed: tf.Tensor, mask: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces random pixels, and those around them, by others from nearby.

    A replacement never comes from the mask around the pixel, so it does not share its noise.
    All channels of a pixel are replaced together, as their noise may be correlated.

    Args:
        image: float32 `[H, W, C]`, its shape known, larger than twice the reach of the
            replacements: 2 pixels, or the smaller side of the mask if that is more.
        seed: integer tensor `[2]`.
        mask: height and width, in pixels, odd, of what is replaced; `(1, 1)` for the pixel
            alone.

    Returns:
        The picture with pixels replaced, float32 `[H, W, C]`, and float32 `[H, W, 1]`, 1 at the
        centres of the masks and 0 elsewhere. The masks together have `BLIND_SHARE` as many
        pixels as the picture.
    """
    height, width, _ = image.shape
    centre_seed, offset_seed = split(seed, 2)
    share = BLIND_SHARE / (mask[0] * mask[1])
    counted = tf.cast(uniform(centre_seed, [height, width]) < share, tf.float32)
    counted = counted[..., tf.newaxis]
    covered = tf.nn.max_pool2d(counted[tf.newaxis], mask, strides=1, padding="SAME")[0] > 0
    offsets = _offsets(mask)
    drawn = tf.cast(uniform(offset_seed, [height, width]) * len(offsets), tf.int32)
    down, right = tf.unstack(tf.gather(tf.constant(offsets, tf.int32), drawn), axis=-1)
    y, x = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    others = tf.gather_nd(image, tf.stack([_inside(y, down), _inside(x, right)], axis=-1))
    hidden = tf.where(covered, others, image)
    return tf.ensure_shape(hidden, image.shape), counted


def _offsets(mask: tuple[int, int]) -> list[tuple[int, int]]:
    """Returns steps (down, right) that lead out of the mask from every pixel in it."""
    reach = range(-max(2, min(mask)), max(2, min(mask)) + 1)
    return [(y, x) for y in reach for x in reach if abs(y) >= mask[0] or abs(x) >= mask[1]]


def _inside(place: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Takes steps along an axis from its places, backwards where they would lead out."""
    last = tf.reduce_max(place)
    there = place + step
    return tf.where((there < 0) | (there > last), place - step, there)
