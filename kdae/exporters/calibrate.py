"""Ranges for 8-bit arithmetic, and a graph that states them.

TFLite's own calibration takes the smallest and the largest value seen. A few outliers then
cost all others most of their 256 levels: twice the loss. Here the range of each tensor is
the one with the least mean squared error over photographs, as in Banner et al., "Post training
4-bit quantization of convolutional networks for rapid-deployment", NeurIPS 2019,
arXiv:1810.05723; what lies beyond saturates.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.model import BilinearUpsample, DepthToSpace

Range = tuple[float, float]
"""Smallest and largest value; 0 lies between."""

LEVELS = 255
PIXELS: Range = (0.0, 1.0)

_SAMPLES = 4096  # values of a tensor from each photograph
_SHARES = np.linspace(0.2, 1.0, 17)
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
    samples: dict[str, list[np.ndarray]] = {layer.name: [] for layer in _quantized(model)}
    generator = np.random.default_rng(0)

    def record(layer: keras.layers.Layer, output: tf.Tensor) -> tf.Tensor:
        if layer.name in samples:
            samples[layer.name].append(generator.choice(output.numpy().ravel(), _SAMPLES))
        return output

    for picture in pictures:
        walk(model, tf.constant(picture[np.newaxis]), record)
    ranges = {name: best_range(np.concatenate(values)) for name, values in samples.items()}
    return ranges | {_quantized(model)[-1].name: PIXELS}


def best_range(values: np.ndarray) -> Range:
    """The range, inside that of the values, whose rounding and saturation err the least.

    Args:
        values: float32, of any shape. Where all are 0, behind filters that never fire, any
            range is right, but there has to be one: [0, 1].
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        return 0.0, 1.0
    lows = (low * _SHARES).tolist() if low else [0.0]
    highs = (high * _SHARES).tolist() if high else [0.0]
    return min(itertools.product(lows, highs), key=functools.partial(_error, values))


def with_ranges(
    model: keras.Model, ranges: Mapping[str, Range]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model as a function whose tensors are rounded to 8 bits within their ranges.

    The TFLite converter takes the ranges over. The output is within [0, 1].
    """

    def state(layer: keras.layers.Layer, output: tf.Tensor) -> tf.Tensor:
        return _rounded(output, ranges[layer.name]) if layer.name in ranges else output

    return lambda image: walk(model, _rounded(image, PIXELS), state)


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


def _error(values: np.ndarray, bounds: Range) -> float:
    low, high = bounds
    step = (high - low) / LEVELS
    levels = np.clip(np.rint(values / step), np.rint(low / step), np.rint(high / step))
    return float(np.mean(np.square(levels * step - values)))


def _rounded(tensor: tf.Tensor, bounds: Range) -> tf.Tensor:
    return tf.quantization.fake_quant_with_min_max_args(tensor, *bounds)


def _inputs(layer: keras.layers.Layer) -> list[Any]:
    return layer.input if isinstance(layer.input, list) else [layer.input]
