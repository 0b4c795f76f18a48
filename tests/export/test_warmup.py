"""The warm-up requests are read and answered as TF Serving does it."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tests.helpers import Saved


def test_every_request_is_answered(saved_models: Callable[[int], Saved]) -> None:
    folder, model = saved_models(3)
    # TF Serving looks for this name in this place.
    file = folder / "1" / "assets.extra" / "tf_serving_warmup_requests"
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
