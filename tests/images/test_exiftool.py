"""What exiftool reads in a file before it is denoised, it reads afterwards.

Debian has exiftool in the package libimage-exiftool-perl.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from kdae.denoise.output import Output
from kdae.denoise.plan import Job
from kdae.denoise.stream import denoise_file
from tests.denoise.halving import halving
from tests.images.samples import RGB

pytestmark = pytest.mark.skipif(
    shutil.which("exiftool") is None,
    reason="exiftool is missing: apt-get install libimage-exiftool-perl",
)

EXIF = {
    "IFD0:Make": "Acme",
    "IFD0:Copyright": "(c) A. Nobody",
    "ExifIFD:DateTimeOriginal": "2024:05:06 07:08:09",
    "ExifIFD:LensModel": "50 mm",
    "GPS:GPSLatitude": 46.5,
    "GPS:GPSLatitudeRef": "N",
}
SMALL = {"XMP-dc:Title": "A title", "XMP-xmp:Rating": 4}
# More than a segment of a JPEG holds: exiftool writes it into further ones.
XMP = SMALL | {"XMP-photoshop:History": "developed " * 9000}
IPTC = {"IPTC:By-line": "A. Nobody", "IPTC:City": "Bern"}
TEXT = {"PNG:Title": "Another title"}
SAID = {
    ".jpg": EXIF | XMP | IPTC,
    ".tif": EXIF | XMP | IPTC,
    ".png": EXIF | XMP | TEXT,
    ".webp": EXIF | XMP,
    ".avif": EXIF | XMP,
}
CASES = {
    "jpg in kind": (".jpg", ".jpg", Output(), EXIF | XMP | IPTC),
    "tif in kind": (".tif", ".tif", Output(), EXIF | XMP | IPTC),
    "png in kind": (".png", ".png", Output(), EXIF | XMP | TEXT),
    "webp in kind": (".webp", ".webp", Output(), EXIF | XMP),
    "avif in kind": (".avif", ".avif", Output(), EXIF | XMP),
    "png to tif": (".png", ".tif", Output(), EXIF | XMP),
    "tif to jpg": (".tif", ".jpg", Output(), EXIF | IPTC),
    "tif to png": (".tif", ".png", Output(), EXIF | XMP),
    "jpg to tif": (".jpg", ".tif", Output(), EXIF | SMALL | IPTC),
    "jpg without place": (".jpg", ".jpg", Output(strip_place=True), EXIF | SMALL | IPTC),
    "tif without place": (".tif", ".tif", Output(strip_place=True), EXIF | XMP | IPTC),
    "jpg stripped": (".jpg", ".jpg", Output(strip=True), {}),
    "tif stripped": (".tif", ".tif", Output(strip=True), {}),
    "png stripped": (".png", ".png", Output(strip=True), {}),
}
LOST = {
    "png to tif": "comments and texts: .tif does not hold this",
    "tif to jpg": "XMP of this size: .jpg does not hold this",
    "tif to png": "IPTC: .png does not hold this",
    "jpg to tif": "further parts of XMP: .tif does not hold this",
}


def exiftool(*words: str) -> str:
    done = subprocess.run(["exiftool", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any, list[str]]]:
    """By case what exiftool reads before and after, and what the command said."""
    folder = tmp_path_factory.mktemp("exiftool")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    words: list[str] = []
    for ending, tags in SAID.items():
        path = folder / f"a{ending}"
        Image.fromarray(RGB).save(path, icc_profile=profile, dpi=(300, 300))
        words += [f"-{name}={value}" for name, value in tags.items()]
        words += ["-n", "-m", "-overwrite_original", str(path), "-execute"]
    exiftool(*words[:-1])
    notes: dict[str, list[str]] = {}
    for name, (source, target, output, _) in CASES.items():
        notes[name] = []
        job = Job(folder / f"a{source}", folder / f"{name}{target}")
        denoise_file(halving(), job, output=output, notice=notes[name].append)
    read: dict[str, Any] = {}
    for found in json.loads(exiftool("-json", "-G1", "-a", "-n", "-struct", str(folder))):
        read[Path(found["SourceFile"]).name] = found
    return {
        name: (read[f"a{source}"], read[f"{name}{target}"], notes[name])
        for name, (source, target, _, _) in CASES.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_what_was_said_is_said(
    written: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]], name: str
) -> None:
    before, after, notes = written[name]
    source, target, output, kept = CASES[name]
    placed = {key for key in EXIF if key.startswith("GPS:")}
    for key, value in SAID[source].items():
        assert before[key] == value, f"exiftool did not write {key}"
        if key in kept and not (output.strip_place and key in placed):
            assert after[key] == value, key
        elif key in XMP or key in placed or output.strip:
            assert key not in after, key
    if output.strip or output.strip_place:
        assert not [key for key in after if "GPS" in key]
    assert before["ICC-header:ColorSpaceData"] == after["ICC-header:ColorSpaceData"] == "RGB "
    assert (LOST.get(name) or "") in "".join(notes) and bool(LOST.get(name)) == bool(notes)
    if source == target and output == Output():
        # All else that it reads is the same, but where the pixels are and how they are packed.
        groups = ("IFD0:", "ExifIFD:", "GPS:", "XMP", "IPTC:", "PNG:", "ICC", "JFIF:", "Photo")
        packed = ("Strip", "Compression", "Predictor", "RowsPer", "ProfileName")
        for key, value in before.items():
            if key.startswith(groups) and not key.split(":")[1].startswith(packed):
                assert after.get(key) == value, key
