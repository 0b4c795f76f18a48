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
_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_SEGMENT = 65_533  # bytes that a segment of a JPEG holds
_IPTC = 0x0404  # among Photoshop's image resources
_INCH = 0.0254  # metres
# PNG chunks that are carried as they are: how colours are meant, texts, and the time.
_COLOUR_CHUNKS = frozenset([b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"])
_TEXT_CHUNKS = frozenset([b"tEXt", b"zTXt", b"iTXt"])
_CHUNKS = _COLOUR_CHUNKS | _TEXT_CHUNKS | {b"tIME", b"pHYs"}
# What is read and written anew, and what Apple's decoders jump by.
_OTHER_CHUNKS = frozenset(
    [
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"eXIf", b"iDOT"),
        *(b"acTL", b"fcTL", b"fdAT"),
    ]
)
# How the segments of a JPEG begin that are read, or written anew.
_SEGMENTS = (
    *(b"JFIF\0", b"JFXX\0", b"Exif\0", _XMP, _MORE_XMP, b"ICC_PROFILE\0", b"MPF\0"),
    *(_APP13, b"Adobe"),
)

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
        more_xmp: Segments of a JPEG with what its XMP packet has no room for.
        iptc: Photoshop's image resources, which hold IPTC.
        density: Dots per inch, across and down.
        comment: Of a JPEG.
        chunks: PNG chunks of texts and of how colours are meant, name and content.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    more_xmp: tuple[bytes, ...] = ()
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
        """Returns the metadata without GPS, and without further XMP, which may tell it."""
        return dataclasses.replace(
            self,
            exif=self.exif and exif.without_place(self.exif),
            xmp=self.xmp and exif.xmp_without_place(self.xmp),
            more_xmp=(),
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
            "texts": self.comment or [name for name, _ in self.chunks if name in _TEXT_CHUNKS],
            "colours": [name for name, _ in self.chunks if name in _COLOUR_CHUNKS],
        }
        words = {"texts": "comments and texts", "colours": "gAMA, cHRM and cICP"}
        held = HOLDS.get(suffix, frozenset())
        lost = [words.get(key, key) for key, value in have.items() if value and key not in held]
        if suffix in (".jpg", ".jpeg"):
            fits = self.fitting_jpeg()
            lost += ["EXIF of this size"] * (fits.exif != self.exif)
            lost += ["XMP of this size"] * (fits.xmp != self.xmp)
            names = {name for name, _ in self.chunks}
            lost += ["texts of zTXt and iTXt"] * bool(names & {b"zTXt", b"iTXt"})
        elif self.more_xmp and "XMP" in held:
            lost.append("further parts of XMP")
        return lost

    def fitting_jpeg(self) -> Metadata:
        """Returns the metadata without what is too large for a segment of a JPEG."""
        return dataclasses.replace(
            self,
            exif=self.exif if len(self.exif or b"") <= _SEGMENT - 6 else None,
            xmp=self.xmp if len(self.xmp or b"") <= _SEGMENT - len(_XMP) else None,
        )


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
    segments = [data for _, data in getattr(image, "applist", [])]
    resources = [data.removeprefix(_APP13) for data in segments if data.startswith(_APP13)]
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
        more_xmp=tuple(data for data in segments if data.startswith(_MORE_XMP)),
        iptc=b"".join(resources) or None,
        density=None if density is None else (float(density[0]), float(density[1])),
        comment=info.get("comment") if image.format in ("JPEG", "MPO") else None,
        chunks=kept,
    )


def left_out(image: Image.Image, png: bytes | None) -> str:
    """Names the parts of an open JPEG or PNG of which nothing is kept; see `of_pillow`."""
    found: list[str] = []
    if png is not None:
        known = _CHUNKS | _OTHER_CHUNKS
        found = [
            name.decode("ascii", "replace") for name, _ in chunks(png) if name not in known
        ]
    elif image.format in ("JPEG", "MPO"):
        for name, data in getattr(image, "applist", []):
            if name != "COM" and not data.startswith(_SEGMENTS):
                found.append(name)
    return ", ".join(dict.fromkeys(found))


def iptc_in(resources: bytes) -> bytes | None:
    """Returns the IPTC records in Photoshop's image resources, if there are any.

    Source of the format: Adobe Photoshop File Formats Specification, image resource blocks.
    """
    place = 0
    while resources[place : place + 4] == b"8BIM" and place + 12 <= len(resources):
        (code,) = struct.unpack_from(">H", resources, place + 4)
        # A name with its length before it, of an even number of bytes in all.
        start = place + 6 + (resources[place + 6] + 2) // 2 * 2 + 4
        size = int.from_bytes(resources[start - 4 : start], "big")
        if code == _IPTC:
            return resources[start : start + size] or None
        place = start + size + size % 2
    return None


def resources_of(iptc: bytes) -> bytes:
    """Returns IPTC records as Photoshop's image resources; see `iptc_in`."""
    head = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc))
    return head + iptc + b"\0" * (len(iptc) % 2)


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
    if format_name == "JPEG":
        metadata = metadata.fitting_jpeg()
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
        extra = b""
        if metadata.iptc:
            most = _SEGMENT - len(_APP13)
            starts = range(0, len(metadata.iptc), most)
            extra += b"".join(
                _segment(13, _APP13 + metadata.iptc[start : start + most]) for start in starts
            )
        if metadata.xmp and metadata.more_xmp:  # in this order, which Pillow would not keep
            parts = [_XMP + options.pop("xmp"), *metadata.more_xmp]
            extra += b"".join(_segment(1, part) for part in parts)
        if extra:
            options["extra"] = extra
    return options


def _segment(number: int, content: bytes) -> bytes:
    """Returns the segment APP`number` of a JPEG."""
    return struct.pack(">BBH", 0xFF, 0xE0 + number, len(content) + 2) + content
