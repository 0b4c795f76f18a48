"""Noise: pure functions `(image, seed, **parameters) -> image`, and their names in specs.

`image` is float32 `[H, W, C]` in [0, 1], `seed` an integer tensor `[2]`. The same
image and seed give the same bits, eagerly and inside `tf.data`. The result has the same shape
and type and is not clipped. A parameter is a number or a range `[lo, hi]`, from which each
picture draws.

To add a noise, write the function, state each parameter's
`Limits`, add a row to `NOISES`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import tensorflow as tf

from kdae.draws import Level, normal, pick, pick_log, split, uniform
from kdae.errors import check_share
from kdae.noise.blocks import blocks
from kdae.noise.camera import camera
from kdae.noise.developed import developed
from kdae.noise.grain import grain
from kdae.noise.jpeg import jpeg
from kdae.noise.parameters import Limits


def identity(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the image as it is, so that a `choice` can leave some pictures clean."""
    del seed
    return image


def gaussian(
    image: tf.Tensor, seed: tf.Tensor, sigma: Annotated[Level, Limits(0, 255)]
) -> tf.Tensor:
    """Adds white Gaussian noise.

    Args:
        image: float32 `[H, W, C]` in [0, 1].
        seed: integer tensor `[2]`.
        sigma: standard deviation on the 0-255 scale; a range is drawn from uniformly.
    """
    return image + _deviation(seed, sigma) * normal(seed, tf.shape(image))


def speckle(
    image: tf.Tensor, seed: tf.Tensor, sigma: Annotated[Level, Limits(0, 255)]
) -> tf.Tensor:
    """Multiplies by `1 + n`, where `n` is white Gaussian noise: bright areas are noisier.

    Args:
        image: float32 `[H, W, C]` in [0, 1].
        seed: integer tensor `[2]`.
        sigma: standard deviation at white, on the 0-255 scale; a range is drawn from
            uniformly.
    """
    return image * (1.0 + _deviation(seed, sigma) * normal(seed, tf.shape(image)))


def poisson(
    image: tf.Tensor, seed: tf.Tensor, peak: Annotated[Level, Limits(0.01, 1e6, log=True)]
) -> tf.Tensor:
    """Replaces the image by counts of photons: `Poisson(image * peak) / peak`.

    The variance is `image / peak`.

    Args:
        image: float32 `[H, W, C]` in [0, 1]; where it is negative there are no photons.
        seed: integer tensor `[2]`.
        peak: mean number of photons at white; a range is drawn from log-uniformly.
    """
    value_seed, noise_seed = split(seed, 2)
    photons = pick_log(peak, uniform(value_seed, [])) if isinstance(peak, Sequence) else peak
    mean = tf.maximum(image, 0.0) * photons
    counts = tf.random.stateless_poisson(tf.shape(image), noise_seed, mean, tf.float32)
    return counts / photons


def salt_pepper(
    image: tf.Tensor, seed: tf.Tensor, amount: Annotated[Level, Limits(0, 1)]
) -> tf.Tensor:
    """Sets random values to 0 or 1, with even odds; each channel is drawn independently.

    Args:
        image: float32 `[H, W, C]` in [0, 1].
        seed: integer tensor `[2]`.
        amount: share of the values that are set, 0 to 1; a range is drawn from uniformly.
    """
    value_seed, noise_seed = split(seed, 2)
    share = pick(amount, uniform(value_seed, []))
    draw = uniform(noise_seed, tf.shape(image))
    image = tf.where(draw < share, 1.0, image)
    return tf.where(draw < share * 0.5, 0.0, image)


def quantize(image: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Clips some pictures to [0, 1] and rounds them to multiples of 1/255, as 8-bit files do.

    Args:
        image: float32 `[H, W, C]`.
        seed: integer tensor `[2]`.
        probability: probability that a picture is quantized, 0 to 1.

    Returns:
        Float32 `[H, W, C]`.

    Raises:
        UserError: `probability` is not from 0 to 1.
    """
    check_share("probability", probability)
    rounded = tf.round(tf.clip_by_value(image, 0.0, 1.0) * 255.0) * (1 / 255)
    return tf.where(uniform(seed, []) < probability, rounded, image)


NOISES: dict[str, Callable[..., tf.Tensor]] = {
    "identity": identity,
    "gaussian": gaussian,
    "poisson": poisson,
    "blocks": blocks,
    "salt_pepper": salt_pepper,
    "speckle": speckle,
    "camera": camera,
    "developed": developed,
    "grain": grain,
    "jpeg": jpeg,
}


def _deviation(seed: tf.Tensor, sigma: Level) -> tf.Tensor | float:
    """Draws sigma and converts it to the scale of the image, on which white is 1."""
    if not isinstance(sigma, Sequence):
        return sigma / 255
    # The noise itself uses the seed as given, and sigma one that is derived from it.
    (own,) = split(seed, 1)
    return pick((sigma[0] / 255, sigma[1] / 255), uniform(own, []))
