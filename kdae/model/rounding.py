"""Weights of 8 bits and fewer, rounded where it costs little.

The filters of the first layer sum to zero (`ZeroSum`). Rounded one by one their weights do not,
and then brightness reaches every feature: that alone costs more than half of what 8 bits cost.
`with_rounded_filters` rounds each filter so that its sum stays what it was.

Rounding costs least at coarse scales, which `with_coarse_scales` rounds more.
"""

from __future__ import annotations

import re

import keras
import numpy as np

from kdae.model.layers import ZeroSum
from kdae.model.quantization import LEVELS

# Levels by scale. With 128 at scale 1 single values of `photo` moved by 5 of 255.
_COARSE = {1: 192, 2: 64}


def with_rounded_filters(model: keras.Model) -> keras.Model:
    """Returns a copy of a model whose `ZeroSum` filters already lie on their 8-bit levels.

    The levels are those of TFLite and ONNX: for each output channel the multiples of its
    largest weight / 127. A converter that rounds the filters again changes nothing. The other
    layers stay as they are.

    Args:
        model: A denoiser, float32.

    Returns:
        A model with the same layers, of the same names.
    """
    copy = _copy(model)
    for layer in copy.layers:
        if isinstance(getattr(layer, "kernel_constraint", None), ZeroSum):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            step = channel_steps(kernel)
            layer.kernel.assign(levels_with_sums(kernel / step) * step)
    return copy


def with_coarse_scales(model: keras.Model) -> keras.Model:
    """Returns a copy of a model whose coarser scales have few different weights.

    At scale 1 the weights of a layer lie on 192 levels, at coarser scales on 64. A file of
    bytes with few different values compresses well. Only models with skip connections are
    rounded: in the others everything passes through the coarsest scale.

    Args:
        model: A denoiser, float32.

    Returns:
        A model with the same layers, of the same names.
    """
    copy = _copy(model)
    if any(layer.name.startswith("skip") for layer in copy.layers):
        for layer in copy.layers:
            if layer.weights and (scale := scale_of(layer.name)):
                kernel = keras.ops.convert_to_numpy(layer.kernel)
                step = layer_step(kernel) * LEVELS / _COARSE[min(scale, 2)]
                layer.kernel.assign(np.rint(kernel / step) * step)
    return copy


def scale_of(name: str) -> int:
    """Returns the scale of the features that a layer of that name reads or makes, 0 the finest.

    It is the coarser of the two, as the layer works there.
    """
    found = re.match(r"(down|encoder|decoder|up)(\d+)_", name)
    return int(found[2]) + (found[1] == "up") if found else 0


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def channel_steps(kernel: np.ndarray) -> np.ndarray:
    """Returns the distance of the levels of each output channel, float32 [1, 1, 1, out]."""
    largest = np.abs(kernel).max(axis=(0, 1, 2), keepdims=True)
    return np.asarray(np.where(largest > 0, largest, 1) / np.float32(LEVELS // 2))


def layer_step(kernel: np.ndarray) -> np.float32:
    """Returns the distance of 256 levels that span the weights of a layer and 0."""
    span = max(float(kernel.max()), 0.0) - min(float(kernel.min()), 0.0)
    return np.float32((span or 1.0) / LEVELS)


def levels_with_sums(kernel: np.ndarray) -> np.ndarray:
    """Rounds filters to whole numbers whose sums are those of the filters, rounded.

    Where the nearest whole numbers have another sum, the weights that were rounded furthest in
    the wrong direction are rounded in the other. The smallest and the largest level of the
    layer stay, as they fix the levels of all others.

    Args:
        kernel: Filters [k, k, in, out] in units of a level. The sum of each [k, k] is kept.

    Returns:
        Whole numbers of the same shape, float32.
    """
    levels = np.rint(kernel)
    ends = (levels == levels.min()) | (levels == levels.max())
    filters = np.prod(kernel.shape[:2])
    errors = np.where(ends, 0.0, kernel - levels).reshape(filters, -1)
    fixed = ends.reshape(filters, -1)
    flat = levels.reshape(filters, -1)
    sums = np.rint(kernel.sum(axis=(0, 1))).ravel()
    for column, excess in enumerate((flat.sum(axis=0) - sums).astype(int)):
        sign = np.sign(excess)
        # False sorts before True: what is fixed comes last.
        order = np.lexsort((sign * errors[:, column], fixed[:, column]))
        flat[order[: abs(excess)], column] -= sign
    return flat.reshape(kernel.shape).astype(np.float32)
