"""Writes a SavedModel for servers, which denoises pictures of any size.

    savedmodel/1/saved_model.pb, variables/    version 1, as TF Serving names its folders
                 assets.extra/model-card.json, tf_serving_warmup_requests

`serving_default`  image: float32 [N, H, W, C] in [0, 1]
                   -> denoised: the same shape, clipped to [0, 1]
`denoise_bytes`    image_bytes: string [N] of PNG or JPEG files, sizes may differ;
                   strength: float32 [1] or [N] in [0, 1], default 1
                   -> png_bytes: string [N] of PNG files

Padding and cropping are part of the graph, and kdae is not needed to load it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.cards import CARD, write_card
from kdae.engine import margin_of
from kdae.export.exchange import run_script
from kdae.export.formats import FLOAT32_BOUND, THREADS, Artifact, Bounds, ExportRequest, Run
from kdae.export.graph import reflected, save_graph
from kdae.export.savedmodel.pictures import decode, encode
from kdae.export.savedmodel.warmup import write_warmup

REQUIRES: dict[str, str] = {}
VERSION = "1"
TILE = 1024  # side of a tile in pixels, without context; a multiple of every size_multiple


class Service:
    """The two signatures of the SavedModel.

    Args:
        model: The model, from [N, H, W, C] float32 to the same shape.
        multiple: The number that H and W must be multiples of.
        halo: The context around a tile in pixels.
        margin: What a picture is continued by on each side, in pixels.
        max_pixels: The number of pixels of the largest picture that `denoise_bytes` decodes.
        clipped: Whether black and white are 0 and 1 to the model. If not, the output is not
            clipped, and there is no `denoise_bytes`, as a PNG file does not tell its levels.
    """

    def __init__(
        self,
        model: keras.Model,
        multiple: int,
        halo: int,
        margin: int,
        max_pixels: int,
        clipped: bool = True,
    ) -> None:
        self.model, self.clipped = model, clipped
        self.channels = model.input_shape[-1]
        self.multiple, self.halo, self.margin = multiple, halo, margin
        self.max_pixels = max_pixels

    def signatures(self) -> dict[str, Any]:
        """Returns the signatures by name, for `save_graph`."""
        image = tf.TensorSpec([None, None, None, self.channels], tf.float32, "image")
        files = tf.TensorSpec([None], tf.string, "image_bytes")
        # The default of a signature must be a tensor, as it is part of the graph.
        default = tf.constant([1.0])

        def serving_default(image: tf.Tensor) -> dict[str, tf.Tensor]:
            denoised = self.denoise(image)
            return {
                "denoised": tf.clip_by_value(denoised, 0.0, 1.0) if self.clipped else denoised
            }

        def denoise_bytes(
            image_bytes: tf.Tensor, strength: tf.Tensor = default
        ) -> dict[str, tf.Tensor]:
            return {"png_bytes": self.denoise_files(image_bytes, strength)}

        # Without AutoGraph, which is not needed: to translate the source would take seconds.
        graph = functools.partial(tf.function, autograph=False)
        signatures = {"serving_default": graph(serving_default, input_signature=[image])}
        if self.clipped:
            strengths = tf.TensorSpec([None], tf.float32, "strength")
            signatures["denoise_bytes"] = graph(
                denoise_bytes, input_signature=[files, strengths]
            )
        return signatures

    def denoise(self, image: tf.Tensor) -> tf.Tensor:
        """Denoises [N, H, W, C] of any size, padded by reflection to a multiple."""
        height, width = tf.unstack(tf.shape(image)[1:3])
        start = self.margin
        padded = tf.gather(image, reflected(height, self.multiple, start), axis=1)
        padded = tf.gather(padded, reflected(width, self.multiple, start), axis=2)
        return self._tiles(padded)[:, start : start + height, start : start + width]

    def _tiles(self, image: tf.Tensor) -> tf.Tensor:
        """Denoises tile by tile, so that the memory does not depend on the picture."""
        height, width = tf.unstack(tf.shape(image)[1:3])

        def bounds(index: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, slice]:
            """Returns the pixels that a tile needs, and the part of the result to keep."""
            start, low = index * TILE, tf.maximum(index * TILE - self.halo, 0)
            context = tf.range(low, tf.minimum(start + TILE + self.halo, length))
            return context, slice(start - low, tf.minimum(start + TILE, length) - low)

        def row(index: tf.Tensor) -> tf.Tensor:
            context, kept_rows = bounds(index, height)
            band = tf.gather(image, context, axis=1)

            def tile(index: tf.Tensor) -> tf.Tensor:
                context, kept = bounds(index, width)
                result = self.model(tf.gather(band, context, axis=2), training=False)
                return tf.transpose(result[:, kept_rows, kept], [2, 0, 1, 3])

            return tf.transpose(_joined(tile, -(-width // TILE)), [2, 1, 0, 3])

        return tf.transpose(_joined(row, -(-height // TILE)), [1, 0, 2, 3])

    def denoise_any(self, image: tf.Tensor) -> tf.Tensor:
        """Denoises [H, W, 1 or 3] with a model of either number of channels.

        As in `kdae.engine`, a grey model denoises red, green and blue one by one. A colour
        model gets a grey picture as three equal channels, and equal channels come out equal.
        """
        if self.channels == 1:
            planes = tf.transpose(image, [2, 0, 1])[..., tf.newaxis]
            return tf.transpose(self.denoise(planes)[..., 0], [1, 2, 0])
        height, width, colours = tf.unstack(tf.shape(image))
        colour = tf.broadcast_to(image, [height, width, self.channels])
        result = self.denoise(colour[tf.newaxis])[0]
        mean = tf.reduce_mean(result, axis=-1, keepdims=True)
        return tf.cond(
            tf.reduce_all(tf.equal(image, image[..., :1])),
            lambda: tf.broadcast_to(mean, [height, width, colours]),
            lambda: result,
        )

    def denoise_files(self, files: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        """Denoises PNG and JPEG files, string [N]; returns PNG files, string [N]."""
        count = tf.shape(files)[0]
        fits = tf.logical_or(tf.size(strength) == 1, tf.size(strength) == count)
        inside = tf.reduce_all((strength >= 0.0) & (strength <= 1.0))
        checks = [
            tf.debugging.Assert(fits, ["strength: expected one value or one per picture"]),
            tf.debugging.Assert(inside, ["strength: expected 0 to 1, got", strength]),
        ]
        with tf.control_dependencies(checks):
            strength = tf.broadcast_to(strength, [count])

        def one(item: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            index, file, share = item
            picture = decode(file, index, self.max_pixels)
            clean = picture.pixels + share * (self.denoise_any(picture.pixels) - picture.pixels)
            return encode(picture._replace(pixels=clean))

        # One at a time: a batch needs no more memory than its largest picture.
        return tf.map_fn(
            one,
            (tf.range(count), files, strength),
            fn_output_signature=tf.TensorSpec([], tf.string),
            parallel_iterations=1,
        )


def _joined(part: Callable[[tf.Tensor], tf.Tensor], count: tf.Tensor) -> tf.Tensor:
    """Concatenates the tensors part(0), part(1), ... of rank 4 along their first axis."""
    parts = tf.TensorArray(tf.float32, count, infer_shape=False, element_shape=[None] * 4)
    _, parts = tf.while_loop(
        lambda index, _: index < count,
        lambda index, parts: (index + 1, parts.write(index, part(index))),
        (tf.constant(0), parts),
        parallel_iterations=1,
    )
    return parts.concat()


def export(request: ExportRequest) -> list[Artifact]:
    """Writes the folder `1/` with the signatures."""
    folder = request.folder / VERSION
    multiple, margin = int(request.card["size_multiple"]), margin_of(request.card)
    service = Service(
        request.model, multiple, int(request.card["halo"]), margin, request.max_pixels,
        request.clipped,
    )  # fmt: skip
    save_graph(request.model, service.signatures(), folder)
    extra = folder / "assets.extra"
    extra.mkdir()
    write_card(dict(request.card), extra / CARD)
    write_warmup(extra, request.name, service.channels, files=request.clipped)
    floats = Artifact(
        "float32", folder, Bounds(FLOAT32_BOUND),
        margin=margin, clipped=request.clipped, signature="serving_default",
    )  # fmt: skip
    # The PNG output is rounded to 8 bits, which changes a value by up to half a level.
    files = Artifact(
        "PNG bytes", folder, Bounds(0.5 / 255 + FLOAT32_BOUND),
        margin=margin, signature="denoise_bytes",
    )  # fmt: skip
    return [floats, files] if request.clipped else [floats]


def run(artifacts: Sequence[Artifact], pictures: Sequence[Sequence[np.ndarray]]) -> list[Run]:
    """Runs SavedModels in a separate process that does not import kdae."""
    script = Path(__file__).with_name("run_savedmodel.py")
    return run_script([sys.executable, str(script)], artifacts, pictures, THREADS)
