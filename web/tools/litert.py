"""Writes what LiteRT.js needs beside the weights that the page has for TF.js.

    litert.bin.gzip   the model's .tflite file with all weights 0 and the shapes of one size
    litert.json       {"side": SIZE, "shapes": [[BYTE, VALUE], ...], "weights": {NAME: BYTE}}

`shapes` names the heights in the file and their values; a width lies 4 bytes behind its
height. Both scale with the picture, as the network has nothing but convolutions of `same`
padding, additions and DepthToSpace. `weights` names where the weights of that name in
`model.json` begin: float32 [out, height, width, in]. So the page fetches weights once, for both
engines.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

SIDE = 64
_SHAPE, _DATA = 4, 4  # fields of the tables `Tensor` and `Buffer`


def skeleton(
    content: bytes, kernels: Mapping[str, np.ndarray], names: list[str]
) -> tuple[bytes, dict[str, Any]]:
    """Returns the file of a model without weights, and the content of `litert.json`.

    Args:
        content: A .tflite file in float32, for pictures of any size.
        kernels: The weights of each layer by its name, [height, width, in, out].
        names: The names of all weights in `model.json`; each contains that of its layer.

    Raises:
        ValueError: If a layer's weights are not in the file exactly once.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    for tensor, shape in zip(graph.tensors, _shapes(content), strict=False):
        tensor.shape, tensor.shapeSignature = shape, None
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    packed = bytearray(builder.Output())

    root = schema.Model.GetRootAs(packed, 0)
    tensors = [root.Subgraphs(0).Tensors(i) for i in range(root.Subgraphs(0).TensorsLength())]
    shapes, places = [], {}
    for tensor in tensors:
        buffer = root.Buffers(tensor.Buffer())
        size = buffer.DataLength()
        if not size:
            height = _start(tensor, _SHAPE) + 4
            shapes.append([height, int(tensor.Shape(1))])
            continue
        start = _start(buffer, _DATA)
        constant = bytes(packed[start : start + size])
        if any(constant):  # the others are biases, which each convolution has
            places[constant] = start
            packed[start : start + size] = bytes(size)
    weights = {}
    for layer, kernel in kernels.items():
        start = places.pop(kernel.transpose(3, 0, 1, 2).astype("<f4").tobytes(), None)
        (name,) = (name for name in names if re.search(rf"/{layer}(_\d+)?/", name))
        if start is None:
            raise ValueError(f"{layer}: expected its weights in the file, once")
        weights[name] = start
    if places:
        raise ValueError(f"the file has {len(places)} more constants than the model has layers")
    return bytes(packed), {"side": SIDE, "shapes": shapes, "weights": weights}


def _start(table: Any, field: int) -> int:
    """Returns the byte at which the content of a vector begins."""
    return int(table._tab.Vector(table._tab.Offset(field)))


def _shapes(content: bytes) -> list[list[int]]:
    """Returns the shapes of all tensors for a picture of `SIDE` x `SIDE`."""
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    (given,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(given["index"], [1, SIDE, SIDE, int(given["shape"][3])])
    interpreter.allocate_tensors()
    details = sorted(interpreter.get_tensor_details(), key=lambda tensor: tensor["index"])
    return [[int(length) for length in tensor["shape"]] for tensor in details]


def write(folder: Path, content: bytes, kernels: Mapping[str, np.ndarray]) -> Path:
    """Writes the two files beside a TF.js model; returns the path of the one to compress."""
    manifest = json.loads((folder / "model.json").read_text())["weightsManifest"]
    names = [weights["name"] for group in manifest for weights in group["weights"]]
    packed, plan = skeleton(content, kernels, names)
    (folder / "litert.bin").write_bytes(packed)
    (folder / "litert.json").write_text(json.dumps(plan), encoding="utf-8")
    return folder / "litert.bin"
