"""Noise: pure functions ``(image, seed, **parameters) -> image``, and specs that name them.

``image`` is float32 ``[H, W, C]`` in [0, 1], ``seed`` an integer tensor ``[2]``. The same
image and seed give the same bits, eagerly and inside ``tf.data``. What comes out is not
clipped. A parameter is a number or a range ``[lo, hi]``, from which each picture draws.

A spec is a dict with one key, as written in a config::

    {gaussian: {sigma: [0, 55]}}
    {chain: [{poisson: {peak: 30}}, {blocks: {count: 5, size: 4}}]}     # one after another
    {choice: [identity, {gaussian: {sigma: 25}}]}                       # one of them
    {choice: {specs: [identity, {camera: {}}], weights: [1, 3]}}

A list alone is a chain, a name alone a noise with its default parameters. To add a noise,
write the function, state each parameter's :class:`~kdae.ranges.Limits`, add a row to
:data:`NOISES`.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from kdae.blocks import blocks
from kdae.camera import camera
from kdae.errors import UserError
from kdae.ranges import (
    Level,
    Limits,
    did_you_mean,
    normal,
    pick,
    pick_log,
    read_parameters,
    split,
    uniform,
)

Noise = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def identity(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Leave the image as it is; one of the options of a ``choice``."""
    del seed
    return image


def gaussian(
    image: tf.Tensor, seed: tf.Tensor, sigma: Annotated[Level, Limits(0, 255)]
) -> tf.Tensor:
    """Add white Gaussian noise.

    Args:
        image: float32 ``[H, W, C]`` in [0, 1].
        seed: integer tensor ``[2]``.
        sigma: standard deviation on the 0-255 scale; a range is drawn from uniformly.
    """
    return image + _deviation(seed, sigma) * normal(seed, tf.shape(image))


def speckle(
    image: tf.Tensor, seed: tf.Tensor, sigma: Annotated[Level, Limits(0, 255)]
) -> tf.Tensor:
    """Multiply by ``1 + n``, ``n`` white Gaussian noise: the brighter, the noisier.

    Args:
        image: float32 ``[H, W, C]`` in [0, 1].
        seed: integer tensor ``[2]``.
        sigma: standard deviation at white, on the 0-255 scale; a range is drawn from
            uniformly.
    """
    return image * (1.0 + _deviation(seed, sigma) * normal(seed, tf.shape(image)))


def poisson(
    image: tf.Tensor, seed: tf.Tensor, peak: Annotated[Level, Limits(0.01, 1e6, log=True)]
) -> tf.Tensor:
    """Count photons: ``Poisson(image * peak) / peak``, of variance ``image / peak``.

    Args:
        image: float32 ``[H, W, C]`` in [0, 1]; negative values count no photons.
        seed: integer tensor ``[2]``.
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
    """Set values to 0 or 1, each half of the time; channels are hit independently.

    Args:
        image: float32 ``[H, W, C]`` in [0, 1].
        seed: integer tensor ``[2]``.
        amount: share of the values hit; a range is drawn from uniformly.
    """
    value_seed, noise_seed = split(seed, 2)
    share = pick(amount, uniform(value_seed, []))
    draw = uniform(noise_seed, tf.shape(image))
    image = tf.where(draw < share, 1.0, image)
    return tf.where(draw < share * 0.5, 0.0, image)


def quantize(image: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Clip to [0, 1] and round to multiples of 1/255, as an 8-bit file does, or do not.

    Args:
        image: float32 ``[H, W, C]``.
        seed: integer tensor ``[2]``.
        probability: how often a picture is quantized, 0 to 1.

    Returns:
        float32 ``[H, W, C]``.

    Raises:
        ValueError: ``probability`` is not from 0 to 1.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability: expected a number from 0 to 1, got {probability}")
    rounded = tf.round(tf.clip_by_value(image, 0.0, 1.0) * 255.0) * (1 / 255)
    return tf.where(uniform(seed, []) < probability, rounded, image)


def chain(noises: Sequence[Noise]) -> Noise:
    """Apply noises one after another, each with a seed of its own."""

    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        for noise, own in zip(noises, split(seed, len(noises)), strict=True):
            image = noise(image, own)
        return image

    return apply


def choice(noises: Sequence[Noise], weights: Sequence[float] | None = None) -> Noise:
    """Apply one of the noises, drawn with probabilities in proportion to ``weights``."""
    ends = np.cumsum(weights or np.ones(len(noises)))
    # Where each option's share of [0, 1) ends: the index is how many the draw has passed.
    # No tensor: a config is checked before the devices are set up.
    shares = (ends[:-1] / ends[-1]).astype(np.float32)

    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        choice_seed, noise_seed = split(seed, 2)
        passed = uniform(choice_seed, []) >= shares
        index = tf.reduce_sum(tf.cast(passed, tf.int32))
        branches = [functools.partial(noise, image, noise_seed) for noise in noises]
        return tf.ensure_shape(tf.switch_case(index, branches), image.shape)

    return apply


NOISES: dict[str, Callable[..., tf.Tensor]] = {
    "identity": identity,
    "gaussian": gaussian,
    "poisson": poisson,
    "blocks": blocks,
    "salt_pepper": salt_pepper,
    "speckle": speckle,
    "camera": camera,
}


def build_noise(spec: Mapping[str, Any] | Sequence[Any] | str) -> Noise:
    """Make a function ``(image, seed) -> image`` of a spec (see the top of this module).

    Raises:
        UserError: names the noise, its parameter, what was expected and what came.
    """
    if isinstance(spec, str):
        spec = {spec: None}
    if isinstance(spec, Sequence):
        spec = {"chain": spec}
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise UserError(
            "noise: expected a name and its parameters, as in {gaussian: {sigma: 25}}, "
            f"got {spec!r}"
        )
    name, parameters = next(iter(spec.items()))
    if name == "chain":
        return chain(_build_all(name, parameters))
    if name == "choice":
        if not isinstance(parameters, Mapping):
            return choice(_build_all(name, parameters))
        return _weighted_choice(parameters)
    if name not in NOISES:
        known = [*NOISES, "chain", "choice"]
        raise UserError(f"noise: unknown noise {name!r}{did_you_mean(name, known)}")
    function = NOISES[name]
    values = read_parameters(f"noise {name}", function, parameters)
    # Nothing here needs AutoGraph, which takes seconds to translate the source.
    return tf.autograph.experimental.do_not_convert(functools.partial(function, **values))


def check_noise(spec: Mapping[str, Any] | Sequence[Any] | str) -> None:
    """Check a spec against the signatures of the noises it names.

    Raises:
        UserError: names the noise, its parameter, what was expected and what came.
    """
    build_noise(spec)


def _build_all(name: str, specs: object) -> list[Noise]:
    if not isinstance(specs, Sequence) or isinstance(specs, str) or not specs:
        raise UserError(f"noise {name}: expected a list of noises, got {specs!r}")
    return [build_noise(spec) for spec in specs]


def _weighted_choice(parameters: Mapping[str, Any]) -> Noise:
    if set(parameters) != {"specs", "weights"}:
        came = ", ".join(map(str, parameters)) or "nothing"
        raise UserError(f"noise choice: expected a list, or specs and weights, got {came}")
    noises = _build_all("choice", parameters["specs"])
    weights = parameters["weights"]
    numbers = []
    with contextlib.suppress(ValueError, TypeError):
        numbers = [float(weight) for weight in weights]
    if len(numbers) != len(noises) or not min(numbers) >= 0 or not 0 < sum(numbers) < math.inf:
        raise UserError(
            f"noise choice: weights: expected {len(noises)} numbers of at least 0, not all 0, "
            f"got {weights!r}"
        )
    return choice(noises, numbers)


def _deviation(seed: tf.Tensor, sigma: Level) -> tf.Tensor | float:
    """Draw sigma, in units of white."""
    if not isinstance(sigma, Sequence):
        return sigma / 255
    # The noise itself uses the seed as given; the level, one derived from it.
    (own,) = split(seed, 1)
    return pick((sigma[0] / 255, sigma[1] / 255), uniform(own, []))
