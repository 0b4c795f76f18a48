"""Writes TFLite (LiteRT) files for phones and small computers.

    NAME-float32.tflite    weights and sums in float32
         float16           weights in 16 bits: half the size, for GPU delegates
         weights8          dynamic range: weights in 8 bits, the rest in float32
         int8              all in 8 bits; input and output float32
         uint8             the same; input and output uint8, the bytes of the picture
    NAME-VARIANT-512.tflite    the same for tiles of 512x512, as delegates need a fixed size

The signature is `denoise`: `image` [1, H, W, C] gives `denoised` of the same shape, clipped. 0
is black and 1 is white (255 in the files of uint8). In the files without a fixed size H and W
are any multiples of the card's `size_multiple`. Each file holds the model card, which
`kdae.cards.card_inside` reads, and uses built-in operators only.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.export.exchange import REPEATS
from kdae.export.formats import FLOAT32_BOUND, THREADS, Artifact, Bounds, ExportRequest, Run
from kdae.export.graph import save_graph
from kdae.export.photographs import calibration_pictures
from kdae.model.quantization import choose_ranges, with_ranges
from kdae.model.rounding import with_rounded_filters
from kdae.quiet import quiet

REQUIRES: dict[str, str] = {}
SIGNATURE = "denoise"
TILE = 512

BOUNDS = {
    "float32": Bounds(FLOAT32_BOUND),
    "float16": Bounds(2e-3, 0.01),
    "weights8": Bounds(None, 0.15),
    "int8": Bounds(None, 0.15),
    "uint8": Bounds(None, 0.15),
}


def export(request: ExportRequest) -> list[Artifact]:
    """Writes all variants, each for pictures of any size and for tiles."""
    # Needs the extra: imported above, it would fail before the user is told so.
    from kdae.export.tflite.flatbuffer import add_card

    multiple = int(request.card["size_multiple"])
    exact, rounded = request.model, with_rounded_filters(request.model)
    ranges = choose_ranges(rounded, calibration_pictures(request.card, TILE))

    def floats(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
        def denoise(image: tf.Tensor) -> tf.Tensor:
            denoised = model(image, training=False)
            return tf.clip_by_value(denoised, 0.0, 1.0) if request.clipped else denoised

        return denoise

    graphs = (
        (exact, floats(exact), ["float32", "float16"]),
        (rounded, floats(rounded), ["weights8"]),
        (rounded, with_ranges(rounded, ranges), ["int8", "uint8"]),
    )
    artifacts = []
    for side in (None, TILE):
        for model, network, names in graphs:
            variants = [variant for variant in BOUNDS if variant in names]
            # Without any, not even the graph is saved.
            files = convert(model, network, side, variants) if variants else []
            for variant, file in zip(variants, files, strict=True):
                name = f"{request.name}-{variant}" + (f"-{side}" if side else "")
                path = request.folder / f"{name}.tflite"
                path.write_bytes(add_card(file, request.card))
                clipped = request.clipped or variant in ("int8", "uint8")
                artifacts.append(
                    Artifact(variant, path, BOUNDS[variant], multiple, side, clipped=clipped)
                )
    return artifacts


def convert(
    model: keras.Model,
    network: Callable[[tf.Tensor], tf.Tensor],
    side: int | None,
    variants: Sequence[str],
) -> list[bytes]:
    """Converts a network to TFLite, in several variants of one graph.

    Args:
        model: The model whose weights the network uses.
        network: A function from [1, H, W, C] float32 to the same shape.
        side: The only height and width that the file accepts, or None for any.
        variants: Keys of `BOUNDS`, which decide the types of weights and values.

    Returns:
        The content of a TFLite file for each variant, without a model card.
    """
    shape = [1, side, side, model.input_shape[-1]]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, "image")], autograph=False)
    def denoise(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"denoised": tf.ensure_shape(network(image), shape)}

    with tempfile.TemporaryDirectory(prefix="kdae-") as folder:
        save_graph(model, {SIGNATURE: denoise}, folder)
        return [_convert(folder, variant) for variant in variants]


def _convert(folder: str, variant: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant == "uint8":
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8
    # The converter warns that it has no statistics for 8 bits. The graph states the ranges.
    with quiet(), warnings.catch_warnings(action="ignore", category=UserWarning):
        converted: bytes = converter.convert()
    return converted


def run(artifacts: Sequence[Artifact], pictures: Sequence[Sequence[np.ndarray]]) -> list[Run]:
    """Runs TFLite files with LiteRT."""
    with quiet():
        return [
            _run_file(artifact.path, images)
            for artifact, images in zip(artifacts, pictures, strict=True)
        ]


def _run_file(path: Path, images: Sequence[np.ndarray]) -> Run:
    milliseconds = {}
    for threads in THREADS:
        interpreter = _interpreter(path, threads)
        outputs = [_apply(interpreter, image) for image in images]
        times = []
        _apply(interpreter, images[0])
        for _ in range(REPEATS):
            start = time.perf_counter()
            interpreter.invoke()
            times.append(time.perf_counter() - start)
        milliseconds[threads] = 1000 * min(times)
    version = importlib.metadata.version("ai-edge-litert")
    return Run(outputs, milliseconds, f"ai_edge_litert {version}")


def _interpreter(path: Path, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(path), num_threads=threads)


def _apply(interpreter: Any, image: np.ndarray) -> np.ndarray:
    """Runs an interpreter on a picture [H, W, C] in [0, 1], as bytes if the file needs it."""
    (given,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    if list(given["shape"][1:3]) != list(image.shape[:2]):
        interpreter.resize_tensor_input(given["index"], [1, *image.shape])
    interpreter.allocate_tensors()
    if given["dtype"] == np.uint8:
        image = np.rint(image * 255).astype(np.uint8)
    interpreter.set_tensor(given["index"], image[np.newaxis])
    interpreter.invoke()
    output: np.ndarray = interpreter.get_tensor(got["index"])[0]
    return output / np.float32(255) if output.dtype == np.uint8 else output
