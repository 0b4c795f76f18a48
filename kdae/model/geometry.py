"""Convolution arithmetic: sizes, strides and receptive fields as plain functions.

Formulas: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285; receptive fields: Araujo et al., distill.pub/2019/computing-receptive-fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from kdae.model.layers import STRIDE, BilinearUpsample, DepthToSpace
from kdae.tables import columns


def output_size(size: int, kernel: int, stride: int = 1, padding: int | str = "same") -> int:
    """Output size of a convolution along one axis.

    Args:
        size: input size in pixels.
        kernel: filter size.
        stride: step between outputs.
        padding: pixels added on each side, or `valid` (0), or `same`: ceil(size / stride).

    Raises:
        ValueError: when no filter position fits, or for another padding.
    """
    if padding == "same":
        return -(-size // stride)
    pixels = 0 if padding == "valid" else padding
    if not isinstance(pixels, int) or pixels < 0:
        raise ValueError(f"padding: expected 'same', 'valid' or pixels >= 0, got {padding!r}")
    if size + 2 * pixels < kernel:
        raise ValueError(f"size: expected at least {kernel - 2 * pixels}, got {size}")
    return (size + 2 * pixels - kernel) // stride + 1


@dataclass(frozen=True)
class Reach:
    """Which input pixels an output depends on, along one axis.

    Output i depends on the inputs from `jump * i + low` to `jump * i + high`; after an
    upsampling these are the bounds over all phases of i. `jump` is the effective stride.
    """

    jump: Fraction
    low: Fraction
    high: Fraction

    @property
    def field(self) -> int:
        """Size of the receptive field in pixels."""
        return int(self.high - self.low) + 1

    def through(self, jump: Fraction, low: Fraction, high: Fraction) -> Reach:
        """This reach followed by a layer of the given jump and reach."""
        return Reach(self.jump * jump, self.low + self.jump * low, self.high + self.jump * high)


INPUT = Reach(Fraction(1), Fraction(0), Fraction(0))


def convolved(reach: Reach, kernel: int, stride: int = 1) -> Reach:
    """The reach after a `same` convolution (on sizes that are multiples of `stride`)."""
    before = max(kernel - stride, 0) // 2
    return reach.through(Fraction(stride), Fraction(-before), Fraction(kernel - 1 - before))


def upsampled(reach: Reach, kernel: int, stride: int = 2) -> Reach:
    """The reach after a `same` transposed convolution; depth to space is kernel = stride."""
    before = max(kernel - stride, 0) // 2
    return reach.through(
        Fraction(1, stride), Fraction(before - kernel + 1, stride), Fraction(before, stride)
    )


def joined(reaches: Iterable[Reach]) -> Reach:
    """The reach of a sum of features of one scale."""
    reaches = list(reaches)
    jumps = {reach.jump for reach in reaches}
    if len(jumps) != 1:
        raise ValueError(f"reaches: expected one effective stride, got {sorted(jumps)}")
    return Reach(jumps.pop(), min(r.low for r in reaches), max(r.high for r in reaches))


@dataclass(frozen=True)
class Row:
    """One layer in `layer_table`: what it is, what it sees, what it costs."""

    name: str
    kind: str
    kernel: int | None
    stride: int
    filters: int
    reach: Reach
    parameters: int
    flop_per_pixel: float


def layer_table(model: keras.Model) -> list[Row]:
    """Every layer of a denoiser with its reach and cost, in order.

    FLOP per pixel of the picture count a multiplication and an addition as two, in
    convolutions only; biases, ReLUs and sums are left out, as in published counts.

    Raises:
        ValueError: for a kind of layer whose arithmetic is not written here.
    """
    reaches: dict[int, Reach] = {}
    rows = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            reaches[id(layer.output)] = INPUT
            continue
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        row = _row(layer, [reaches[id(tensor)] for tensor in inputs])
        reaches[id(layer.output)] = row.reach
        rows.append(row)
    return rows


def _row(layer: keras.layers.Layer, inputs: list[Reach]) -> Row:
    before = joined(inputs)
    kernel, stride, macs = None, 1, 0.0
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        after = upsampled(before, kernel, stride)
        macs = math.prod(layer.kernel.shape) / before.jump**2
    elif isinstance(layer, keras.layers.Conv2D):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        after = convolved(before, kernel, stride)
        macs = math.prod(layer.kernel.shape) / after.jump**2
    elif isinstance(layer, DepthToSpace):
        after = upsampled(before, STRIDE, STRIDE)
    elif isinstance(layer, BilinearUpsample):
        # Half-pixel centres: even outputs read one input before, odd ones one after.
        after = before.through(Fraction(1, 2), Fraction(-1), Fraction(1, 2))
    elif isinstance(layer, keras.layers.ReLU | keras.layers.Add | keras.layers.Identity):
        after = before
    else:
        raise ValueError(f"layer {layer.name}: no arithmetic for {type(layer).__name__}")
    filters = layer.output.shape[-1]
    kind = type(layer).__name__
    return Row(
        layer.name, kind, kernel, stride, filters, after, layer.count_params(), 2 * float(macs)
    )


@dataclass(frozen=True)
class Totals:
    """What consumers of a model need to know of its geometry and cost.

    Attributes:
        size_multiple: height and width must be multiples of it.
        receptive_field: side of the square of pixels that one output pixel depends on.
        halo: pixels of context around a tile that make the tiled result equal the whole.
        parameters: number of weights.
        flop_per_pixel: see `layer_table`.
    """

    size_multiple: int
    receptive_field: int
    halo: int
    parameters: int
    flop_per_pixel: float


def totals(model: keras.Model) -> Totals:
    """Geometry and cost of a whole denoiser."""
    rows = layer_table(model)
    multiple = int(max(row.reach.jump for row in rows))
    reach = rows[-1].reach
    side = math.ceil(max(-reach.low, reach.high))
    return Totals(
        size_multiple=multiple,
        receptive_field=reach.field,
        halo=-(-side // multiple) * multiple,
        parameters=model.count_params(),
        flop_per_pixel=sum(row.flop_per_pixel for row in rows),
    )


def format_table(model: keras.Model) -> str:
    """The table that `python -m kdae.train --summary` prints."""
    head = ("layer", "kind", "kernel", "stride", "filters", "eff. stride", "sees", "parameters")
    lines: list[tuple[Any, ...]] = [(*head, "FLOP/px")]
    for row in layer_table(model):
        if row.kind in ("ReLU", "Identity"):
            continue
        lines.append(
            (row.name, row.kind, row.kernel or "", row.stride, row.filters, row.reach.jump,
             f"{row.reach.field} px", f"{row.parameters:,}", f"{row.flop_per_pixel:,.0f}")
        )  # fmt: skip
    t = totals(model)
    return (
        f"{columns(lines, right=range(2, len(lines[0])))}\n"
        f"{t.parameters:,} parameters, {t.flop_per_pixel:,.0f} FLOP per pixel, receptive field "
        f"{t.receptive_field}x{t.receptive_field}, sizes in multiples of {t.size_multiple}, "
        f"tiles need {t.halo} pixels of context"
    )
