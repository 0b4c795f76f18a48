"""What a file says beside its pixels: kept in every format that can hold it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from kdae.denoise.output import Output
from kdae.denoise.plan import Job
from kdae.denoise.stream import denoise_file
from kdae.images import exif
from tests.denoise.halving import halving
from tests.images.samples import PROFILE, RGB

MAKE, MODEL, COPYRIGHT, TAKEN, LATITUDE = 0x010F, 0x0110, 0x8298, 0x9003, 2
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" exif:GPSLatitude="46,57.5N" '
    b'tiff:Orientation="6" tiff:Make="Acme"/></rdf:RDF></x:xmpmeta>'
)


def block() -> Image.Exif:
    """An EXIF block as Pillow writes it."""
    made = Image.Exif()
    made[MAKE], made[MODEL], made[COPYRIGHT] = "Acme", "Model with a long name", "(c) A. Nobody"
    made[exif.ORIENTATION] = 6
    made.get_ifd(exif.EXIF_IFD)[TAKEN] = "2024:05:06 07:08:09"
    made.get_ifd(exif.GPS_IFD).update({1: "N", LATITUDE: (46.0, 57.0, 30.5)})
    return made


def picture(path: Path) -> Path:
    options: dict[str, Any] = {"exif": block().tobytes(), "xmp": XMP, "icc_profile": PROFILE}
    if path.suffix != ".webp":
        options["dpi"] = (300, 300)
    if path.suffix == ".png":
        del options["xmp"]
    Image.fromarray(RGB).save(path, **options)
    return path


def denoised(source: Path, target: Path, output: Output | None = None) -> Image.Image:
    denoise_file(halving(), Job(source, target), output=output or Output())
    return Image.open(target)


def said(image: Image.Image) -> dict[str, Any]:
    """What Pillow reads in a file."""
    read = image.getexif()
    return {
        "make": read.get(MAKE),
        "model": read.get(MODEL),
        "copyright": read.get(COPYRIGHT),
        "orientation": read.get(exif.ORIENTATION, 1),
        "taken": read.get_ifd(exif.EXIF_IFD).get(TAKEN),
        "latitude": read.get_ifd(exif.GPS_IFD).get(LATITUDE),
        "profile": image.info.get("icc_profile"),
    }


KEPT = {
    "make": "Acme",
    "model": "Model with a long name",
    "copyright": "(c) A. Nobody",
    "orientation": 1,
    "taken": "2024:05:06 07:08:09",
    "latitude": (46.0, 57.0, 30.5),
    "profile": PROFILE,
}


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_exif_and_profile_are_kept(tmp_path: Path, source: str, target: str) -> None:
    with denoised(picture(tmp_path / f"a{source}"), tmp_path / f"b{target}") as image:
        assert image.size == (RGB.shape[0], RGB.shape[1])  # turned
        assert said(image) == KEPT
        if source != ".png" and target != ".tif":
            xmp = image.info.get("xmp")
            assert xmp is not None
            assert b'tiff:Make="Acme"' in xmp and b'tiff:Orientation="1"' in xmp
        if source != ".webp" and target in (".jpg", ".png", ".tif"):
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_a_tiff_gives_its_tags_to_other_formats(tmp_path: Path, kind: str) -> None:
    picture(tmp_path / "a.tif")
    with denoised(tmp_path / "a.tif", tmp_path / f"b{kind}") as image:
        assert said(image) == KEPT


def test_a_tiff_keeps_all_tags_in_kind(tmp_path: Path) -> None:
    geo = [(33550, 12, 3, (1.5, 1.5, 0.0), True), (34737, 2, 0, "WGS 84|", True)]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB, metadata=None, extratags=geo, description="Ein Bild")
    denoise_file(halving(), Job(path, tmp_path / "b.tif"))
    with tifffile.TiffFile(tmp_path / "b.tif") as after:
        tags = after.pages.first.tags
        assert tags[33550].value == (1.5, 1.5, 0.0)
        assert tags[34737].value == "WGS 84|"
        assert tags[270].value == "Ein Bild"
    picture(path)
    with denoised(path, tmp_path / "c.tif") as image:
        # Stored as it was, and still to be turned.
        assert said(image) == KEPT | {"orientation": 6}
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), RGB // 2)
    with denoised(path, tmp_path / "d.tif", Output(strip_place=True)) as image:
        assert said(image) == KEPT | {"orientation": 6, "latitude": None}


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_the_place_alone_is_left_out(tmp_path: Path, target: str) -> None:
    source = picture(tmp_path / "a.jpg")
    assert b"46,57.5N" in source.read_bytes()
    with denoised(source, tmp_path / f"b{target}", Output(strip_place=True)) as image:
        assert said(image) == KEPT | {"latitude": None}
    data = (tmp_path / f"b{target}").read_bytes()
    assert b"46,57.5N" not in data
    # The numbers themselves are gone, not just their entry.
    stored = block().tobytes()
    place = stored.find((46).to_bytes(4, "little") + (1).to_bytes(4, "little"))
    assert place > 0 and stored[place : place + 8] not in data


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_all_is_left_out_but_the_profile(tmp_path: Path, target: str) -> None:
    source = picture(tmp_path / "a.jpg")
    with denoised(source, tmp_path / f"b{target}", Output(strip=True)) as image:
        nothing = dict.fromkeys(KEPT) | {"orientation": 1, "profile": PROFILE}
        assert said(image) == nothing
    assert b"Acme" not in (tmp_path / f"b{target}").read_bytes()


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    lines: list[str] = []
    job = Job(picture(tmp_path / "a.jpg"), tmp_path / "b.bmp")
    denoise_file(halving(), job, notice=lines.append)
    assert lines == [f"{job.source}: EXIF, XMP, the colour profile: .bmp does not hold this"]


def test_a_broken_block_is_carried_or_left_but_never_an_error() -> None:
    good = block().tobytes().removeprefix(b"Exif\0\0")
    random = np.random.default_rng(0)
    for _ in range(500):
        damaged = np.frombuffer(good, np.uint8).copy()
        damaged[random.integers(8, len(good), 4)] = random.integers(0, 256, 4)
        data = damaged.tobytes()[: random.integers(8, len(good) + 1)]
        assert len(exif.upright(data)) == len(data)
        assert len(exif.without_place(data)) == len(data)
        exif.parse(data)
