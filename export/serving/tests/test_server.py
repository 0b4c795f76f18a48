"""Tests the running server: the client, files that are no pictures, and too many requests.

`make test-serving` runs these tests, which need the environment of the server and take minutes.
"""

import base64
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import hostile
import numpy as np
import pytest
from memory import SECONDS
from open_inference.grpc import protocol, service
from running import Server

import kdae
from kdae.client import Client
from kdae.errors import UserError
from kdae.export.formats import MAX_PIXELS, ExportRequest
from kdae.export.savedmodel import exporter
from kdae.images import decode, encode
from kdae.model import load_model

MODEL = "photo"
PATH = f"/v1/models/{MODEL}:predict"
MUTATIONS = 2000
QUEUE = 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    exporter.export(ExportRequest(MODEL, *load_model(MODEL), folder, MAX_PIXELS))
    with Server(folder / "1", "--queue", str(QUEUE)) as running:
        yield running
        assert running.process.poll() is None


def noisy(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    """Returns a picture of waves with noise."""
    y, x = np.mgrid[: shape[0], : shape[1]] / 16
    clean = 0.5 + 0.3 * np.sin(x * y / 4) * np.cos(x)
    values = clean[..., None] + np.random.default_rng(0).normal(0, 0.1, shape)
    return np.rint(np.clip(values, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def post(server: Server, body: Any, path: str = PATH, method: str = "POST") -> tuple[int, Any]:
    """Returns the status and JSON of an answer. A `body` that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.rest + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def instance(file: bytes, **more: Any) -> dict[str, Any]:
    return {"image_bytes": {"b64": base64.b64encode(file).decode()}, **more}


def outcome(server: Server, file: bytes) -> str:
    """Returns `picture` or the error message. Any other answer fails the test."""
    status, answer = post(server, {"instances": [instance(file)]})
    if status == 200:
        (prediction,) = answer["predictions"]
        assert decode(base64.b64decode(prediction["b64"])).size
        return "picture"
    assert status == 400 and answer.keys() == {"error"} and answer["error"], (status, answer)
    return str(answer["error"])


@pytest.mark.parametrize("protocol_name", ["rest", "grpc"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_client_gives_what_kdae_denoise_gives(
    server: Server, protocol_name: str, dtype: Any, channels: int
) -> None:
    client = Client(getattr(server, protocol_name), MODEL)
    pixels = noisy(300, 217, channels, dtype=dtype)
    whole = client.denoise(pixels)
    expected = kdae.load(MODEL).denoise(pixels)
    # Float sums differ in another version of TensorFlow: 1e-5 of the range.
    most = 1 if dtype == np.uint8 else 2
    assert np.abs(whole.astype(int) - expected.astype(int)).max() <= most
    tiles = client.denoise(pixels, tile=100)
    assert np.abs(whole.astype(int) - tiles.astype(int)).max() <= most
    assert (whole == tiles).mean() > (0.999 if dtype == np.uint8 else 0.9)


def test_a_bad_picture_does_its_neighbours_no_harm(server: Server) -> None:
    good = encode(noisy(40, 50, 3))
    alone = Client(server.rest, MODEL).denoise_file(good)
    bodies = [instance(good), instance(b"bad"), {"b64": instance(good)["image_bytes"]["b64"]}]
    status, answer = post(server, {"instances": bodies})
    assert status == 200
    first, bad, last = answer["predictions"]
    assert bad == {"error": "expected a PNG or JPEG file, got something else"}
    assert base64.b64decode(first["b64"]) == base64.b64decode(last["b64"]) == alone


def infer(server: Server, *inputs: Any, raw: list[bytes] | None = None, **more: Any) -> Any:
    """Returns a function that sends a request of version 2 over gRPC."""
    with grpc.insecure_channel(server.grpc.removeprefix("kserve://")) as channel:
        stub = service.GRPCInferenceServiceStub(channel)
        request = protocol.ModelInferRequest(
            model_name=MODEL, inputs=inputs, raw_input_contents=raw or [], **more
        )
        return stub.ModelInfer(request, timeout=60)


def tensor(name: str, datatype: str, shape: list[int], **contents: Any) -> Any:
    return protocol.ModelInferRequest.InferInputTensor(
        name=name,
        datatype=datatype,
        shape=shape,
        contents=protocol.InferTensorContents(**contents) if contents else None,
    )


def test_batches_over_grpc(server: Server) -> None:
    good = encode(noisy(40, 50, 3))
    alone = Client(server.grpc, MODEL).denoise_file(good)
    files = tensor("image_bytes", "BYTES", [2], bytes_contents=[good, b"bad"])
    answer = infer(server, files)
    by_name = {each.name: each.contents.bytes_contents for each in answer.outputs}
    assert list(by_name["png_bytes"]) == [alone, b""]
    assert list(by_name["error"]) == [b"", b"expected a PNG or JPEG file, got something else"]
    raw = infer(
        server,
        tensor("image_bytes", "BYTES", [1]),
        tensor("strength", "FP32", [1]),
        raw=[struct.pack("<I", len(good)) + good, struct.pack("<f", 1.0)],
    )
    assert raw.outputs[0].contents.bytes_contents[0] == alone


def test_malformed_requests_over_grpc(server: Server) -> None:
    good = encode(noisy(8, 8, 3))
    files = tensor("image_bytes", "BYTES", [1], bytes_contents=[good])
    requests: list[tuple[list[Any], list[bytes]]] = [
        ([], []),
        ([tensor("image_bytes", "FP32", [1], fp32_contents=[1.0])], []),
        ([tensor("image_bytes", "NONE", [1])], []),
        ([tensor("image_bytes", "BYTES", [7], bytes_contents=[good])], []),
        ([tensor("image_bytes", "BYTES", [-5, -5], bytes_contents=[good])], []),
        ([tensor("image_bytes", "BYTES", [0])], []),
        ([tensor("image_bytes", "BYTES", [17], bytes_contents=[good] * 17)], []),
        ([tensor("image_bytes", "BYTES", [1])], [b"\xff\xff\xff\xff"]),
        ([tensor("image_bytes", "BYTES", [1])], [b"", b"", b""]),
        ([files, tensor("strength", "FP32", [3], fp32_contents=[1.0] * 3)], []),
        ([files, tensor("strength", "FP32", [1], fp32_contents=[float("nan")])], []),
        ([files, tensor("strength", "BYTES", [1], bytes_contents=[b"x"])], []),
    ]
    for number, (inputs, raw) in enumerate(requests):
        try:
            infer(server, *inputs, raw=raw)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, number
        else:
            pytest.fail(f"request {number} was answered")
    with pytest.raises(grpc.RpcError) as caught:
        infer(server, tensor("image_bytes", "BYTES", [1], bytes_contents=[bytes(2**24 + 1)]))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with grpc.insecure_channel(server.grpc.removeprefix("kserve://")) as channel:
        unload = channel.unary_unary("/inference.GRPCInferenceService/RepositoryModelUnload")
        with pytest.raises(grpc.RpcError) as caught:
            unload(b"\x12\x05photo", timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert server.ready() and outcome(server, good) == "picture"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff" * 1000, 400),
        ([], 400),
        (None, 400),
        ("text", 400),
        ({}, 400),
        ({"instances": {}}, 400),
        ({"instances": []}, 400),
        ({"instances": [None]}, 400),
        ({"instances": [[]]}, 400),
        ({"instances": ["text"]}, 400),
        ({"instances": [{"b64": 1}]}, 400),
        ({"instances": [{"b64": "not base64!"}]}, 400),
        ({"instances": [{"image_bytes": "text"}]}, 400),
        ({"instances": [{"image_bytes": [1, 2, 3]}]}, 400),
        ({"instances": [instance(b"", strength="much")]}, 400),
        ({"instances": [instance(b"", strength=[0.5])]}, 400),
        ({"instances": [instance(b"", strength=10**30)]}, 400),
        ({"instances": [instance(encode(noisy(4, 4, 1)), strength=2)]}, 400),
        ({"instances": [instance(b"")] * 17}, 400),
        ({"signature_name": "serving_default", "instances": [instance(b"")]}, 400),
        ({"specversion": "1.0", "source": "", "type": "", "id": "", "data": 1}, 400),
        (bytes(2**24 + 1), 413),
    ],
)
def test_malformed_requests(server: Server, body: Any, status: int) -> None:
    found, answer = post(server, body)
    assert found == status and answer["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/v2/repository/models/{MODEL}/unload"),
        ("POST", f"/v2/models/{MODEL}/infer"),
        ("POST", f"/v1/models/{MODEL}:explain"),
        ("POST", "/v1/models/other:predict"),
        ("DELETE", f"/v1/models/{MODEL}"),
        ("PUT", PATH),
    ],
)
def test_other_addresses_are_closed(server: Server, method: str, path: str) -> None:
    assert post(server, {}, path, method)[0] == 404
    assert server.ready()


@pytest.mark.parametrize(
    "path", ["/", "/v2/health/live", "/v2/health/ready", "/v1/models/photo"]
)
def test_health(server: Server, path: str) -> None:
    with urllib.request.urlopen(server.rest + path) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(server.rest + "/metrics") as answer:
        assert b"request_predict_seconds_count" in answer.read()


def test_every_kind_of_file(server: Server) -> None:
    for name, (file, expected) in hostile.kinds().items():
        assert expected in outcome(server, file), name


def test_mutated_files(server: Server) -> None:
    """Each of 2,000 files gets an error or a picture, and memory is returned afterwards."""
    good = encode(noisy(64, 64, 3))
    before = Client(server.rest, MODEL).denoise_file(good)
    for _ in range(20):
        outcome(server, encode(noisy(512, 512, 3)))
    memory = server.megabytes()
    with ThreadPoolExecutor(8) as pool:
        found = Counter(
            pool.map(lambda file: outcome(server, file), hostile.mutated(MUTATIONS))
        )
    assert sum(found.values()) == MUTATIONS
    # If one of the two never happens, the mutations are too mild or too wild.
    assert 0.05 * MUTATIONS < found["picture"] < 0.95 * MUTATIONS, found
    assert server.process.poll() is None and server.ready()
    assert Client(server.rest, MODEL).denoise_file(good) == before
    time.sleep(2 * SECONDS)
    after = server.megabytes()
    print(f"\n{found['picture']} pictures; memory {memory:.0f} MB before, {after:.0f} MB after")
    assert after < 1.2 * memory


def test_bombs(server: Server) -> None:
    """The largest allowed picture is denoised, larger ones are refused, memory is returned."""
    outcome(server, encode(noisy(512, 512, 3)))
    memory = server.megabytes()
    for name, (file, expected) in hostile.bombs(MAX_PIXELS).items():
        assert len(file) < 1_000_000
        assert expected in outcome(server, file), name
    time.sleep(2 * SECONDS)
    after, most = server.megabytes(), server.megabytes("VmHWM")
    print(f"\nmemory {memory:.0f} MB before, {after:.0f} MB after, {most:.0f} MB at most")
    assert after < 1.2 * memory


def test_overload_is_refused_and_forgotten(server: Server) -> None:
    """Of 64 clients at once, those that get a place get pictures and the others 503."""
    body = {"instances": [instance(encode(noisy(700, 700, 3)))]}
    with ThreadPoolExecutor(64) as pool:
        found = Counter(
            status for status, _ in pool.map(lambda _: post(server, body), range(64))
        )
    assert set(found) <= {200, 503} and found[200] >= QUEUE and found[503] > 0, found
    client = Client(server.grpc, MODEL, retries=0)

    def ask(_: int) -> str:
        try:
            client.denoise_file(encode(noisy(700, 700, 3)))
        except UserError as error:
            return str(error)
        return "picture"

    with ThreadPoolExecutor(64) as pool:
        answers = Counter(pool.map(ask, range(64)))
    assert answers["picture"] >= QUEUE
    assert all("under way" in text for text in answers if text != "picture"), answers
    with ThreadPoolExecutor(64) as pool:
        patient = Client(server.rest, MODEL, retries=60)
        small = encode(noisy(300, 300, 3))
        assert len(set(pool.map(lambda _: patient.denoise_file(small), range(64)))) == 1


def test_slow_senders_lose_their_places(server: Server) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode()
    slow = []
    for _ in range(QUEUE):
        slow.append(socket.create_connection(("127.0.0.1", server.port)))
        slow[-1].sendall(head)
    time.sleep(1)
    assert post(server, {})[0] == 503 and server.ready()
    for each in slow:
        each.settimeout(60)
        assert b" 408 " in each.recv(1000)
        each.close()
    assert post(server, {})[0] == 400
