"""Specs of noise, as written in a config, and the functions made of them.

A spec is a dict with one key::

    {gaussian: {sigma: [0, 55]}}
    {chain: [{poisson: {peak: 30}}, {blocks: {count: 5, size: 4}}]}     # one after another
    {choice: [identity, {gaussian: {sigma: 25}}]}                       # one of them
    {choice: {specs: [identity, {camera: {}}], weights: [1, 3]}}

A list alone is a chain, a name alone a noise with its default parameters.
"""

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from kdae.draws import split, uniform
from kdae.errors import UserError, did_you_mean
from kdae.noise.noises import NOISES
from kdae.noise.parameters import read_parameters

Noise = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def chain(noises: Sequence[Noise]) -> Noise:
    """Applies noises one after another, each with a seed of its own."""

    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        for noise, own in zip(noises, split(seed, len(noises)), strict=True):
            image = noise(image, own)
        return image

    return apply


def choice(noises: Sequence[Noise], weights: Sequence[float] | None = None) -> Noise:
    """Applies one of the noises, drawn with probabilities in proportion to `weights`."""
    ends = np.cumsum(weights or np.ones(len(noises)))
    # Where the share of each option in [0, 1) ends. The index of the option chosen is the
    # number of ends below the draw. No tensor, as configs are checked before the devices are
    # set up.
    shares = (ends[:-1] / ends[-1]).astype(np.float32)

    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        choice_seed, noise_seed = split(seed, 2)
        passed = uniform(choice_seed, []) >= shares
        index = tf.reduce_sum(tf.cast(passed, tf.int32))
        branches = [functools.partial(noise, image, noise_seed) for noise in noises]
        return tf.ensure_shape(tf.switch_case(index, branches), image.shape)

    return apply


def build_noise(spec: Mapping[str, Any] | Sequence[Any] | str) -> Noise:
    """Makes a function `(image, seed) -> image` of a spec; see this module's docstring.

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
    # The noises need no AutoGraph, which would take seconds to translate their source.
    return tf.autograph.experimental.do_not_convert(functools.partial(function, **values))


def check_noise(spec: Mapping[str, Any] | Sequence[Any] | str) -> None:
    """Checks a spec against the signatures of the noises it names.

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


def parse_noise(text: str) -> dict[str, Any]:
    """Reads a noise from the command line.

    Args:
        text: `NAME:VALUE`, the value that of the noise's first parameter (`gaussian:25`,
            `gaussian:[0, 55]`); `NAME` alone (`camera`); or a spec in YAML
            (`{poisson: {peak: 30}}`).

    Raises:
        UserError: names the noise or the parameter, what was expected and what came.
    """
    try:
        spec = yaml.safe_load(text)
        if isinstance(spec, str):
            name, _, value = spec.partition(":")
            spec = {name.strip(): yaml.safe_load(value)}
    except yaml.YAMLError as error:
        raise UserError(f"--noise {text}: not valid YAML: {error}") from error
    if isinstance(spec, dict) and len(spec) == 1:
        (name, value), *_ = spec.items()
        first = [*inspect.signature(NOISES[name]).parameters][2:] if name in NOISES else []
        if first and value is not None and not isinstance(value, dict):
            spec = {name: {first[0]: value}}
    try:
        check_noise(spec)
    except UserError as error:
        raise UserError(f"--noise {text}: {error}") from None
    return spec if isinstance(spec, dict) else {"chain": spec}
