"""The warm-up requests are read and answered as TF Serving does it."""

from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kdae.export.formats import Job
from kdae.export.savedmodel import exporter
from tests.helpers import tiny_card, tiny_model


def test_every_request_is_answered(tmp_path: Path) -> None:
    exporter.export(Job("tiny", tiny_model(3), tiny_card(3), tmp_path, 100_000))
    # TF Serving looks for this name in this place.
    file = tmp_path / "1" / "assets.extra" / "tf_serving_warmup_requests"
    model = tf.saved_model.load(str(tmp_path / "1"))
    asked = []
    for record in tf.data.TFRecordDataset(str(file)):
        log = PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "tiny"
        name = request.model_spec.signature_name
        inputs = {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()}
        signature = model.signatures[name]
        assert inputs.keys() == signature.structured_input_signature[1].keys()
        (answer,) = signature(**{k: tf.constant(v) for k, v in inputs.items()}).values()
        assert len(answer) == 1
        asked.append(name)
    assert asked == ["serving_default"] + ["denoise_bytes"] * 4
