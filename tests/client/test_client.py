"""The client, against servers of each protocol in this process."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf

from kdae.client import client as module
from kdae.client.__main__ import main
from kdae.client.client import Client
from kdae.client.protocols import Unavailable
from kdae.errors import UserError
from kdae.images import Picture, decode, encode, read_image, spans, write_image
from tests.helpers import SAVED_PIXELS, Saved, noise_image, tiny_card, tiny_denoiser
from tests.servers import MODEL, Denoise, Fault, serving

CARD = tiny_card(3)


@pytest.fixture(scope="module")
def denoise(saved_models: Callable[[int], Saved]) -> Denoise:
    return Denoise(saved_models(3).model)


@pytest.fixture(scope="module", params=["rest", "tfserving", "kserve", "triton"])
def server(request: pytest.FixtureRequest, denoise: Denoise) -> Iterator[str]:
    with serving(request.param, denoise) as address:
        yield address


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have slept."""
    seconds: list[float] = []
    monkeypatch.setattr(module.time, "sleep", seconds.append)
    return seconds


def level_apart(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal, but for values on the border between two levels."""
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    assert (ours == theirs).mean() > 0.99


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_denoises(server: str, channels: int, dtype: Any) -> None:
    pixels = noise_image(20, 31, channels, dtype=dtype)
    client = Client(server, MODEL)
    for strength in (1.0, 0.5):
        expected = tiny_denoiser(3).denoise(pixels, strength)
        level_apart(client.denoise(pixels, strength), expected)


@pytest.mark.parametrize("size", [(97, 130), (64, 33), (3, 200)])
def test_tiles_equal_the_whole_picture(server: str, denoise: Denoise, size: Any) -> None:
    pixels = noise_image(*size, 3)
    client = Client(server, MODEL, card=CARD)
    whole = client.denoise(pixels)
    before = denoise.asked
    level_apart(client.denoise(pixels, tile=32), whole)
    rows, columns = (spans(length, 4, 32, CARD["halo"]) for length in size)
    assert denoise.asked - before == len(rows) * len(columns)


def test_less_context_than_the_card_says_shows(denoise: Denoise) -> None:
    pixels = noise_image(64, 64, 3)
    with serving("rest", denoise) as server:
        whole = Client(server, MODEL).denoise(pixels)
        card = {**CARD, "halo": 0, "exact_halo": CARD["halo"]}
        cut = Client(server, MODEL, card=card).denoise(pixels, tile=32)
        exact = Client(server, MODEL, card=card, exact=True).denoise(pixels, tile=32)
    assert np.abs(whole.astype(int) - cut.astype(int)).max() > 1
    level_apart(exact, whole)


def test_refusals_are_told_and_not_repeated(server: str, denoise: Denoise) -> None:
    good = encode(noise_image(8, 8, 3))
    before = denoise.asked
    for file, message in (
        (b"hello", "expected a PNG or JPEG file"),
        (good[:-20], "Invalid PNG"),
        (encode(noise_image(257, 256, 1)), f"more than the {SAVED_PIXELS} pixels"),
    ):
        with pytest.raises(UserError, match=message):
            Client(server, MODEL).denoise_file(file)
    assert denoise.asked - before == 3
    with pytest.raises(UserError, match="not found"):
        Client(server, "other").denoise_file(good)


def test_a_busy_server_is_asked_again(
    server: str, denoise: Denoise, pauses: list[float]
) -> None:
    status = 503 if server.startswith("http") else grpc.StatusCode.UNAVAILABLE
    denoise.faults = [Fault(status), Fault(status), Fault(status)]
    pixels = noise_image(8, 8, 3)
    level_apart(Client(server, MODEL).denoise(pixels), tiny_denoiser(3).denoise(pixels))
    assert len(pauses) == 3
    for pause, longest in zip(pauses, (0.25, 0.5, 1.0), strict=True):
        assert longest / 2 <= pause <= longest


def test_waits_as_long_as_it_is_asked_to(denoise: Denoise, pauses: list[float]) -> None:
    denoise.faults = [Fault(429, "7"), Fault(502, "Wed, 21 Oct 2026 07:28:00 GMT")]
    with serving("rest", denoise) as server:
        Client(server, MODEL).denoise_file(encode(noise_image(8, 8, 3)))
    assert pauses[0] == 7 and pauses[1] <= 0.5


def test_gives_up(server: str, denoise: Denoise, pauses: list[float]) -> None:
    status = 503 if server.startswith("http") else grpc.StatusCode.UNAVAILABLE
    denoise.faults = [Fault(status) for _ in range(3)]
    with pytest.raises(UserError, match=rf"--server {server}: told to.*; asked 3 times"):
        Client(server, MODEL, retries=2).denoise_file(b"")
    assert not denoise.faults and len(pauses) == 2


@pytest.mark.parametrize("scheme", ["http", "tfserving", "kserve"])
def test_nobody_there(scheme: str, pauses: list[float]) -> None:
    with pytest.raises(UserError, match=r"127.0.0.1:1.*asked 2 times"):
        Client(f"{scheme}://127.0.0.1:1", MODEL, retries=1).denoise_file(b"")
    assert len(pauses) == 1


def test_waits_no_longer_than_the_timeout(server: str, denoise: Denoise) -> None:
    answered = threading.Event()
    signature = denoise.signature

    def slow(**inputs: tf.Tensor) -> Any:
        answered.wait(30)
        return signature(**inputs)

    denoise.signature = slow
    start = time.monotonic()
    try:
        with pytest.raises(UserError, match=r"no answer within 0\.2 seconds"):
            Client(server, MODEL, timeout=0.2).denoise_file(encode(noise_image(8, 8, 3)))
        assert time.monotonic() - start < 10
    finally:
        answered.set()
        denoise.signature = signature


def test_answers_that_are_none(
    denoise: Denoise, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    pixels = noise_image(8, 8, 3)
    with serving("rest", denoise) as server:
        client = Client(server, MODEL)
        for answer, message in (
            (b"no picture", "answer is no picture"),
            (encode(noise_image(4, 8, 3)), r"sent a picture of \[8, 8, 3\] uint8, got one of"),
        ):
            monkeypatch.setattr(client, "_send", lambda *_, answer=answer: answer)
            with pytest.raises(UserError, match=message):
                client.denoise(pixels)


def test_one_failed_tile_ends_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("http://127.0.0.1:1", MODEL, card=CARD, retries=0)
    asked = []

    def send(*_: Any) -> bytes:
        asked.append(1)
        time.sleep(0.01)
        raise Unavailable("gone")

    monkeypatch.setattr(client, "_send", send)
    with pytest.raises(UserError, match="gone"):
        client.denoise(noise_image(300, 300, 1), tile=8)
    assert len(asked) < 100  # of 1444


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"server": "127.0.0.1:8501"}, r"--server: expected http://, https://, tfserving://"),
        ({"server": "ftp://x:1"}, "got 'ftp://x:1'"),
        ({"server": "http://"}, "--server"),
    ],
)
def test_addresses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Client(**arguments)


@pytest.mark.parametrize(
    ("pixels", "strength", "message"),
    [
        (np.zeros((4, 4), np.uint8), 1.0, r"pixels: expected \[H, W, 1\]"),
        (np.zeros((4, 0, 3), np.uint8), 1.0, r"pixels: expected .* got \[4, 0, 3\]"),
        (np.zeros((4, 4, 3), np.float32), 1.0, "pixels: expected uint8 or uint16"),
        (np.zeros((4, 4, 3), np.uint8), 1.5, "strength: expected 0 to 1"),
    ],
)
def test_arguments(pixels: np.ndarray, strength: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Client().denoise(pixels, strength)


def test_cards() -> None:
    card = Client(model="photo").card
    assert card is not None and card["name"] == "photo"
    with pytest.raises(UserError, match="--card: tiny is no shipped model"):
        Client(model="tiny").denoise(noise_image(9, 9, 1), tile=8)


def test_the_command(denoise: Denoise, tmp_path: Path) -> None:
    """Keeps alpha and profile, writes other formats, and does not import TensorFlow."""
    alpha = np.maximum(noise_image(40, 30, seed=1), 1)  # nothing is wholly transparent
    picture = Picture(noise_image(40, 30, 3), alpha, b"a profile")
    write_image(tmp_path / "noisy.tif", picture)
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    script = (
        "import sys; from kdae.client.__main__ import main; status = main(sys.argv[1:]);"
        "sys.exit(status or [name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    with serving("rest", denoise) as server:
        arguments = ["noisy.tif", "-o", "clean.webp", "--server", server, "--model", MODEL]
        arguments += ["--card", "card.json", "--strength", "0.5"]
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.strip() == "[]", done.stderr
    answer = read_image(tmp_path / "clean.webp")
    level_apart(answer.pixels, tiny_denoiser(3).denoise(picture.pixels, 0.5))
    assert answer.alpha is not None
    np.testing.assert_array_equal(answer.alpha, alpha)
    assert answer.icc_profile == picture.icc_profile


def test_the_command_says_why_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kdae.client", "none.png", "-o", "clean.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stderr == "error: none.png: no such file\n"
    with pytest.raises(UserError, match="--strength"):
        main(["a.png", "-o", "b.png", "--strength", "2"])
    (tmp_path / "card.json").write_text("{}")
    for card in ("card.json", "none.json"):
        with pytest.raises(UserError, match=rf"model card .*{card}: "):
            main(["a.png", "-o", "b.png", "--card", str(tmp_path / card)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_encoded_pictures_come_back(dtype: Any, channels: int) -> None:
    pixels = noise_image(7, 9, channels, dtype=dtype)
    np.testing.assert_array_equal(decode(encode(pixels[:, ::-1])), pixels[:, ::-1])
