"""Writes a denoiser as an ONNX model, layer by layer.

The operators and their attributes are those of the ONNX standard, opset 17
(https://onnx.ai/onnx/operators). Inside the graph all tensors are [N, C, H, W].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import kdae
from kdae.errors import UserError
from kdae.model import STRIDE, BilinearUpsample, DepthToSpace
from kdae.model.quantization import LEVELS, PIXELS, Range

OPSET = 17
IR_VERSION = 8
"""The file format that came with opset 17; `onnx` itself writes newer ones."""

METADATA = "kdae.json"
IMAGE, DENOISED = "image", "denoised"

_TO_PLANES, _TO_PIXELS = (0, 3, 1, 2), (0, 2, 3, 1)


def build_onnx(
    model: keras.Model,
    card: Mapping[str, Any],
    *,
    layout: str = "NCHW",
    side: int | None = None,
    half: bool = False,
    ranges: Mapping[str, Range] | None = None,
) -> onnx.ModelProto:
    """Writes a denoiser as an ONNX model from `image` to `denoised`.

    The result is clipped to [0, 1]. Not so with `levels` in the card, as values beyond are real
    then; in 8 bits there are none.

    Args:
        model: The denoiser, float32, from `kdae.model.build_denoiser`.
        card: The model card, which is stored as the metadata `kdae.json`.
        layout: The order of the axes of `image` and `denoised`, `NCHW` or `NHWC`.
        side: The height and width of a file of fixed size, whose batch is 1. None: all three
            are free.
        half: Whether the weights are stored in 16 bits. The sums are float32 in any case.
        ranges: The ranges that `kdae.model.quantization.choose_ranges` returns. With them
            weights and tensors are in 8 bits (QDQ).

    Returns:
        The model, with opset 17.

    Raises:
        ValueError: If the model has a layer of a kind that is not written here.
    """
    writer = _Writer(half, ranges)
    tensors: dict[int, str] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            name = (
                writer.node("Transpose", [IMAGE], perm=_TO_PLANES)
                if layout == "NHWC"
                else IMAGE
            )
            tensors[id(layer.output)] = writer.rounded(name, PIXELS if ranges else None)
            continue
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        name = writer.layer(layer, [tensors[id(tensor)] for tensor in inputs])
        tensors[id(layer.output)] = writer.rounded(name, (ranges or {}).get(layer.name))
    # With levels 0 and 1 are percentiles, beyond which values are real; 8 bits end there.
    clipped = "levels" not in card or ranges is not None
    bounds = [writer.constant(np.float32(bound)) for bound in (0, 1)] if clipped else []
    last = writer.node(
        "Clip" if clipped else "Identity",
        [tensors[id(model.output)], *bounds],
        DENOISED if layout == "NCHW" else "",
    )
    if layout == "NHWC":
        writer.node("Transpose", [last], DENOISED, perm=_TO_PIXELS)
    shape: list[str | int] = ["batch", "height", "width"] if side is None else [1, side, side]
    shape.insert(1 if layout == "NCHW" else 3, model.input_shape[-1])
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in (IMAGE, DENOISED)
    ]
    graph = helper.make_graph(
        writer.nodes, str(card["name"]), values[:1], values[1:], writer.constants
    )
    built = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="kdae",
        producer_version=kdae.__version__,
        doc_string="Image denoiser; RGB or grey, sRGB values, 0 is black and 1 is white",
    )
    helper.set_model_props(built, {METADATA: json.dumps(card)})
    onnx.checker.check_model(built, full_check=True)
    return built


def read_card(path: str | Path) -> dict[str, Any]:
    """Reads the model card out of an ONNX file.

    Raises:
        UserError: If the file cannot be read, is no ONNX file, or has no card.
    """
    try:
        model = onnx.load_model(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # protobuf's DecodeError: a class of its own in each version
        raise UserError(f"{path}: not an ONNX file") from error
    for entry in model.metadata_props:
        if entry.key == METADATA:
            card: dict[str, Any] = json.loads(entry.value)
            return card
    raise UserError(f"{path}: holds no model card ({METADATA})")


class _Writer:
    """Collects the nodes and constants of a graph; tensors are known by name.

    Args:
        half: See `build_onnx`.
        ranges: See `build_onnx`.
    """

    def __init__(self, half: bool, ranges: Mapping[str, Range] | None) -> None:
        self.half, self.eight_bits = half, ranges is not None
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        # Scale and zero point of each tensor in 8 bits.
        self.scales: dict[str, tuple[np.float32, np.uint8]] = {}

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Adds a node with one output and returns the output's name."""
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: Any, name: str = "") -> str:
        """Adds a constant and returns its name."""
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def layer(self, layer: keras.layers.Layer, inputs: list[str]) -> str:
        """Adds the nodes of one layer and returns the name of their output."""
        if isinstance(layer, keras.layers.Conv2DTranspose):
            return self.convolution(layer, inputs[0], "ConvTranspose")
        if isinstance(layer, keras.layers.Conv2D):
            return self.convolution(layer, inputs[0], "Conv")
        if isinstance(layer, keras.layers.ReLU):
            return self.node("Relu", inputs)
        if isinstance(layer, keras.layers.Add):
            return self.node("Add", inputs)
        if isinstance(layer, keras.layers.Identity):
            return inputs[0]
        if isinstance(layer, DepthToSpace):
            # TensorFlow's order of channels: the square's pixel first, the colour last.
            return self.passing("DepthToSpace", inputs, blocksize=STRIDE, mode="DCR")
        if isinstance(layer, BilinearUpsample):
            sizes = self.constant(np.array([1, 1, STRIDE, STRIDE], np.float32))
            return self.passing("Resize", [inputs[0], "", sizes], mode="linear")
        raise ValueError(f"layer {layer.name}: no ONNX written for {type(layer).__name__}")

    def passing(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Adds a node whose output is rounded as its input is."""
        output = self.node(kind, inputs, **attributes)
        known = self.scales.get(inputs[0])
        return self.quantized(output, known) if known else output

    def convolution(self, layer: keras.layers.Layer, image: str, kind: str) -> str:
        """Adds a convolution with its weights."""
        size, stride = layer.kernel_size[0], layer.strides[0]
        # As `same` pads a size that is a multiple of the stride.
        before = max(size - stride, 0) // 2
        after = max(size - stride, 0) - before
        # From [H, W, in, out] to [out, in, H, W]; transposed from [H, W, out, in] to
        # [in, out, H, W].
        kernel = layer.kernel.numpy().transpose(3, 2, 0, 1)
        bias = layer.bias.numpy() if layer.use_bias else None
        axis = 0 if kind == "Conv" else 1
        return self.node(
            kind,
            [image, *self.weights(layer.name, kernel, bias, axis, image)],
            strides=[stride, stride],
            pads=[before, before, after, after],
        )

    def weights(
        self, name: str, kernel: np.ndarray, bias: np.ndarray | None, axis: int, image: str
    ) -> list[str]:
        """Adds the weights of a convolution and returns their names.

        Args:
            name: The name of the layer.
            kernel: The filters, float32 of rank 4.
            bias: The bias, float32 [filters], or None.
            axis: The axis of the kernel that counts the filters.
            image: The tensor that is convolved.
        """
        arrays = {f"{name}_kernel": kernel} | ({} if bias is None else {f"{name}_bias": bias})
        if self.half:
            halves = [self.constant(a.astype(np.float16), key) for key, a in arrays.items()]
            return [self.node("Cast", [half], to=TensorProto.FLOAT) for half in halves]
        if not self.eight_bits:
            return [self.constant(array, key) for key, array in arrays.items()]
        others = tuple(i for i in range(kernel.ndim) if i != axis)
        largest = np.abs(kernel).max(axis=others, keepdims=True)
        scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(LEVELS // 2)
        # Not signed: without VNNI instructions ONNX Runtime's products of signed weights
        # saturate, which cost `photo` 0.92 dB.
        stored = [self.dequantized(f"{name}_kernel", kernel, scale, np.uint8(128), axis)]
        if bias is not None:
            sums = (scale * self.scales[image][0]).ravel()
            stored.append(self.dequantized(f"{name}_bias", bias, sums, np.int32(0), 0))
        return stored

    def dequantized(
        self, name: str, array: np.ndarray, scale: np.ndarray, zero: np.generic, axis: int
    ) -> str:
        """Adds weights in whole numbers, with a scale for each filter.

        Args:
            name: The name of the constant.
            array: The weights, float32.
            scale: The scale of each filter, float32, of a shape that broadcasts to the array's.
            zero: The number that stands for 0, of the type to store.
            axis: The axis of the array that counts the filters.
        """
        inputs = [
            self.constant((np.rint(array / scale) + zero).astype(zero.dtype), name),
            self.constant(scale.ravel(), f"{name}_scale"),
            self.constant(np.full(scale.size, zero), f"{name}_zero"),
        ]
        return self.node("DequantizeLinear", inputs, axis=axis)

    def rounded(self, tensor: str, bounds: Range | None) -> str:
        """Rounds a tensor to 8 bits within its bounds. None: it stays as it is."""
        if bounds is None:
            return tensor
        low, high = bounds
        scale = np.float32((high - low) / LEVELS)
        return self.quantized(tensor, (scale, np.uint8(np.rint(-low / scale))))

    def quantized(self, tensor: str, rounding: tuple[np.float32, np.uint8]) -> str:
        """Adds the pair of nodes that rounds a tensor to 8 bits."""
        constants = [self.constant(value) for value in rounding]
        bytes_ = self.node("QuantizeLinear", [tensor, *constants])
        output = self.node("DequantizeLinear", [bytes_, *constants])
        self.scales[output] = rounding
        return output
