"""Noise as it is found in developed pictures, whatever camera or program made them.

Cameras, scanners and editors leave noise that no model of a sensor gives: a fine grain in
brightness over a weak wide component, and colour that is wide or gone. These are its
statistics, drawn directly. `jpeg` usually follows.
"""

from typing import Annotated

import numpy as np
import tensorflow as tf

from kdae.draws import Level, drawer, map_level, normal, pick, pick_log, split
from kdae.noise.blur import blur, blur_noise
from kdae.noise.colour import TO_RGB, luma
from kdae.noise.parameters import Limits

_SHARPENED = 0.25  # share of the pictures whose noise is sharpened
_SHARPENING_SIGMA = 1.0  # pixels
# From Y, Cr and Cb. R - Y and B - Y are larger than Cr and Cb by these factors (ITU-R BT.601).
_TO_RGB = np.array([[1], [1.402], [1.772]], np.float32) * TO_RGB


def developed(
    image: tf.Tensor,
    seed: tf.Tensor,
    sigma: Annotated[Level, Limits(0, 255, log=True)] = (1.2, 12.0),
    smooth: Annotated[Level, Limits(0, 10)] = (0.3, 1.0),
    wide: Annotated[Level, Limits(0, 1)] = (0.0, 0.28),
    wide_smooth: Annotated[Level, Limits(0, 20)] = (1.5, 4.5),
    colour: Annotated[Level, Limits(0, 10)] = (0.0, 1.3),
    smooth_colour: Annotated[Level, Limits(0, 20)] = (0.7, 4.8),
    colourless: Annotated[float, Limits(0, 1, ranged=False)] = 0.3,
    edges: Annotated[Level, Limits(0, 10)] = (0.0, 1.2),
    tilt: Annotated[Level, Limits(-1, 1)] = (-0.5, 0.5),
    sharpen: Annotated[Level, Limits(0, 5)] = (0.0, 0.8),
) -> tf.Tensor:
    """Adds noise of a given strength and smoothness in brightness and in colour.

    Of a range each picture draws; `sigma` on a logarithmic scale, the others uniformly.

    Args:
        image: float32 `[H, W, C]` in [0, 1], C 1 or 3.
        seed: integer tensor `[2]`.
        sigma: standard deviation of the noise in brightness on the 0-255 scale, in flat parts
            of middle brightness.
        smooth: standard deviation of the Gaussian that blurs the grain, in pixels.
        wide: share of the variance in brightness that is wide, 0 to 1.
        wide_smooth: standard deviation of the Gaussian that blurs the wide part, in pixels.
        colour: standard deviation of Cb and Cr over that of brightness; the two differ by up
            to a fifth.
        smooth_colour: standard deviation of the Gaussian that blurs the colour, in pixels.
        colourless: probability that there is no noise in colour at all, 0 to 1. The noise is
            then equal in red, green and blue.
        edges: by how much the noise is stronger at edges; 1 is at most twice as strong.
        tilt: how the strength changes with brightness: from `1 - tilt` in black to
            `1 + tilt` in white.
        sharpen: amount of the unsharp mask that a quarter of the pictures gets on the noise.

    Returns:
        Float32 `[H, W, C]`, not clipped.
    """
    draws, grain_seed, wide_seed, colour_seed = split(seed, 4)
    draw = drawer(draws, 13)
    height, width = tf.unstack(tf.shape(image)[:2])
    fine = blur_noise(normal(grain_seed, [height, width, 1]), pick(smooth, draw()))
    blotches = blur_noise(normal(wide_seed, [height, width, 1]), pick(wide_smooth, draw()))
    place = draw()
    share, rest = pick(wide, place), pick(map_level(wide, lambda end: 1.0 - end), place)
    grain = tf.sqrt(rest) * fine + tf.sqrt(share) * blotches
    amount = pick(sharpen, draw()) * tf.cast(draw() < _SHARPENED, tf.float32)
    strength = pick_log(map_level(sigma, lambda end: end / 255), draw())
    grain = strength * (grain + amount * (grain - blur(grain, _SHARPENING_SIGMA)))

    brightness = blur(luma(image), 0.8)
    gain = 1.0 + pick(edges, draw()) * _edges(brightness)
    gain = gain * (1.0 + pick(tilt, draw()) * (2.0 * brightness - 1.0))
    if image.shape[-1] == 1:
        # A product of matrices, as the graph optimizer reorders a chain of plain ones.
        return image + gain * tf.tensordot(grain, [[1.0]], 1)
    factor = strength * pick(colour, draw()) * tf.cast(draw() >= colourless, tf.float32)
    lean = 0.4 * draw()
    strengths = factor * tf.stack([0.8 + lean, 1.2 - lean])
    chroma = blur_noise(normal(colour_seed, [height, width, 2]), pick(smooth_colour, draw()))
    planes = tf.concat([grain, chroma * strengths], -1)
    return image + gain * tf.tensordot(planes, _TO_RGB, 1)


def _edges(brightness: tf.Tensor) -> tf.Tensor:
    """Returns how much of an edge each pixel is, 0 to 1, of a smooth `[H, W, 1]`."""
    down = tf.abs(brightness - tf.roll(brightness, 2, 0))
    right = tf.abs(brightness - tf.roll(brightness, 2, 1))
    slope = blur(down + right, 1.0)
    return slope / (slope + 0.08)
