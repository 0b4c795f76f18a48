"""What servers of the exported SavedModel are asked, and how: one function for each protocol.

Each opens a connection and gives a `Transport`, which sends one file. It raises `Unavailable`
where asking again may help, `UserError` where it cannot. Packages are imported when they are
needed: REST needs none.
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, Protocol

from kdae.errors import UserError, missing_package

SIGNATURE = "denoise_bytes"
FILE, STRENGTH, ANSWER = "image_bytes", "strength", "png_bytes"
_BUSY = (429, 502, 503)  # too many requests, no answer behind a proxy, not available
_LENGTH = 4  # bytes in front of a string in raw contents


class Unavailable(Exception):
    """The server is not there, or has too much to do; asking again may help.

    Args:
        reason: in words.
        after: seconds that the server asks to wait, or None.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Transport(Protocol):
    """Sends one PNG or JPEG file; returns a PNG file."""

    def __call__(self, file: bytes, strength: float, timeout: float) -> bytes:
        """Asks the server, once.

        Args:
            file: PNG or JPEG.
            strength: 0 to 1.
            timeout: seconds to wait for the answer.

        Raises:
            Unavailable: the server is not there or busy.
            UserError: it refuses the picture, gives no answer in time, or is not what it
                was taken for.
        """


def rest(address: str, model: str) -> Transport:
    """REST, as TF Serving and KServe (its version 1) know it; files travel as base64."""
    name = urllib.parse.quote(model, safe="")
    url = f"{address.rstrip('/')}/v1/models/{name}:predict"

    def send(file: bytes, strength: float, timeout: float) -> bytes:
        picture = {FILE: {"b64": base64.b64encode(file).decode()}, STRENGTH: strength}
        body = json.dumps({"signature_name": SIGNATURE, "instances": [picture]}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            reason = _reason(error)
            if error.code in _BUSY:
                raise Unavailable(reason, _seconds(error.headers.get("Retry-After"))) from None
            raise UserError(f"the server refuses: {reason}") from None
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(cause, TimeoutError):
                raise UserError(f"no answer within {timeout:g} seconds") from None
            raise Unavailable(str(cause) or type(cause).__name__) from None
        try:
            return base64.b64decode(json.loads(text)["predictions"][0]["b64"])
        except (ValueError, LookupError, TypeError):
            raise UserError(f"{url}: not the answer of a kdae model") from None

    return send


def tfserving(address: str, model: str) -> Transport:
    """TF Serving over gRPC."""
    from kdae.client.predict import METHOD, Request, Response, add_tensor

    predict = _channel(address).unary_unary(
        METHOD,
        request_serializer=Request.SerializeToString,
        response_deserializer=Response.FromString,
    )

    def send(file: bytes, strength: float, timeout: float) -> bytes:
        request = Request()
        request.model_spec.name = model
        request.model_spec.signature_name = SIGNATURE
        add_tensor(request, FILE, file)
        add_tensor(request, STRENGTH, strength)
        answer = _call(predict, request, timeout)
        outputs = {output.key: output.value for output in answer.outputs}
        return bytes(outputs[ANSWER].string_val[0])

    return send


def kserve(address: str, model: str) -> Transport:
    """The open inference protocol (version 2) over gRPC, as KServe and Triton know it."""
    from open_inference.grpc.protocol import InferTensorContents, ModelInferRequest
    from open_inference.grpc.service import GRPCInferenceServiceStub

    stub = GRPCInferenceServiceStub(_channel(address))
    tensor = ModelInferRequest.InferInputTensor

    def send(file: bytes, strength: float, timeout: float) -> bytes:
        contents = InferTensorContents(bytes_contents=[file])
        share = InferTensorContents(fp32_contents=[strength])
        inputs = [
            tensor(name=FILE, datatype="BYTES", shape=[1], contents=contents),
            tensor(name=STRENGTH, datatype="FP32", shape=[1], contents=share),
        ]
        request = ModelInferRequest(model_name=model, inputs=inputs)
        answer = _call(stub.ModelInfer, request, timeout)
        if answer.raw_output_contents:
            return bytes(answer.raw_output_contents[0][_LENGTH:])
        return bytes(answer.outputs[0].contents.bytes_contents[0])

    return send


SCHEMES: dict[str, Callable[[str, str], Transport]] = {
    "http": lambda address, model: rest(f"http://{address}", model),
    "https": lambda address, model: rest(f"https://{address}", model),
    "tfserving": tfserving,
    "kserve": kserve,
}


def connect(server: str, model: str) -> Transport:
    """Opens a connection.

    Args:
        server: `SCHEME://HOST:PORT`, the scheme one of `SCHEMES`; gRPC is not encrypted.
        model: its name on the server.

    Raises:
        UserError: for another scheme, or when a package is missing.
    """
    scheme, separator, address = server.partition("://")
    if not separator or not address or scheme not in SCHEMES:
        raise UserError(
            f"--server: expected {', '.join(f'{name}://' for name in SCHEMES)} and HOST:PORT, "
            f"got {server!r}"
        )
    try:
        return SCHEMES[scheme](address, model)
    except ModuleNotFoundError as error:
        told = missing_package(error)
        if told is None:
            raise
        raise UserError(f"--server {scheme}://: {told}") from None


def _channel(address: str) -> Any:
    import grpc

    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(address, unlimited)


def _call(method: Callable[..., Any], request: Any, timeout: float) -> Any:
    """Calls a method of a stub; its errors become ours."""
    import grpc

    try:
        return method(request, timeout=timeout)
    except grpc.RpcError as error:
        code, details = error.code(), " ".join((error.details() or "").split())
        if code is grpc.StatusCode.UNAVAILABLE:
            raise Unavailable(details) from None
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise UserError(f"no answer within {timeout:g} seconds") from None
        raise UserError(f"the server refuses: {details or code.name}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """What a server says to a status: TF Serving and KServe answer `{"error": reason}`."""
    try:
        said = str(json.loads(error.read())["error"])
    except (OSError, ValueError, LookupError, TypeError):
        said = error.reason
    return f"{' '.join(said.split())} (HTTP {error.code})"


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdecimal() else None
