import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from kdae import images
from kdae.errors import UserError
from kdae.images import (
    IMAGE_SUFFIXES,
    WRITE_SUFFIXES,
    Picture,
    from_float,
    list_images,
    pixel_count,
    read_image,
    to_channels,
    to_float,
    write_image,
)

RGB = np.random.default_rng(1).integers(0, 256, (21, 34, 3), np.uint8)
RGB16 = np.random.default_rng(2).integers(0, 65536, (21, 34, 3), np.uint16)
ALPHA = np.random.default_rng(3).integers(0, 256, (21, 34), np.uint8)
ALPHA16 = np.random.default_rng(4).integers(0, 65536, (21, 34), np.uint16)
SMOOTH = np.add.outer(np.arange(21) * 5, np.arange(34) * 3).astype(np.uint8)
PROFILE = b"not a real profile, but carried as it is" * 5


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def same(picture: Picture, pixels: np.ndarray, alpha: np.ndarray | None = None) -> None:
    assert picture.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(picture.pixels, pixels)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None
        assert picture.alpha.dtype == alpha.dtype
        np.testing.assert_array_equal(picture.alpha, alpha)


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

    monkeypatch.setattr(images.os, "fsync", full)
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


# What others write is read.


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


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


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_of_any_kind(tmp_path: Path, channels: int) -> None:
    samples = with_alpha(RGB16, ALPHA16)[..., -channels:]
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(samples).numpy())
    if channels in (1, 3):
        same(read_image(tmp_path / "a.png"), samples)
    else:
        same(read_image(tmp_path / "a.png"), samples[..., :-1], samples[..., -1])


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


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_lzw_tiff(
    tmp_path: Path, predictor: bool, byteorder: str, channels: int
) -> None:
    # Nothing here writes LZW: a TIFF is made with other data and then patched. Codes below
    # 512 are literal bytes of 9 bits, 256 starts and 257 ends.
    samples = with_alpha(RGB16, ALPHA16)[:3, :9, :channels]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        samples if channels > 1 else samples[..., 0],
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
        compression="zlib",
        predictor=predictor,
        byteorder=byteorder,  # type: ignore[arg-type]
        metadata=None,
    )
    coded = samples.copy()
    if predictor:
        coded[:, 1:] -= samples[:, :-1]
    codes = [256, *coded.astype(byteorder + "u2").tobytes(), 257]
    bits = "".join(f"{code:09b}" for code in codes)
    data = int(bits.ljust(-len(bits) % 8 + len(bits), "0"), 2).to_bytes(-(-len(bits) // 8))
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page = tiff.pages.first
        assert isinstance(page, tifffile.TiffPage)
        place = tiff.filehandle.seek(0, 2)
        tiff.filehandle.write(data)
        page.tags["Compression"].overwrite(5)
        page.tags["StripOffsets"].overwrite(place)
        page.tags["StripByteCounts"].overwrite(len(data))
    colours = min(channels, 3)
    same(read_image(path), samples[..., :colours], samples[..., 3] if channels == 4 else None)


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


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    same(read_image(save(tmp_path / "a.jpg", Image.fromarray(RGB), format="PNG")), RGB)


# Broken files.


def sample_file(path: Path) -> None:
    """Writes a picture in the format of the suffix; "16" before it asks for 16 bits."""
    if path.suffix == ".gif":
        Image.fromarray(RGB).save(path)
    else:
        write_image(path, Picture(RGB16 if path.stem.endswith("16") else RGB))


SAMPLES = [f"a{suffix}" for suffix in IMAGE_SUFFIXES] + ["a16.png", "a16.tif"]


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
    with pytest.raises(UserError, match=r"a\.tif"):
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


# Values.


def test_floats_cover_the_range_exactly() -> None:
    np.testing.assert_array_equal(
        to_float(np.array([0, 51, 255], np.uint8)), np.array([0, 0.2, 1], np.float32)
    )
    np.testing.assert_array_equal(to_float(np.array([0, 65535], np.uint16)), [0, 1])
    assert to_float(np.zeros(1, np.uint16)).dtype == np.float32
    for dtype in (np.uint8, np.uint16):
        every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        np.testing.assert_array_equal(from_float(to_float(every), dtype), every)


def test_from_float_clips_and_rounds() -> None:
    values = np.array([-0.5, 0.49 / 255, 0.51 / 255, 1.0, 7.0])
    np.testing.assert_array_equal(from_float(values, np.uint8), [0, 0, 1, 255, 255])
    np.testing.assert_array_equal(from_float(values[2:], np.uint16), [131, 65535, 65535])


def test_values_of_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="int32"):
        to_float(np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="float32"):
        from_float(np.zeros(1, np.float32), np.float32)


def test_grey_is_rec_601_luma() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    # 0.299, 0.587 and 0.114 of 255: 76.2, 149.7, 29.1
    np.testing.assert_array_equal(to_channels(primaries, 1), [[[76], [150], [29], [255]]])
    deep = primaries.astype(np.uint16) * 257
    np.testing.assert_array_equal(to_channels(deep, 1), [[[19595], [38469], [7471], [65535]]])
    floats = to_channels(to_float(primaries), 1)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats[0, :, 0], [0.299, 0.587, 0.114, 1.0], rtol=1e-6)


def test_channels_that_fit_are_left_alone() -> None:
    assert to_channels(RGB, 3) is RGB
    grey = RGB[..., :1]
    np.testing.assert_array_equal(to_channels(grey, 3), np.concatenate([grey] * 3, -1))
    with pytest.raises(ValueError, match="got 4"):
        to_channels(with_alpha(RGB, ALPHA), 3)


def test_conversion_in_bands_has_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = to_channels(RGB, 1)
    monkeypatch.setattr(images, "_BAND", 7)
    np.testing.assert_array_equal(to_channels(RGB, 1), expected)


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
    assert set(WRITE_SUFFIXES) == set(IMAGE_SUFFIXES) - {".gif"}


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
