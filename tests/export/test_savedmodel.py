"""The two signatures of the SavedModel: sizes and kinds of pictures, and refused files."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kdae.engine import Denoiser
from kdae.engine.keras_model import KerasModel
from kdae.export.savedmodel import exporter
from kdae.images import from_float, to_float
from tests import warm
from tests.helpers import SAVED_PIXELS, Saved, noise_image, tiny_card, tiny_denoiser, tiny_model


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "colour"])
def saved(request: pytest.FixtureRequest, saved_models: Callable[[int], Saved]) -> Any:
    """Returns the number of channels of a SavedModel, its folder, and the loaded model."""
    folder, model = saved_models(request.param)
    return request.param, folder / "1", model


def png(pixels: np.ndarray) -> bytes:
    data: bytes = tf.io.encode_png(pixels).numpy()
    return data


def ask(model: Any, *files: bytes, strength: float = 1.0) -> list[np.ndarray]:
    """Returns a function that denoises files and decodes the answers, 16-bit ones as uint16."""
    signature = model.signatures["denoise_bytes"]
    answer = signature(image_bytes=tf.constant(list(files)), strength=tf.constant([strength]))
    decoded = []
    for data in answer["png_bytes"].numpy():
        dtype = tf.uint16 if data[24] == 16 else tf.uint8
        decoded.append(tf.io.decode_png(data, dtype=dtype).numpy())
    return decoded


def refusal(model: Any, *files: bytes, strength: float = 1.0) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        ask(model, *files, strength=strength)
    return str(caught.value)


@pytest.mark.parametrize("size", [(64, 64), (37, 51), (3, 2), (1, 1)])
def test_floats_of_any_size_equal_keras(saved: Any, size: tuple[int, int]) -> None:
    channels, _, model = saved
    batch = noise_image(2, *size, channels, dtype=np.float32)
    ours = model.signatures["serving_default"](image=tf.constant(batch))["denoised"].numpy()
    denoise = tiny_denoiser(channels).denoise_float
    expected = np.stack([np.clip(denoise(image), 0.0, 1.0) for image in batch])
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_large_pictures_are_tiled_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "TILE", 32)
    card = tiny_card()
    image = noise_image(2, 70, 99, 1, dtype=np.float32)
    for margin in (0, 16):
        service = exporter.Service(
            tiny_model(), card["size_multiple"], card["halo"], margin, SAVED_PIXELS
        )
        denoiser = Denoiser(KerasModel(tiny_model()), card | {"margin": margin})
        whole = np.stack([denoiser.denoise_float(one) for one in image])
        np.testing.assert_allclose(service.denoise(tf.constant(image)), whole, atol=1e-5)


def test_a_batch_of_all_kinds(saved: Any) -> None:
    channels, _, model = saved
    kinds = [
        noise_image(20, 30, 1),
        noise_image(31, 17, 3, seed=1),
        np.repeat(noise_image(31, 17, 1, seed=7), 3, -1),
        noise_image(9, 9, 2, seed=2),
        noise_image(8, 12, 4, seed=3),
        noise_image(16, 11, 3, seed=4, dtype=np.uint16),
        noise_image(5, 6, 4, seed=5, dtype=np.uint16),
        noise_image(5, 6, 2, seed=6, dtype=np.uint16),
    ]
    answers = ask(model, *map(png, kinds))
    for picture, answer in zip(kinds, answers, strict=True):
        assert (answer.shape, answer.dtype) == (picture.shape, picture.dtype)
        expected = tiny_denoiser(channels).denoise(picture)
        # A value halfway between two levels may be rounded either way.
        assert np.abs(answer.astype(int) - expected.astype(int)).max() <= 1
        assert (answer == expected).mean() > 0.99
        if picture.shape[-1] in (2, 4):
            np.testing.assert_array_equal(answer[..., -1], picture[..., -1])


def test_strength_mixes(saved: Any) -> None:
    channels, _, model = saved
    picture = noise_image(12, 12, 3)
    (kept,) = ask(model, png(picture), strength=0.0)
    np.testing.assert_array_equal(kept, picture)
    (half,) = ask(model, png(picture), strength=0.5)
    noisy = to_float(picture)
    expected = tiny_denoiser(channels).denoise(picture, 0.5)
    assert np.abs(half.astype(int) - expected.astype(int)).max() <= 1
    assert np.abs(half.astype(int) - from_float(noisy, np.uint8)).max() > 1
    answer = model.signatures["denoise_bytes"](
        image_bytes=tf.constant([png(picture)] * 2), strength=tf.constant([0.0, 1.0])
    )["png_bytes"].numpy()
    np.testing.assert_array_equal(tf.io.decode_png(answer[0]), picture)
    assert answer[0] != answer[1]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(("order", "kind"), [("<", "JPEG"), (">", "JPEG"), ("<", "PNG")])
def test_pictures_are_turned_upright(saved: Any, turn: int, order: str, kind: str) -> None:
    picture = noise_image(19, 34, 3)
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "a maker, so that the orientation is not the first entry"
    exif[0x0112] = turn
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, quality=75, exif=exif)
    (answer,) = ask(saved[2], file.getvalue(), strength=0.0)
    with Image.open(file) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(answer, expected)


def test_a_png_tells_its_orientation_behind_the_pixels_too(saved: Any) -> None:
    picture = noise_image(19, 34, 3)
    whole = png(picture)
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"
    chunk = b"eXIf" + exif
    framed = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    end = whole.index(b"IEND") - 4
    (answer,) = ask(saved[2], whole[:end] + framed + whole[end:], strength=0.0)
    np.testing.assert_array_equal(answer, picture[::-1, ::-1])
    # A length beyond the end of the file, and EXIF that is none.
    for broken in (framed[:4] + b"eXIf", struct.pack(">I", 4) + b"eXIfabcd\0\0\0\0"):
        (answer,) = ask(saved[2], whole + broken, strength=0.0)
        np.testing.assert_array_equal(answer, picture)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_other_kinds_of_files(saved: Any, mode: str) -> None:
    image = Image.fromarray(noise_image(16, 24, 3)).convert(mode)
    file = io.BytesIO()
    image.save(file, "JPEG" if mode == "CMYK" else "PNG")
    (answer,) = ask(saved[2], file.getvalue(), strength=0.0)
    expected = np.asarray(image.convert("L" if mode in ("1", "L") else "RGB"))
    assert answer.shape == (*expected.shape[:2], 1 if mode in ("1", "L") else 3)
    if mode != "CMYK":
        np.testing.assert_array_equal(answer.squeeze(), expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_becomes_alpha(saved: Any, mode: str) -> None:
    image = Image.fromarray(np.full((4, 4), 7, np.uint8)).convert(mode)
    image.putpixel((0, 0), 9 if mode != "RGB" else (9, 9, 9))
    file = io.BytesIO()
    image.save(file, "PNG", transparency={"L": 9, "RGB": (9, 9, 9), "P": 9}[mode])
    (answer,) = ask(saved[2], file.getvalue(), strength=0.0)
    expected = np.asarray(Image.open(file).convert("RGBA"))
    np.testing.assert_array_equal(answer, expected)


def bomb(width: int, height: int) -> bytes:
    """Returns a PNG file of a few bytes that claims to have this size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk


def test_refused_files_and_strengths(saved: Any) -> None:
    model = saved[2]
    good = png(noise_image(8, 8, 1))
    for bad in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(50)):
        assert "image_bytes[1]: expected a PNG or JPEG file" in refusal(model, good, bad)
    # The limit is checked before decoding, whatever the size of the file. Decoding
    # these would need 10 GB or fail with another message.
    for size in ((100_000, 100_000), (2**31 - 1,) * 2, (2**32 - 1,) * 2, (257, 256)):
        said = refusal(model, bomb(*size))
        assert f"more than the {SAVED_PIXELS} pixels" in said and str(size[0]) in said
    jpeg = io.BytesIO()
    Image.new("L", (257, 256)).save(jpeg, "JPEG")
    assert f"more than the {SAVED_PIXELS} pixels" in refusal(model, jpeg.getvalue())
    assert "Invalid PNG" in refusal(model, good[:-20])
    assert "Invalid JPEG" in refusal(model, b"\xff\xd8\xff\xe0 and nothing more")
    assert "Invalid PNG" in refusal(model, bomb(8, 8))
    for strength in (-0.1, 1.1, float("nan")):
        assert "strength: expected 0 to 1" in refusal(model, good, strength=strength)


def test_the_command_line_of_tensorflow(
    saved_models: Callable[[int], Saved], tmp_path: Path
) -> None:
    """`saved_model_cli run` works without `strength`, which then has its default."""
    picture = noise_image(10, 14, 3)
    np.save(tmp_path / "image.npy", to_float(picture)[None])
    np.save(tmp_path / "files.npy", np.array([png(picture)]))
    command = ["-m", "tensorflow.python.tools.saved_model_cli", "run"]
    command += ["--dir", str(saved_models(3).folder / "1")]
    command += ["--tag_set", "serve", "--outdir", str(tmp_path)]
    for signature, inputs in (
        ("serving_default", "image=image.npy"),
        ("denoise_bytes", "image_bytes=files.npy"),
    ):
        arguments = ["--signature_def", signature, "--inputs", inputs]
        ended = warm.ended(*command, *arguments, cwd=tmp_path)
        assert ended.code == 0, ended.err
    expected = tiny_denoiser(3).denoise(picture)
    floats = np.load(tmp_path / "denoised.npy")
    assert np.abs(floats[0] * 255 - expected).max() <= 0.51
    (data,) = np.load(tmp_path / "png_bytes.npy", allow_pickle=True)
    assert np.abs(tf.io.decode_png(data).numpy().astype(int) - expected).max() <= 1
