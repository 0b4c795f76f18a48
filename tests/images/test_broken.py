"""Files that are cut short, damaged, giant or no pictures at all."""

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from kdae.errors import UserError
from kdae.images import (
    IMAGE_SUFFIXES,
    Picture,
    read_image,
    write_image,
)
from kdae.images.extras import RAW
from tests.images.samples import RGB, RGB16

# Broken files.


def sample_file(path: Path) -> None:
    """Writes a picture in the format of the suffix; "16" before it asks for 16 bits."""
    if path.suffix in (".gif", ".ppm", ".pgm", ".jp2", ".qoi", ".apng"):
        kinds = {".apng": "PNG", ".pgm": "PPM"}
        Image.fromarray(RGB).save(path, format=kinds.get(path.suffix))
    else:
        write_image(path, Picture(RGB16 if path.stem.endswith("16") else RGB))


SAMPLES = [f"a{suffix}" for suffix in IMAGE_SUFFIXES if suffix not in RAW] + [
    "a16.png",
    "a16.tif",
]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9])
def test_a_truncated_file_is_named(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    sample_file(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=name):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", SAMPLES)
def test_damage_never_ends_in_another_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sample_file(path)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    random = np.random.default_rng(5)
    for _ in range(40):
        damaged = data.copy()
        places = random.integers(0, min(len(data), random.choice([60, 10**6])), 3)
        damaged[places] = random.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        try:
            read_image(path)
        except UserError as error:
            assert name in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, I am not a picture at all" * 9, "not a picture"),
        (None, "no such file"),
    ],
)
def test_what_is_not_a_picture(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.png: .*{message}"):
        read_image(path)


def test_a_folder_is_not_a_picture(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.uint32])
def test_other_kinds_of_numbers_are_refused(tmp_path: Path, kind: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB[..., 0].astype(kind), metadata=None)
    with pytest.raises(UserError, match=rf"a\.tif: .*values of type {np.dtype(kind)}"):
        read_image(tmp_path / "a.tif")


def png_header(width: int, height: int, depth: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    framed = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    framed += struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + framed


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("side", [20_001, 60_000])
def test_a_giant_is_refused_before_it_takes_memory(
    tmp_path: Path, side: int, depth: int
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_header(side, side, depth))
    start = time.monotonic()
    with pytest.raises(UserError, match=r"a\.png: .*more than (the )?400"):
        read_image(path)
    assert time.monotonic() - start < 2


def test_a_giant_tiff_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB16[..., 0], metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page = tiff.pages.first
        assert isinstance(page, tifffile.TiffPage)
        page.tags["ImageWidth"].overwrite(40_000)
        page.tags["ImageLength"].overwrite(40_000)
    with pytest.raises(UserError, match="1600 megapixels"):
        read_image(path)
