"""HEIC and camera raw, which need a package more, and words for what is not read.

`pip install 'kdae[heif]'` brings pillow-heif, `pip install 'kdae[raw]'` brings rawpy.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import IO

import tifffile

from kdae.errors import UserError
from kdae.images import exif
from kdae.images.metadata import Metadata
from kdae.images.pixels import Picture
from kdae.images.tiff_tags import metadata_of

HEIF = (".heic", ".heif")
RAW = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mef", ".mos", ".mrw"),
    *(".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f"),
)
OTHER = (
    *(".psd", ".psb", ".xcf", ".svg", ".eps", ".exr", ".hdr", ".jxl", ".jxr", ".ico", ".tga"),
    *(".dds", ".pcx", ".fits", ".fit", ".dcm", ".j2k", ".jpf", ".czi", ".lif", ".nd2", ".pdf"),
)

_MAKER_NOTE = 37500
_PRIVATE = 50_000  # from here on: DNG's own tags and those of makers

_HAVE = {
    name: importlib.util.find_spec(package) is not None
    for name, package in (("heif", "pillow_heif"), ("raw", "rawpy"))
}
SUFFIXES = HEIF * _HAVE["heif"] + RAW * _HAVE["raw"]
"""What is read with the packages that are installed."""
KNOWN = tuple(suffix for suffix in (*HEIF, *RAW, *OTHER) if suffix not in SUFFIXES)
"""Pictures that are not read here."""

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_KINDS = (
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"v/1\x01", "an OpenEXR file"),
    (b"#?RADIANCE", "a Radiance HDR file"),
    (b"gimp xcf", "a GIMP file"),
    (b"%PDF", "a PDF file"),
    (b"%!PS", "a PostScript file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\0\0\1\0", "an icon file"),
    (b"DDS ", "a DDS file"),
    (b"<svg", "an SVG file"),
    (b"<?xml", "an XML file"),
    (b"PK\3\4", "a ZIP archive"),
)


def is_heif(head: bytes) -> bool:
    """Tells from the first 12 bytes of a file whether it is HEIC."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def is_raw(path: Path, head: bytes) -> bool:
    """Tells whether a file is a picture as a camera's sensor gave it, by name and content."""
    known = head[:2] in (b"II", b"MM", b"FU") or head[4:8] == b"ftyp" or head[:4] == b"\0MRM"
    return path.suffix.lower() in RAW and (known or head[:4] == b"FOVb")


def prepare(head: bytes) -> None:
    """Makes Pillow able to open what these first bytes begin.

    Raises:
        UserError: If that needs a package that is not installed.
    """
    if is_heif(head):
        _register()


def prepare_suffix(suffix: str) -> None:
    """Makes Pillow able to write files of this suffix; see `prepare`."""
    if suffix in HEIF:
        _register()


def develop(file: IO[bytes]) -> Picture:
    """Develops a camera raw file: camera white balance, sRGB, 16 bits, upright.

    Raises:
        UserError: If rawpy is not installed, or cannot read the file.
    """
    if not _HAVE["raw"]:
        raise UserError("camera raw is not read without: pip install 'kdae[raw]'")
    import rawpy  # Takes a moment to import, and few need it.

    try:
        with rawpy.imread(file) as raw:
            pixels = raw.postprocess(use_camera_wb=True, output_bps=16)
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else error
        if isinstance(reason, bytes):
            reason = reason.decode(errors="replace")
        raise UserError(f"camera raw that cannot be read ({reason})") from None
    said = _said_in_raw(file)
    notes = () if said.exif else ("its metadata is left out",)
    return Picture(pixels, metadata=said, notes=(*notes, "developed to 16 bits of sRGB"))


def _said_in_raw(file: IO[bytes]) -> Metadata:
    """Reads the EXIF of a camera raw file that is a TIFF inside, such as DNG, NEF, CR2 and ARW.

    What is about the raw values, or of the maker's own sort, is left out.
    """
    try:
        file.seek(0)
        with tifffile.TiffFile(file) as tiff:
            said = metadata_of(tiff, tiff.pages.first)
        if said.exif is None:
            return said
        order, entries = exif.parse(said.exif)
    except Exception:  # Not a TIFF, or an odd one: tifffile raises whatever it stumbles over.
        return Metadata()
    kept: list[exif.Entry] = []
    for entry in entries:
        data = entry.data
        if entry.code == exif.EXIF_IFD and isinstance(data, list):
            data = [inner for inner in data if inner.code != _MAKER_NOTE]
        if entry.code < _PRIVATE:
            kept.append(entry._replace(data=data))
    said = dataclasses.replace(said, exif=exif.block_of(order, kept) if kept else None)
    return said.upright()


def unknown(path: Path) -> str:
    """Says why a file is not read that Pillow does not know."""
    with path.open("rb") as file:
        head = file.read(64)
    kind = next((words for start, words in _KINDS if head.startswith(start)), None)
    if kind is None and head[4:8] == b"ftyp":
        kind = f"a file of kind {head[8:12].decode('ascii', 'replace').strip()!r} (video?)"
    if kind is None:
        return "not a picture, or broken from its start"
    return f"{kind}, which is not read; save it as PNG or TIFF"


def _register() -> None:
    if not _HAVE["heif"]:
        raise UserError("HEIC is not read or written without: pip install 'kdae[heif]'")
    from pillow_heif import register_heif_opener

    register_heif_opener()
