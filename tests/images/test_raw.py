"""Camera raw, of a file that is made here: DNG, whose format is public.

Source of the tags: Digital Negative Specification 1.7 (Adobe), chapter 4.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kdae.denoise.plan import Job
from kdae.denoise.stream import denoise_file
from kdae.errors import UserError
from kdae.images import exif, extras, read_image
from kdae.images.tiff_tags import append_links
from tests.denoise.halving import halving

NEUTRAL = (0.5, 1.0, 0.8)  # what the sensor gives of a grey surface
# XYZ to linear sRGB, so that the colours of the camera are those of the screen.
MATRIX = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
TAKEN, MAKE = 0x9003, 0x010F


def dng(path: Path, colours: np.ndarray, orientation: int = 1) -> Path:
    """Writes `[H, W, 3]` of a sensor, from 0 to 1, under the filters RG GB."""
    values = np.empty(colours.shape[:2])
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        values[row::2, column::2] = colours[row::2, column::2, channel]

    def rational(numbers: tuple[float, ...]) -> tuple[int, ...]:
        return tuple(part for number in numbers for part in (round(number * 10000), 10000))

    tags: list[tuple[Any, ...]] = [
        (271, 2, 0, "Acme", True),
        (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),  # CFAPattern
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),  # DNGVersion
        (50708, 2, 0, "Acme One", True),  # UniqueCameraModel
        (50714, 3, 1, 0, True),  # BlackLevel
        (50717, 3, 1, 65535, True),  # WhiteLevel
        (50721, 10, 9, rational(MATRIX), True),  # ColorMatrix1
        (50728, 5, 3, rational(NEUTRAL), True),  # AsShotNeutral
        (50778, 3, 1, 21, True),  # CalibrationIlluminant1: D65
    ]
    tifffile.imwrite(
        path,
        (values * 65535).astype(np.uint16),
        photometric="cfa",
        metadata=None,
        software=False,
        byteorder="<",
        extratags=tags,
    )
    taken = exif.Entry(TAKEN, 2, 20, b"2024:05:06 07:08:09\0")
    with path.open("r+b") as file:
        append_links(file, [[exif.Entry(exif.EXIF_IFD, 4, 1, [taken])]])
    return path


def scene() -> np.ndarray:
    """Grey as the sensor sees it; the upper left quarter is red."""
    colours = np.broadcast_to(0.4 * np.array(NEUTRAL), (64, 96, 3)).copy()
    colours[:32, :48] = 0.4 * np.array(NEUTRAL) * (2, 0.5, 0.5)
    return colours


def test_raw_is_developed_with_the_white_balance_of_the_camera(tmp_path: Path) -> None:
    source = dng(tmp_path / "a.dng", scene())
    picture = read_image(source)
    assert picture.pixels.shape == (64, 96, 3) and picture.pixels.dtype == np.uint16
    grey = picture.pixels[40:60, 55:90].reshape(-1, 3).mean(axis=0)
    assert np.ptp(grey) < 0.02 * grey.mean()
    red = picture.pixels[4:28, 4:40].reshape(-1, 3).mean(axis=0)
    assert red[0] > 1.5 * red[1] and red[0] > 1.5 * red[2]


def test_raw_becomes_an_upright_png_of_sixteen_bits(tmp_path: Path) -> None:
    source = dng(tmp_path / "a.dng", scene(), orientation=6)
    said: list[str] = []
    denoise_file(halving(), Job(source, tmp_path / "a.png"), notice=said.append)
    assert said == [f"{source}: developed to 16 bits of sRGB"]
    picture = read_image(tmp_path / "a.png")
    assert picture.pixels.shape == (96, 64, 3) and picture.pixels.dtype == np.uint16
    # Turned clockwise, the red quarter is at the upper right.
    share = picture.pixels[..., 0] / np.maximum(picture.pixels[..., 1], 1)
    assert share[4:40, 40:60].mean() > 1.5 and share[60:90, 4:60].mean() < 1.1
    block = picture.metadata.exif
    assert block is not None and exif.orientation_of(block) == 1
    _, entries = exif.parse(block)
    told = {entry.code: entry.data for entry in entries}
    assert told[MAKE] == b"Acme\0" and max(told) < 50_000
    (taken,) = told[exif.EXIF_IFD]
    assert isinstance(taken, exif.Entry) and taken.data == b"2024:05:06 07:08:09\0"


def test_without_the_extra_a_line_says_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = dng(tmp_path / "a.dng", scene())
    monkeypatch.setitem(extras._HAVE, "raw", False)
    with pytest.raises(UserError, match=r"a\.dng: .*pip install 'kdae\[raw\]'"):
        read_image(source)
    heic = tmp_path / "a.heic"
    heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    monkeypatch.setitem(extras._HAVE, "heif", False)
    with pytest.raises(UserError, match=r"a\.heic: .*pip install 'kdae\[heif\]'"):
        read_image(heic)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"8BPS\0\1" + bytes(40), "a Photoshop file, which is not read"),
        (b"v/1\x01" + bytes(40), "an OpenEXR file, which is not read"),
        (b"\xff\x0a" + bytes(40), "a JPEG XL file, which is not read"),
        (b"%PDF-1.7" + bytes(40), "a PDF file, which is not read"),
        (b"nothing known" + bytes(40), "not a picture, or broken from its start"),
    ],
)
def test_a_whole_file_of_another_kind_is_called_that(
    tmp_path: Path, head: bytes, words: str
) -> None:
    (tmp_path / "a.png").write_bytes(head)
    with pytest.raises(UserError, match=rf"a\.png: {words}"):
        read_image(tmp_path / "a.png")
