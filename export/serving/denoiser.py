"""Wraps the SavedModel as a model of KServe, and reads the requests."""

from __future__ import annotations

import asyncio
import base64
import binascii
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf
from grpc_interceptor.exceptions import Unavailable
from kserve import InferOutput, InferRequest, InferResponse, Model
from kserve.errors import InvalidInput
from limits import Full, Places

MAX_PICTURES = 16  # per request
_ASSERTION = "assertion failed: "


class Denoiser(Model):
    """The SavedModel behind both protocols.

    Args:
        name: The name of the model in addresses and requests.
        folder: The folder that holds `saved_model.pb`.
        workers: The number of pictures that are denoised at a time.
        places: The places that gRPC requests take. REST requests take theirs before they are
            read, see `limits.Limits`.
    """

    def __init__(self, name: str, folder: str, workers: int, places: Places) -> None:
        super().__init__(name)
        self._model = tf.saved_model.load(folder)
        self._denoise = self._model.signatures["denoise_bytes"]
        self._pool = ThreadPoolExecutor(workers)
        self._places = places
        # The first run is slow, because TensorFlow chooses kernels and allocates memory.
        self._one(tf.io.encode_png(tf.zeros([256, 256, 3], tf.uint8)).numpy(), 1.0)
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Returns the inputs as version 2 of the protocol describes them."""
        return [
            {"name": "image_bytes", "datatype": "BYTES", "shape": [-1]},
            {"name": "strength", "datatype": "FP32", "shape": [-1]},
        ]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Returns the outputs for version 2. A denoised picture has an empty `error`."""
        return [
            {"name": name, "datatype": "BYTES", "shape": [-1]}
            for name in ("png_bytes", "error")
        ]

    async def predict(
        self, payload: Any, headers: Any = None, response_headers: Any = None
    ) -> dict[str, Any] | InferResponse:
        """Answers a request of either version.

        Raises:
            InvalidInput: If the request is malformed, or its only picture is refused.
            Unavailable: If too many gRPC requests are being answered.
        """
        if not isinstance(payload, InferRequest):
            answers = await self._all(*from_json(payload))
            return {
                "predictions": [
                    {"error": str(answer)}
                    if isinstance(answer, InvalidInput)
                    else {"b64": base64.b64encode(answer).decode()}
                    for answer in answers
                ]
            }
        try:
            with self._places.take():
                answers = await self._all(*from_tensors(payload))
        except Full as error:
            raise Unavailable(str(error)) from None
        bad = [isinstance(answer, InvalidInput) for answer in answers]
        outputs = {
            "png_bytes": [
                b"" if no else answer for no, answer in zip(bad, answers, strict=True)
            ],
            "error": [
                str(answer).encode() if no else b""
                for no, answer in zip(bad, answers, strict=True)
            ],
        }
        return InferResponse(
            payload.id,
            self.name,
            [InferOutput(name, [len(data)], "BYTES", data) for name, data in outputs.items()],
        )

    async def _all(
        self, files: list[bytes], strengths: list[float]
    ) -> list[bytes | InvalidInput]:
        """Returns a PNG file for each picture, or the error why it is refused."""
        loop = asyncio.get_running_loop()
        answers: list[bytes | InvalidInput] = []
        for file, strength in zip(files, strengths, strict=True):
            try:
                answers.append(
                    await loop.run_in_executor(self._pool, self._one, file, strength)
                )
            except InvalidInput as error:
                if len(files) == 1:
                    raise
                answers.append(error)
        return answers

    def _one(self, file: bytes, strength: float) -> bytes:
        try:
            answer = self._denoise(
                image_bytes=tf.constant([file]), strength=tf.constant([strength], tf.float32)
            )
        except tf.errors.InvalidArgumentError as error:
            raise InvalidInput(reason(error.message)) from None
        return answer["png_bytes"].numpy()[0]


def from_json(payload: Any) -> tuple[list[bytes], list[float]]:
    """Returns the files and strengths of a request `{"instances": [...]}`.

    Raises:
        InvalidInput: If the request has another form. The message says what was expected.
    """
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list):
        raise InvalidInput('expected JSON: {"instances": [{"image_bytes": {"b64": ...}}]}')
    if payload.get("signature_name", "denoise_bytes") != "denoise_bytes":
        raise InvalidInput("signature_name: expected denoise_bytes")
    files, strengths = [], []
    for index, instance in enumerate(instances):
        try:
            if "b64" in instance:
                instance = {"image_bytes": instance}
            files.append(base64.b64decode(instance["image_bytes"]["b64"], validate=True))
            strengths.append(float(instance.get("strength", 1.0)))
        except (
            binascii.Error,
            LookupError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
        ):
            raise InvalidInput(
                f'instances[{index}]: expected {{"image_bytes": {{"b64": a file in base64}}, '
                '"strength": 0 to 1}'
            ) from None
    return counted(files), strengths


def from_tensors(request: InferRequest) -> tuple[list[bytes], list[float]]:
    """Returns the files and strengths of a request of version 2.

    Raises:
        InvalidInput: If the request has another form. The message says what was expected.
    """
    try:
        inputs = {each.name: each.as_numpy().ravel().tolist() for each in request.inputs}
        files = inputs["image_bytes"]
        strengths = [float(each) for each in inputs.get("strength", [1.0])]
        if not all(isinstance(file, bytes) for file in files):
            raise TypeError
    # KServe raises errors of many classes for a malformed tensor.
    except Exception:
        raise InvalidInput(
            "expected image_bytes, BYTES [N], and if any strength, FP32 [1] or [N]"
        ) from None
    if len(strengths) == 1:
        strengths *= len(files)
    if len(strengths) != len(files):
        raise InvalidInput("strength: expected one value or one per picture")
    return counted(files), strengths


def counted(files: list[bytes]) -> list[bytes]:
    """Returns the files, after checking that one request may have so many."""
    if not 1 <= len(files) <= MAX_PICTURES:
        raise InvalidInput(f"expected 1 to {MAX_PICTURES} pictures, got {len(files)}")
    return files


def reason(message: str) -> str:
    """Returns the message of a TensorFlow error without the place in the graph.

    It is the line before `[[{{node ...}}]]`.
    """
    lines = [line.strip() for line in message.splitlines()]
    place = next((i for i, line in enumerate(lines) if line.startswith("[[{{node")), len(lines))
    text = lines[place - 1]
    if text.startswith(_ASSERTION):
        text = text.removeprefix(_ASSERTION).strip("[]").replace("] [", " ")
    # The index is always 0, as pictures are run one by one.
    return text.removeprefix("image_bytes[0]: ")
