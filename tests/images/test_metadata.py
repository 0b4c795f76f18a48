"""What a file says beside its pixels: kept in every format that can hold it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


def segment(number: int, content: bytes) -> bytes:
    return b"\xff" + bytes([0xE0 + number]) + (len(content) + 2).to_bytes(2, "big") + content


def resource(code: int, content: bytes) -> bytes:
    """One of Photoshop's image resources, with an empty name."""
    head = b"8BIM" + code.to_bytes(2, "big") + b"\0\0" + len(content).to_bytes(4, "big")
    return head + content + b"\0" * (len(content) % 2)


RECORDS = b"\x1c\x02\x50\x00\x05Maker"  # IPTC 2:80, the author
RESOURCES = (
    resource(1000, b"y" * 60_001) + resource(0x0404, RECORDS) + resource(1001, b"z" * 30_000)
)


def parted(folder: Path) -> Path:
    """A JPEG whose resources are in two segments, with XMP in two, and an unknown one."""
    data = picture(folder / "a.jpg").read_bytes()
    head = b"Photoshop 3.0\0"
    more = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + b"<further/>"
    parts = segment(13, head + RESOURCES[:65_000]) + segment(13, head + RESOURCES[65_000:])
    parts += segment(1, more) + segment(11, b"JUMBF")
    (folder / "parted.jpg").write_bytes(data[:2] + parts + data[2:])
    return folder / "parted.jpg"


def notes(source: Path, target: Path) -> list[str]:
    said: list[str] = []
    denoise_file(halving(), Job(source, target), notice=said.append)
    return [line.removeprefix(f"{source}: ") for line in said]


def test_segments_of_a_jpeg(tmp_path: Path) -> None:
    source = parted(tmp_path)
    assert notes(source, tmp_path / "b.jpg") == ["APP11 of the file is left out"]
    with Image.open(source) as before, Image.open(tmp_path / "b.jpg") as after:
        found = [
            [data for _, data in image.applist if data.startswith((b"Photo", b"http"))]  # type: ignore[attr-defined]
            for image in (before, after)
        ]
        assert b"".join(x.removeprefix(b"Photoshop 3.0\0") for x in found[1][:2]) == RESOURCES
        main, further = found[1][2:]
        assert further == found[0][2] and main.startswith(b"http://ns.adobe.com/xap/1.0/\0<x:")
    said = notes(source, tmp_path / "b.tif")
    assert said == [
        "APP11 of the file is left out; further parts of XMP: .tif does not hold this"
    ]
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        tags = tiff.pages.first.tags
        assert bytes(tags[34377].value) == RESOURCES and bytes(tags[33723].value) == RECORDS


def test_iptc_in_a_tag_of_its_own(tmp_path: Path) -> None:
    tags = [(33723, 7, len(RECORDS), RECORDS, True)]
    tifffile.imwrite(tmp_path / "a.tif", RGB, metadata=None, extratags=tags)
    assert notes(tmp_path / "a.tif", tmp_path / "b.jpg") == []
    assert b"8BIM\x04\x04\0\0\0\0\0\x0a" + RECORDS in (tmp_path / "b.jpg").read_bytes()


def test_layers_would_show_the_noise(tmp_path: Path) -> None:
    tags = [(37724, 7, 70_000, b"L" * 70_000, True)]
    tifffile.imwrite(tmp_path / "a.tif", RGB, metadata=None, extratags=tags)
    said = notes(tmp_path / "a.tif", tmp_path / "b.tif")
    assert said == ["its Photoshop layers are left out"]
    assert notes(tmp_path / "a.tif", tmp_path / "b.jpg") == []
    for name in ("b.tif", "b.jpg"):
        assert b"LLLL" not in (tmp_path / name).read_bytes()


def test_what_is_too_large_for_a_jpeg(tmp_path: Path) -> None:
    made = block()
    made.get_ifd(exif.EXIF_IFD)[37500] = b"m" * 70_000
    info = PngInfo()
    info.add_text("Title", "Hello")
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>" + "x" * 70_000 + "</x:xmpmeta>")
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=made.tobytes(), pnginfo=info)
    assert notes(tmp_path / "a.png", tmp_path / "b.png") == []
    assert notes(tmp_path / "a.png", tmp_path / "b.jpg") == [
        "EXIF of this size, XMP of this size: .jpg does not hold this"
    ]
    assert b"Title: Hello" in (tmp_path / "b.jpg").read_bytes()
    assert notes(tmp_path / "a.png", tmp_path / "b.webp") == [
        "comments and texts: .webp does not hold this"
    ]


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
