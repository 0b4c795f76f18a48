"""Requests that TF Serving answers to itself before a new version takes over.

A model's first run is slow: kernels are chosen and memory is taken. TF Serving finds the
requests in `assets.extra/tf_serving_warmup_requests`, a TFRecord file of PredictionLog, and
does not offer a model that fails them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

FILE = "tf_serving_warmup_requests"
SIDES = (64, 256)  # of the pictures
FLOAT_SIDE = 64  # smaller, as floats make a large file


def write_warmup(folder: Path, name: str, channels: int) -> None:
    """Writes the requests of a model.

    Args:
        folder: `assets.extra` of the SavedModel.
        name: of the model.
        channels: of the floats that `serving_default` takes.
    """
    with tf.io.TFRecordWriter(str(folder / FILE)) as file:
        floats = tf.zeros([1, FLOAT_SIDE, FLOAT_SIDE, channels])
        _write(file, name, "serving_default", {"image": floats})
        for side in SIDES:
            grey = tf.zeros([side, side, 1], tf.uint8)
            for picture in (tf.io.encode_png(grey), tf.io.encode_jpeg(grey)):
                inputs = {"image_bytes": picture[tf.newaxis], "strength": tf.ones([1])}
                _write(file, name, "denoise_bytes", inputs)


def _write(file: Any, name: str, signature: str, inputs: dict[str, tf.Tensor]) -> None:
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    file.write(log.SerializeToString())
