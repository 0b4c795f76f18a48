"""The grain of film and of scans."""

from typing import Annotated

import tensorflow as tf

from kdae.draws import Level, drawer, map_level, normal, pick, pick_log, split
from kdae.noise.blur import blur_noise
from kdae.noise.parameters import Limits


def grain(
    image: tf.Tensor,
    seed: tf.Tensor,
    sigma: Annotated[Level, Limits(0, 255, log=True)] = (1.0, 35.0),
    smooth: Annotated[Level, Limits(0, 10)] = (0.0, 1.5),
    colour: Annotated[Level, Limits(0, 1)] = (0.0, 0.6),
    colourless: Annotated[float, Limits(0, 1, ranged=False)] = 0.4,
    middle: Annotated[Level, Limits(0, 1)] = (0.0, 0.8),
) -> tf.Tensor:
    """Adds grain that is equal or nearly equal in all channels.

    Of a range each picture draws; `sigma` on a logarithmic scale, the others uniformly.

    Args:
        image: float32 `[H, W, C]` in [0, 1].
        seed: integer tensor `[2]`.
        sigma: standard deviation of the common grain on the 0-255 scale, at middle brightness.
        smooth: standard deviation of the Gaussian that blurs the grain, in pixels.
        colour: standard deviation of each channel's own grain over that of the common one.
        colourless: probability that the channels have no grain of their own, 0 to 1. The
            noise is then equal in all of them.
        middle: how much weaker the grain is in black and in white, from 0 (as strong there)
            to 1 (none there).

    Returns:
        Float32 `[H, W, C]`, not clipped.
    """
    draws, common, own = split(seed, 3)
    draw = drawer(draws, 5)
    height, width = tf.unstack(tf.shape(image)[:2])
    sharpness = pick(smooth, draw())
    strength = pick_log(map_level(sigma, lambda end: end / 255), draw())
    noise = normal(common, [height, width, 1])
    weakening, factor = pick(middle, draw()), pick(colour, draw())
    if image.shape[-1] > 1:
        factor = factor * tf.cast(draw() >= colourless, tf.float32)
        noise = noise + factor * normal(own, [height, width, image.shape[-1]])
    brightness = tf.reduce_mean(image, -1, keepdims=True)
    level = 1.0 - weakening * (1.0 - 4.0 * brightness * (1.0 - brightness))
    return image + strength * level * blur_noise(noise, sharpness)
