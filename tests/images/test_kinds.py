"""What kinds of files are read: palettes, animations, 16 bits, EXIF."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from kdae.images import (
    read_image,
    write_image,
)
from tests.images.samples import (
    ALPHA,
    ALPHA16,
    PROFILE,
    RGB,
    RGB16,
    SMOOTH,
    same,
    save,
    with_alpha,
)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".tif"])
def test_one_bit_is_grey(tmp_path: Path, suffix: str) -> None:
    bits = ALPHA > 99
    read = read_image(save(tmp_path / f"a{suffix}", Image.fromarray(bits)))
    same(read, np.where(bits, 255, 0).astype(np.uint8)[..., None])


@pytest.mark.parametrize("suffix", [".png", ".gif", ".tif", ".bmp"])
def test_palettes_are_expanded(tmp_path: Path, suffix: str) -> None:
    colours = np.arange(192, dtype=np.uint8)[::-1].reshape(64, 3)
    places = ALPHA % 64
    image = Image.fromarray(places)
    image.putpalette(colours.tobytes())
    same(read_image(save(tmp_path / f"a{suffix}", image)), colours[places])


def test_a_transparent_palette_colour_is_alpha(tmp_path: Path) -> None:
    colours = np.arange(192, dtype=np.uint8).reshape(64, 3)
    places = ALPHA % 64
    image = Image.fromarray(places)
    image.putpalette(colours.tobytes())
    for suffix in (".png", ".gif"):
        read = read_image(save(tmp_path / f"a{suffix}", image, transparency=7))
        same(read, colours[places], np.where(places == 7, 0, 255).astype(np.uint8))


def test_a_transparent_colour_of_a_picture_without_palette_is_alpha(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(SMOOTH), transparency=25)
    same(read_image(path), SMOOTH[..., None], np.where(SMOOTH == 25, 0, 255).astype(np.uint8))
    path = save(
        tmp_path / "b.png", Image.fromarray(RGB), transparency=tuple(RGB[3, 4].tolist())
    )
    alpha = read_image(path).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha == 0, (RGB == RGB[3, 4]).all(axis=-1))


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_becomes_rgb(tmp_path: Path, suffix: str) -> None:
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:, :8, 0] = 255  # cyan takes all red away
    ink[:, 8:, 3] = 55  # black ink alone: grey of 200
    path = tmp_path / f"a{suffix}"
    Image.fromarray(ink, mode="CMYK").save(path, icc_profile=PROFILE)
    read = read_image(path)
    assert read.icc_profile is None
    assert np.abs(read.pixels[:, :8].astype(int) - [0, 255, 255]).max() <= 4
    assert np.abs(read.pixels[:, 8:].astype(int) - 200).max() <= 4


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_frame_is_read(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (9, 8), colour) for colour in ("red", "blue", "lime")]
    path = save(
        tmp_path / f"a{suffix}", frames[0], save_all=True, append_images=frames[1:], lossless=1
    )
    read = read_image(path).pixels
    assert read.shape == (8, 9, 3)
    np.testing.assert_array_equal(read[4, 4], [255, 0, 0])


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (RGB16, {"photometric": "rgb"}),
        (RGB16, {"photometric": "rgb", "byteorder": ">", "bigtiff": True}),
        (RGB16, {"photometric": "rgb", "tile": (16, 16), "compression": "zlib"}),
        (RGB16[..., 0], {"photometric": "minisblack", "rowsperstrip": 4}),
    ],
)
def test_sixteen_bit_tiff_of_any_layout(
    tmp_path: Path, samples: np.ndarray, options: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", samples, metadata=None, **options)
    same(read_image(tmp_path / "a.tif"), samples.reshape(21, 34, -1))


def test_sixteen_bit_tiff_in_planes_inverted_or_premultiplied(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    planes = np.moveaxis(RGB16, -1, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", metadata=None)
    same(read_image(path), RGB16)
    tifffile.imwrite(path, RGB16[..., 0], photometric="miniswhite", metadata=None)
    same(read_image(path), 65535 - RGB16[..., :1])
    # Colour 40000 at opacity 1/2 is stored as 20000; nothing is left under opacity 0.
    stored = np.zeros((1, 2, 4), np.uint16)
    stored[0, 0] = 20000, 10000, 0, 32768
    options: dict[str, Any] = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    tifffile.imwrite(path, stored, metadata=None, **options)
    colour = np.array([[[39999, 20000, 0], [0, 0, 0]]], np.uint16)
    same(read_image(path), colour, np.array([[32768, 0]], np.uint16))


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_tiff_compressed(
    tmp_path: Path, compression: str, predictor: bool, byteorder: str, channels: int
) -> None:
    samples = with_alpha(RGB16, ALPHA16)[..., :channels]
    options: dict[str, Any] = {"compression": compression, "byteorder": byteorder}
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples if channels > 1 else samples[..., 0],
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
        predictor=predictor,
        metadata=None,
        **options,
    )
    colours = min(channels, 3)
    alpha = samples[..., 3] if channels == 4 else None
    same(read_image(tmp_path / "a.tif"), samples[..., :colours], alpha)


UPRIGHT = {
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[4, 1], [5, 2], [6, 3]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[3, 6], [2, 5], [1, 4]],
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "png16", "tif16"])
def test_exif_orientation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    stored = np.array(UPRIGHT[1], np.uint8) * 40
    path = tmp_path / f"a.{kind.removesuffix('16')}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "tif16":
        extra = [(0x0112, 3, 1, orientation, True)]
        deep = stored.astype(np.uint16)
        tifffile.imwrite(path, deep, metadata=None, extratags=extra)
    elif kind == "png16":
        Image.fromarray(stored.astype(np.uint16)).save(path, exif=exif)
    else:
        # Blocks of 16x16 pixels, so that JPEG keeps them apart.
        image = Image.fromarray(stored.repeat(16, 0).repeat(16, 1))
        image.save(path, exif=exif, lossless=True)
    read = read_image(path).pixels[..., 0]
    if not kind.endswith("16"):
        read = read[8::16, 8::16]
    np.testing.assert_array_equal(np.rint(read / 40), UPRIGHT[orientation])


def test_alpha_turns_with_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(with_alpha(RGB, ALPHA))
    read = read_image(save(tmp_path / "a.png", image, exif=exif))
    same(read, np.rot90(RGB, -1), np.rot90(ALPHA, -1))
    # Written anew it is upright, and must not turn again.
    write_image(tmp_path / "b.png", read)
    same(read_image(tmp_path / "b.png"), read.pixels, read.alpha)


def test_a_broken_exif_block_does_not_matter(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(RGB), exif=b"Exif\0\0II*\0\xff\xff\xff")
    assert read_image(path).pixels.shape == RGB.shape
