"""Makes the TFLite file of the tests' blur: `python web/tools/tiny.py`; see `e2e/standin.ts`.

It writes `web/e2e/tiny.litert.bin` and `tiny.litert.json`, which are `litert.bin` and
`litert.json` of a model with one convolution. Only a change of the format needs it again.
"""

import json
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from litert import skeleton  # a file beside this one

OUT = Path(__file__).parents[1] / "e2e"
BLUR = 5  # its side in pixels, as in e2e/standin.ts
LAYER = "blur"


def tflite(kernel: np.ndarray) -> bytes:
    """Returns a TFLite file with one convolution, for pictures of any size.

    Args:
        kernel: Its weights, float32 [height, width, in, out].
    """
    weights = kernel.transpose(3, 0, 1, 2).astype("<f4")
    outs = weights.shape[0]
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT() for _ in range(3)]  # the first has to be empty
    model.buffers[1].data = np.frombuffer(weights.tobytes(), np.uint8)
    model.buffers[2].data = np.zeros(4 * outs, np.uint8)

    def tensor(name: str, shape: list[int], buffer: int = 0) -> schema.TensorT:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name.encode(), shape, buffer
        made.type = schema.TensorType.FLOAT32
        if not buffer:
            made.shapeSignature = [1, -1, -1, shape[3]]
        return made

    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("image", [1, 1, 1, weights.shape[3]]),
        tensor("kernel", list(weights.shape), 1),
        tensor("bias", [outs], 2),
        tensor("denoised", [1, 1, 1, outs]),
    ]
    graph.inputs, graph.outputs = [0], [3]
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = 1
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = options
    graph.operators = [operator]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 1
    model.operatorCodes = [code]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def main() -> None:
    """Writes the two files."""
    kernel = np.zeros((BLUR, BLUR, 3, 3), np.float32)
    kernel[:, :, range(3), range(3)] = 1 / BLUR**2
    packed, plan = skeleton(tflite(kernel), {LAYER: kernel}, [f"net/{LAYER}/kernel"])
    (OUT / "tiny.litert.bin").write_bytes(packed)
    (OUT / "tiny.litert.json").write_text(json.dumps(plan) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
