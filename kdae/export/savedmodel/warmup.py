"""Writes the requests that TF Serving runs before it offers a new version of a model.

The first run of a model is slow, because TensorFlow chooses kernels and allocates memory. TF
Serving reads the requests from `assets.extra/tf_serving_warmup_requests`, a TFRecord file of
PredictionLog, and does not offer a model that fails them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

FILE = "tf_serving_warmup_requests"
SIDES = (64, 256)  # heights and widths of the pictures
FLOAT_SIDE = 64  # one small size, as floats make a large file


def write_warmup(folder: Path, name: str, channels: int, *, files: bool) -> None:
    """Writes the requests of a model.

    Args:
        folder: The folder `assets.extra` of the SavedModel.
        name: The name of the model.
        channels: The number of channels of the input of `serving_default`.
        files: Whether there is the signature `denoise_bytes`.
    """
    with tf.io.TFRecordWriter(str(folder / FILE)) as file:
        floats = tf.zeros([1, FLOAT_SIDE, FLOAT_SIDE, channels])
        _write(file, name, "serving_default", {"image": floats})
        for side in SIDES if files else ():
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
