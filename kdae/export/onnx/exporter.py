"""ONNX files for photo editors, OpenCV and ONNX Runtime.

    NAME-float32.onnx        weights in float32, [N, C, H, W]
         float16             weights in 16 bits, sums in float32: half the size
         int8                weights and tensors in 8 bits (QDQ); input and output float32
         float32-nhwc        float32 with the colours last, [N, H, W, C]
         float16-nhwc        float16 with the colours last
         float32-256         float32 for [1, C, 256, 256], where a fixed size is wanted

`image` -> `denoised` of the same shape, float32, 0 black, 1 white, clipped; with `levels` in
the card `int8` alone is clipped. N is free; H and W may be any multiples of the card's
`size_multiple`. Opset 17. The card is inside, as the metadata `kdae.json`:
`kdae.export.onnx.graph.read_card`. `kdae.load` runs all but the file of fixed size.

The graph is written from the model's layers, which are of seven kinds, with `onnx` alone.
Keras' own export needs tf2onnx, which Keras has to patch for numpy 2.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kdae.export.exchange import REPEATS
from kdae.export.formats import FLOAT32_BOUND, THREADS, Artifact, Bounds, ExportRequest, Run
from kdae.export.photographs import calibration_pictures
from kdae.model.quantization import choose_ranges
from kdae.model.rounding import with_rounded_filters

REQUIRES: Mapping[str, str] = {
    "onnx": "pip install 'kdae[onnx]'",
    "onnxruntime": "pip install 'kdae[onnx]'",
}
TILE = 256

_FLOAT32, _FLOAT16 = Bounds(FLOAT32_BOUND), Bounds(2e-3, 0.01)


def export(request: ExportRequest) -> list[Artifact]:
    """Writes all variants."""
    # Imported here because it needs the extra, whose absence `find_exporter` reports.
    from kdae.export.onnx.graph import build_onnx

    rounded = with_rounded_filters(request.model)
    ranges = choose_ranges(rounded, calibration_pictures(request.card, TILE))
    variants: dict[str, tuple[Bounds, dict[str, Any]]] = {
        "float32": (_FLOAT32, {}),
        "float16": (_FLOAT16, {"half": True}),
        "int8": (Bounds(None, 0.15), {"ranges": ranges}),
        "float32-nhwc": (_FLOAT32, {"layout": "NHWC"}),
        "float16-nhwc": (_FLOAT16, {"layout": "NHWC", "half": True}),
        f"float32-{TILE}": (_FLOAT32, {"side": TILE}),
    }
    artifacts = []
    for variant, (bounds, options) in variants.items():
        path = request.folder / f"{request.name}-{variant}.onnx"
        model = rounded if "ranges" in options else request.model
        built = build_onnx(model, request.card, **options)
        path.write_bytes(built.SerializeToString())
        multiple, side = int(request.card["size_multiple"]), options.get("side")
        clipped = request.clipped or "ranges" in options
        artifacts.append(Artifact(variant, path, bounds, multiple, side, clipped=clipped))
    return artifacts


def run(artifacts: Sequence[Artifact], pictures: Sequence[Sequence[np.ndarray]]) -> list[Run]:
    """Runs ONNX files with ONNX Runtime, on the CPU."""
    return [
        _run_file(artifact, images)
        for artifact, images in zip(artifacts, pictures, strict=True)
    ]


def _run_file(artifact: Artifact, images: Sequence[np.ndarray]) -> Run:
    milliseconds = {}
    for threads in THREADS:
        session = _session(artifact, threads)
        (given,) = session.get_inputs()
        planar = given.shape[1] == images[0].shape[-1]
        batches = [np.moveaxis(x, -1, 0)[None] if planar else x[None] for x in images]
        results = [session.run(None, {given.name: x})[0][0] for x in batches]
        outputs = [np.moveaxis(x, 0, -1) if planar else x for x in results]
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            session.run(None, {given.name: batches[0]})
            times.append(time.perf_counter() - start)
        milliseconds[threads] = 1000 * min(times)
    version = importlib.metadata.version("onnxruntime")
    return Run(outputs, milliseconds, f"onnxruntime {version}")


def _session(artifact: Artifact, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        str(artifact.path), options, providers=["CPUExecutionProvider"]
    )
