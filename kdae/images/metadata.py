"""What a picture file says beside its pixels, and which formats can hold it."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image

from kdae.images import exif
from kdae.images.png import chunks

_XMP_KEY = b"XML:com.adobe.xmp"
_APP13 = b"Photoshop 3.0\0"
_INCH = 0.0254  # metres
# PNG chunks that are carried as they are: how colours are meant, texts, and the time.
_COLOUR_CHUNKS = frozenset([b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"])
_CHUNKS = _COLOUR_CHUNKS | {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs"}

# What formats can hold, by suffix; TIFF in a way of its own, see `kdae.images.tiff`.
HOLDS: dict[str, frozenset[str]] = {
    ".png": frozenset(["EXIF", "XMP", "density", "texts", "colours"]),
    ".jpg": frozenset(["EXIF", "XMP", "IPTC", "density", "texts"]),
    ".webp": frozenset(["EXIF", "XMP"]),
    ".avif": frozenset(["EXIF", "XMP"]),
    ".heic": frozenset(["EXIF", "XMP"]),
    ".tif": frozenset(["EXIF", "XMP", "IPTC", "density"]),
    ".bmp": frozenset(["density"]),
}
HOLDS[".jpeg"], HOLDS[".tiff"], HOLDS[".heif"] = HOLDS[".jpg"], HOLDS[".tif"], HOLDS[".heic"]


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels; the colour profile is the picture's own.

    Attributes:
        exif: EXIF block, from its byte order mark on.
        xmp: XMP packet.
        iptc: Photoshop's image resources, which hold IPTC.
        density: Dots per inch, across and down.
        comment: Of a JPEG.
        chunks: PNG chunks of texts and of how colours are meant, name and content.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    density: tuple[float, float] | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()

    def upright(self) -> Metadata:
        """Returns the metadata of a picture that was turned as they said."""
        return dataclasses.replace(
            self,
            exif=self.exif and exif.upright(self.exif),
            xmp=self.xmp and exif.xmp_upright(self.xmp),
        )

    def without_place(self) -> Metadata:
        """Returns the metadata without GPS."""
        return dataclasses.replace(
            self,
            exif=self.exif and exif.without_place(self.exif),
            xmp=self.xmp and exif.xmp_without_place(self.xmp),
        )

    def stripped(self) -> Metadata:
        """Returns nothing but how the colours are meant."""
        return Metadata(chunks=tuple(c for c in self.chunks if c[0] in _COLOUR_CHUNKS))

    def lost_in(self, suffix: str) -> list[str]:
        """Names what a file of this suffix cannot hold."""
        have = {
            "EXIF": self.exif,
            "XMP": self.xmp,
            "IPTC": self.iptc,
            "density": self.density,
            "texts": self.comment or [name for name, _ in self.chunks if name[1:] == b"TXt"],
            "colours": [name for name, _ in self.chunks if name in _COLOUR_CHUNKS],
        }
        words = {"texts": "comments and texts", "colours": "gAMA, cHRM and cICP"}
        held = HOLDS.get(suffix, frozenset())
        return [words.get(key, key) for key, value in have.items() if value and key not in held]


def of_pillow(image: Image.Image, png: bytes | None) -> Metadata:
    """Reads the metadata of an open picture.

    Args:
        image: As Pillow opened it.
        png: The file, if it is a PNG.
    """
    info: dict[Any, Any] = image.info
    block = info.get("exif")
    if isinstance(block, bytes):
        block = block.removeprefix(b"Exif\0\0")
    xmp = info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    density = info.get("dpi")
    if density is not None and not all(0 < float(side) < 1e6 for side in density):
        density = None
    resources = [
        data.removeprefix(_APP13)
        for name, data in getattr(image, "applist", [])
        if name == "APP13" and data.startswith(_APP13)
    ]
    kept: tuple[tuple[bytes, bytes], ...] = ()
    if png is not None:
        kept = tuple(
            (name, data)
            for name, data in chunks(png)
            if name in _CHUNKS and not data.startswith(_XMP_KEY)
        )
    return Metadata(
        exif=block or None,
        xmp=xmp or None,
        iptc=b"".join(resources) or None,
        density=None if density is None else (float(density[0]), float(density[1])),
        comment=info.get("comment") if image.format in ("JPEG", "MPO") else None,
        chunks=kept,
    )


def png_chunks(metadata: Metadata, profile: bytes | None) -> list[tuple[bytes, bytes]]:
    """Returns the chunks, name and content, that stand before the pixels of a PNG."""
    found = [(name, data) for name, data in metadata.chunks if name != b"iCCP"]
    names = {name for name, _ in found}
    if profile is not None:
        found = [chunk for chunk in found if chunk[0] != b"sRGB"]
        found.insert(0, (b"iCCP", b"profile\0\0" + zlib.compress(profile)))
    if metadata.density and b"pHYs" not in names:
        across, down = (round(side / _INCH) for side in metadata.density)
        found.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.comment:
        found.append((b"tEXt", b"Comment\0" + metadata.comment.rstrip(b"\0")))
    if metadata.xmp:
        found.append((b"iTXt", _XMP_KEY + b"\0\0\0\0\0" + metadata.xmp))
    if metadata.exif:
        found.append((b"eXIf", metadata.exif))
    return found


def save_options(metadata: Metadata, profile: bytes | None, format_name: str) -> dict[str, Any]:
    """Returns what Pillow's `save` takes to write the metadata into a format but PNG."""
    options: dict[str, Any] = {}
    if format_name != "BMP" and profile is not None:
        options["icc_profile"] = profile
    if format_name in ("JPEG", "WEBP", "AVIF", "HEIF"):
        if metadata.exif:
            prefix = b"" if format_name == "AVIF" else b"Exif\0\0"
            options["exif"] = prefix + metadata.exif
        if metadata.xmp:
            options["xmp"] = metadata.xmp
    if format_name in ("JPEG", "BMP") and metadata.density:
        options["dpi"] = tuple(round(side) for side in metadata.density)
    if format_name == "JPEG":
        texts = [data for name, data in metadata.chunks if name == b"tEXt"]
        comment = metadata.comment or b"\n".join(t.replace(b"\0", b": ", 1) for t in texts)
        if comment:
            options["comment"] = comment
        if metadata.iptc:
            body = _APP13 + metadata.iptc
            options["extra"] = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    return options
