"""8-bit arithmetic as phones do it: the ranges of tensors, and a graph that keeps to them.

TFLite's own calibration takes the smallest and the largest value seen. A few outliers then
cost all others most of their 256 levels: twice the loss. Here the range of each tensor is
the one with the least mean squared error over photographs, as in Banner et al., "Post training
4-bit quantization of convolutional networks for rapid-deployment", NeurIPS 2019,
arXiv:1810.05723; what lies beyond saturates.

Tensors that are added share one range. Their sum then falls on the levels of its parts, and
a chain of additions, as residual blocks are, costs nothing but the rounding of what is added.
These ranges are narrowed as long as the picture that comes out gets better: what saturates are
a few strong edges, while a wide step adds noise everywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.model.layers import BilinearUpsample, DepthToSpace

Range = tuple[float, float]
"""Smallest and largest value; 0 lies between."""

LEVELS = 255
PIXELS: Range = (0.0, 1.0)

_SAMPLES = 4096  # values of a tensor from each photograph
_SHARES = np.linspace(0.2, 1.0, 17)
_NARROWER = (0.8, 0.7, 0.6, 0.5)  # shares of a range of sums, tried in turn
_TRIED = 5  # photographs on which they are tried
# Their output has the values of their input, and shares its range.
_PASSING = (keras.layers.Identity, DepthToSpace, BilinearUpsample)

Hook = Callable[[keras.layers.Layer, tf.Tensor], tf.Tensor]


def choose_ranges(model: keras.Model, pictures: Sequence[np.ndarray]) -> dict[str, Range]:
    """The range of each layer's output, where it has one of its own.

    Args:
        model: a denoiser, float32.
        pictures: [H, W, C] float32 in [0, 1], noisy.

    Returns:
        By name of the layer; for the last one that of a picture, [0, 1].
    """
    shared = _shared(model)
    samples: dict[str, list[np.ndarray]] = {name: [] for name in shared}
    generator = np.random.default_rng(0)

    def record(layer: keras.layers.Layer, output: tf.Tensor) -> tf.Tensor:
        if layer.name in samples:
            samples[layer.name].append(generator.choice(output.numpy().ravel(), _SAMPLES))
        return output

    for picture in pictures:
        walk(model, tf.constant(picture[np.newaxis]), record)
    ranges = {}
    for first in set(shared.values()):
        together = [np.stack(samples[name]) for name in shared if shared[name] == first]
        ranges[first] = best_range(np.concatenate(together, axis=1)[:, :: len(together)])
    own = {name: ranges[first] for name, first in shared.items()}
    own |= {_quantized(model)[-1].name: PIXELS}
    return _narrowed(model, own, shared, pictures[:: -(-len(pictures) // _TRIED)])


def _narrowed(
    model: keras.Model,
    ranges: dict[str, Range],
    shared: Mapping[str, str],
    pictures: Sequence[np.ndarray],
) -> dict[str, Range]:
    """Narrows the ranges of sums as long as the result comes closer to that of the model."""
    inputs = [tf.constant(picture[np.newaxis]) for picture in pictures]
    exact = [model(image, training=False) for image in inputs]

    def error(tried: Mapping[str, Range]) -> float:
        rounded = with_ranges(model, tried)
        squares = [
            tf.reduce_mean(tf.square(rounded(image) - tf.clip_by_value(result, *PIXELS)))
            for image, result in zip(inputs, exact, strict=True)
        ]
        return float(np.mean(np.sqrt(squares)))

    firsts = list(shared.values())
    least = error(ranges)
    # Only those that are added share a range.
    for first in dict.fromkeys(name for name in firsts if firsts.count(name) > 1):
        low, high = ranges[first]
        for share in _NARROWER:
            narrow = {
                name: (share * low, share * high) for name in shared if shared[name] == first
            }
            found = error(ranges | narrow)
            if found >= least:
                break
            least, ranges = found, ranges | narrow
    return ranges


def best_range(values: np.ndarray) -> Range:
    """The range, inside that of the values, whose rounding and saturation err the least.

    Args:
        values: [N, K] float32, of N photographs. The error in each is taken relative to the
            root mean square of its values: where there is little noise there is little to
            see in the tensors, and little error is allowed. Where all values are 0, behind
            filters that never fire, any range is right, but there has to be one: [0, 1].
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        return 0.0, 1.0
    lows = (low * _SHARES).tolist() if low else [0.0]
    highs = (high * _SHARES).tolist() if high else [0.0]
    power = np.square(values).mean(axis=1)
    weights = 1 / np.sqrt(np.maximum(power, 1e-6 * power.mean()))

    def error(bounds: Range) -> float:
        return float(weights @ _errors(values, bounds))

    return min(itertools.product(lows, highs), key=error)


def with_ranges(
    model: keras.Model, ranges: Mapping[str, Any], *, whole: bool = True
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model as a function whose tensors are rounded to 8 bits within their ranges.

    Args:
        model: a denoiser, of any precision.
        ranges: (low, high) by name of the layer, numbers or scalar tensors. The TFLite
            converter takes numbers over. Gradients pass a rounded value, not a saturated one.
        whole: also round the image and what comes out, to [0, 1]. Not in training, where
            noise goes beyond.
    """
    last = _quantized(model)[-1].name

    def state(layer: keras.layers.Layer, output: tf.Tensor) -> tf.Tensor:
        wanted = layer.name in ranges and (whole or layer.name != last)
        return _rounded(output, ranges[layer.name]) if wanted else output

    return lambda image: walk(model, _rounded(image, PIXELS) if whole else image, state)


def rounded_layers(model: keras.Model) -> list[str]:
    """The names of the layers that `choose_ranges` gives a range, in order."""
    return [layer.name for layer in _quantized(model)]


def walk(model: keras.Model, image: tf.Tensor, hook: Hook) -> tf.Tensor:
    """Runs a model layer by layer, each output passing through `hook(layer, output)`."""
    tensors = {id(model.input): image}
    for layer in model.layers[1:]:
        inputs = [tensors[id(tensor)] for tensor in _inputs(layer)]
        output = layer(inputs if len(inputs) > 1 else inputs[0])
        tensors[id(layer.output)] = hook(layer, output)
    return tensors[id(model.output)]


def _quantized(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers whose output is stored in 8 bits with a range of its own, in order."""
    # A ReLU is carried out with the convolution before it.
    fused = {id(layer.input) for layer in model.layers if isinstance(layer, keras.layers.ReLU)}
    return [
        layer
        for layer in model.layers[1:]
        if id(layer.output) not in fused and not isinstance(layer, _PASSING)
    ]


def _shared(model: keras.Model) -> dict[str, str]:
    """For each layer with a range the first of those that share it: parts and their sum."""
    makers = {id(layer.output): layer for layer in model.layers}
    layers = _quantized(model)
    first = {layer.name: layer.name for layer in layers}
    # The last sum is the picture itself, whose range is known.
    for layer in layers[:-1]:
        if not isinstance(layer, keras.layers.Add):
            continue
        parts = {first[layer.name]}
        for tensor in layer.input:
            maker = makers[id(tensor)]
            while isinstance(maker, _PASSING):
                maker = makers[id(maker.input)]
            parts.add(first[maker.name])
        one = min(parts)
        first = {name: one if root in parts else root for name, root in first.items()}
    return first


def _errors(values: np.ndarray, bounds: Range) -> np.ndarray:
    """Mean squared errors [N] of values [N, K]."""
    low, high = bounds
    step = (high - low) / LEVELS
    levels = np.clip(np.rint(values / step), np.rint(low / step), np.rint(high / step))
    return np.square(levels * step - values).mean(axis=1)


def _rounded(tensor: tf.Tensor, bounds: tuple[Any, Any]) -> tf.Tensor:
    low, high = bounds
    exact = tf.quantization.fake_quant_with_min_max_vars(tf.cast(tensor, tf.float32), low, high)
    return tf.cast(exact, tensor.dtype)


def _inputs(layer: keras.layers.Layer) -> list[Any]:
    return layer.input if isinstance(layer.input, list) else [layer.input]
