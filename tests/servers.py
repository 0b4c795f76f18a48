"""Servers of the protocols that `kdae.client` speaks, in this process, for one SavedModel."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from open_inference.grpc.protocol import ModelInferResponse
from open_inference.grpc.service import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

MODEL = "tiny"


class Fault(Exception):
    """What a server is told to answer once: a status, and how long to wait."""

    def __init__(self, status: Any, after: str | None = None) -> None:
        super().__init__(status)
        self.status, self.after = status, after


class Denoise:
    """The signature `denoise_bytes`, with faults to come first; counts what it is asked."""

    def __init__(self, model: Any) -> None:
        self.signature = model.signatures["denoise_bytes"]
        self.faults: list[Fault] = []
        self.asked = 0

    def __call__(self, files: list[bytes], strength: list[float]) -> list[bytes]:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        answer = self.signature(
            image_bytes=tf.constant(files), strength=tf.constant(strength, tf.float32)
        )
        return list(answer["png_bytes"].numpy())


@contextmanager
def rest_server(denoise: Denoise) -> Iterator[str]:
    """The REST form of TF Serving, by rows: what is documented of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == f"/v1/models/{MODEL}"
            state = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}
            self.answer(200 if found else 404, state if found else {"error": "not found"})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != f"/v1/models/{MODEL}:predict":
                self.answer(404, {"error": f"Servable not found for request: {self.path}"})
                return
            assert request.keys() == {"signature_name", "instances"}
            assert request["signature_name"] == "denoise_bytes"
            rows = request["instances"]
            # TF Serving wants every input, also those with a default.
            assert all(row.keys() == {"image_bytes", "strength"} for row in rows)
            files = [base64.b64decode(row["image_bytes"]["b64"]) for row in rows]
            try:
                clean = denoise(files, [row["strength"] for row in rows])
            except Fault as fault:
                self.answer(fault.status, {"error": "told to"}, fault.after)
            except tf.errors.InvalidArgumentError as error:
                self.answer(400, {"error": error.message})
            else:
                data = [{"b64": base64.b64encode(file).decode()} for file in clean]
                self.answer(200, {"predictions": data})

        def answer(self, status: int, body: Any, after: str | None = None) -> None:
            self.send_response(status)
            if after:
                self.send_header("Retry-After", after)
            self.end_headers()
            self.wfile.write(json.dumps(body, indent=4).encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


class TFServing(PredictionServiceServicer):
    def __init__(self, denoise: Denoise) -> None:
        self.denoise = denoise

    def Predict(self, request: Any, context: Any) -> Any:
        assert request.model_spec.signature_name == "denoise_bytes"
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        assert inputs["strength"].dtype == np.float32
        clean = called(
            self.denoise,
            context,
            request.model_spec.name,
            inputs["image_bytes"].tolist(),
            inputs["strength"].tolist(),
        )
        answer = PredictResponse()
        answer.outputs["png_bytes"].CopyFrom(tf.make_tensor_proto(clean))
        return answer


class OpenInference(GRPCInferenceServiceServicer):
    """Answers with raw contents, as Triton does, or without, as KServe does."""

    def __init__(self, denoise: Denoise, raw: bool) -> None:
        self.denoise, self.raw = denoise, raw

    def ModelInfer(self, request: Any, context: Any) -> Any:
        inputs = {each.name: each for each in request.inputs}
        assert inputs["image_bytes"].datatype == "BYTES" and inputs["image_bytes"].shape == [1]
        assert inputs["strength"].datatype == "FP32" and inputs["strength"].shape == [1]
        (clean,) = called(
            self.denoise,
            context,
            request.model_name,
            list(inputs["image_bytes"].contents.bytes_contents),
            list(inputs["strength"].contents.fp32_contents),
        )
        answer = ModelInferResponse(model_name=request.model_name)
        output = answer.outputs.add(name="png_bytes", datatype="BYTES", shape=[1])
        if self.raw:
            answer.raw_output_contents.append(len(clean).to_bytes(4, "little") + clean)
        else:
            output.contents.bytes_contents.append(clean)
        return answer


def called(
    denoise: Denoise, context: Any, name: str, files: list[bytes], strength: list[float]
) -> list[bytes]:
    """What a gRPC server makes of the signature and its errors."""
    if name != MODEL:
        context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {name}")
    try:
        return denoise(files, strength)
    except Fault as fault:
        context.abort(fault.status, "told to")
    except tf.errors.InvalidArgumentError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
    raise AssertionError("unreachable")


@contextmanager
def grpc_server(scheme: str, add: Callable[[Any], None]) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"{scheme}://127.0.0.1:{port}"
    server.stop(None).wait()


@contextmanager
def serving(protocol: str, denoise: Denoise) -> Iterator[str]:
    """A server of a protocol: `rest`, `tfserving`, `kserve` or `triton`; gives its address."""
    if protocol == "rest":
        with rest_server(denoise) as address:
            yield address
    elif protocol == "tfserving":
        service = TFServing(denoise)
        with grpc_server(
            protocol, lambda server: add_PredictionServiceServicer_to_server(service, server)
        ) as address:
            yield address
    else:
        inference = OpenInference(denoise, protocol == "triton")
        with grpc_server(
            "kserve",
            lambda server: add_GRPCInferenceServiceServicer_to_server(inference, server),
        ) as address:
            yield address
