import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdae.errors import UserError
from kdae.images import (
    IMAGE_SUFFIXES,
    WRITE_SUFFIXES,
    Picture,
    list_images,
    pixel_count,
    read_image,
    write_image,
)
from kdae.images.extras import RAW
from tests.images.samples import ALPHA, ALPHA16, PROFILE, RGB, RGB16, SMOOTH, same, save

# What is written comes back.


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_round_trip_is_lossless(
    tmp_path: Path, suffix: str, channels: int, alpha: bool, deep: bool
) -> None:
    colour, opacity = (RGB16, ALPHA16) if deep else (RGB, ALPHA)
    written = Picture(colour[..., :channels], opacity if alpha else None, PROFILE)
    write_image(tmp_path / f"a{suffix}", written)
    read = read_image(tmp_path / f"a{suffix}")
    same(read, written.pixels, written.alpha)
    assert read.icc_profile == PROFILE
    assert os.listdir(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".bmp", ".webp"])
def test_round_trip_of_eight_bit_formats(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", Picture(RGB))
    same(read_image(tmp_path / f"a{suffix}"), RGB)
    # 16 bits are rounded: 257 steps of 16 bits are one of 8.
    deep = np.full((4, 4, 3), 257 * 100 + 128, np.uint16)
    deep[0] += 1
    write_image(tmp_path / f"b{suffix}", Picture(deep))
    read = read_image(tmp_path / f"b{suffix}").pixels
    assert np.unique(read[0]) == 101 and np.unique(read[1:]) == 100


def test_webp_keeps_alpha_and_colour_under_it(tmp_path: Path) -> None:
    alpha = np.where(ALPHA > 128, ALPHA, 0).astype(np.uint8)
    write_image(tmp_path / "a.webp", Picture(RGB, alpha, PROFILE))
    same(read_image(tmp_path / "a.webp"), RGB, alpha)
    assert read_image(tmp_path / "a.webp").icc_profile == PROFILE


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_jpeg_is_written_close_and_at_full_colour_resolution(
    tmp_path: Path, suffix: str
) -> None:
    grey = SMOOTH[..., None]
    write_image(tmp_path / f"g{suffix}", Picture(grey))
    read = read_image(tmp_path / f"g{suffix}").pixels
    assert read.shape == grey.shape
    assert np.abs(read.astype(int) - grey).max() <= 4
    # Columns red, blue, red, ...: half the colour resolution would mix them to purple.
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    write_image(tmp_path / f"c{suffix}", Picture(stripes, icc_profile=PROFILE))
    striped = read_image(tmp_path / f"c{suffix}")
    assert np.abs(striped.pixels.astype(int) - stripes).mean() < 12
    assert striped.icc_profile == PROFILE


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_refused_where_it_would_be_lost(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UserError, match=r"transparency.*write \.png"):
        write_image(tmp_path / f"a{suffix}", Picture(RGB, ALPHA))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["a.gif", "a.xyz", "a"])
def test_formats_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"{name}: "):
        write_image(tmp_path / name, Picture(RGB))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.png"
    write_image(target, Picture(RGB))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.png: cannot be written \(No space left"):
        write_image(target, Picture(RGB // 2))
    assert os.listdir(tmp_path) == ["a.png"]
    same(read_image(target), RGB)


def test_writing_into_a_missing_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"b/a\.png: cannot be written \(No such file"):
        write_image(tmp_path / "b" / "a.png", Picture(RGB))


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Picture(RGB))
    (tmp_path / "b").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    same(read_image(save(tmp_path / "a.jpg", Image.fromarray(RGB), format="PNG")), RGB)


MEMORY = """
import resource, sys
from kdae.images import read_image, write_image
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
picture = read_image(sys.argv[1])
after_read = peak()
write_image(sys.argv[2], picture)
print(after_read - before, peak() - before, picture.pixels.size // 3)
"""


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_memory_stays_near_the_size_of_the_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    tile = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    write_image(path, Picture(np.tile(tile, (250, 250, 1))))
    command = [sys.executable, "-c", MEMORY, str(path), str(tmp_path / f"b{suffix}")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    read, both, pixels = map(int, done.stdout.split())
    assert pixels == 6_250_000
    # 3 bytes per pixel for the result and 4 for Pillow's own copy: 700 MB for 100 megapixels.
    assert read / pixels < 9
    assert both / pixels < 11


# Lists of files.


def test_lists_pictures_of_a_folder_nested_and_sorted(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c/d/e.tiff", "notes.txt", "._b.png", "folder.png/x.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = ["a.JPG", "b.png", "c/d/e.tiff", "folder.png/x.bmp"]
    assert list_images(tmp_path) == [tmp_path / name for name in expected]
    assert list_images(tmp_path / "*.png") == [tmp_path / "b.png"]
    assert list_images(f"{tmp_path}/**/e.*") == [tmp_path / "c/d/e.tiff"]
    assert list_images(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


@pytest.mark.parametrize("name", ["", "none", "*.png"])
def test_nothing_to_list_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=str(tmp_path)):
        list_images(tmp_path / name)


def test_every_suffix_written_is_one_that_is_listed() -> None:
    read_only = {".gif", ".apng", ".ppm", ".pgm", ".jp2", ".qoi", *RAW}
    assert set(WRITE_SUFFIXES) == set(IMAGE_SUFFIXES) - read_only


def test_the_size_is_read_from_the_head(tmp_path: Path) -> None:
    for suffix in WRITE_SUFFIXES:
        path = tmp_path / f"a{suffix}"
        write_image(path, Picture(np.zeros((7, 11, 3), np.uint8)))
        assert pixel_count(path) == 77
    for suffix in (".png", ".tif"):  # Pillow does not open such a TIFF
        path = tmp_path / f"deep{suffix}"
        write_image(path, Picture(np.zeros((7, 11, 3), np.uint16)))
        assert pixel_count(path) == 77
    (tmp_path / "text.png").write_text("not a picture")
    assert pixel_count(tmp_path / "text.png") is None
    assert pixel_count(tmp_path / "none.png") is None
