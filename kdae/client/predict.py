"""The messages of TF Serving's Predict call, as far as the client needs them.

The official package `tensorflow-serving-api` imports TensorFlow. Protocol Buffers know fields
by their numbers alone. These are from tensorflow_serving/apis/predict.proto and model.proto,
and from TensorFlow's tensor.proto, tensor_shape.proto and types.proto. What is not listed here
is skipped when an answer is read.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

METHOD = "/tensorflow.serving.PredictionService/Predict"
DT_FLOAT, DT_STRING = 1, 7

_PACKAGE = "kdae.predict"
_Field = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "float": _Field.TYPE_FLOAT,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}
# Message -> field -> (number, type). Repeated fields end in *. A map is a repeated message of
# a key (1) and a value (2).
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Dim": {"size": (1, "int64")},
    "Shape": {"dim": (2, "Dim*")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "Shape"),
        "float_val": (5, "float*"),
        "string_val": (8, "bytes*"),
    },
    "Named": {"key": (1, "string"), "value": (2, "Tensor")},
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "Request": {"model_spec": (1, "ModelSpec"), "inputs": (2, "Named*")},
    "Response": {"outputs": (1, "Named*")},
}


def _message_classes() -> dict[str, Any]:
    """Makes the classes of `_MESSAGES`, in a pool of their own beside TensorFlow's."""
    file = descriptor_pb2.FileDescriptorProto(
        name="kdae/predict.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            plain = kind.removesuffix("*")
            added = message.field.add(name=field, number=number)
            added.label = _Field.LABEL_OPTIONAL if kind == plain else _Field.LABEL_REPEATED
            if plain in _KINDS:
                added.type = _KINDS[plain]
            else:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _message_classes()
Request, Response = _CLASSES["Request"], _CLASSES["Response"]


def add_tensor(request: Any, name: str, value: bytes | float) -> None:
    """Adds an input of shape [1] to a request: a string or a float32."""
    tensor = request.inputs.add(key=name).value
    tensor.tensor_shape.dim.add(size=1)
    if isinstance(value, bytes):
        tensor.dtype = DT_STRING
        tensor.string_val.append(value)
    else:
        tensor.dtype = DT_FLOAT
        tensor.float_val.append(value)
