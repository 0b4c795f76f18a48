"""The tags of TIFF files: carried to another TIFF, or to other formats as EXIF."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Collection
from typing import IO, Any

import numpy as np
import tifffile

from kdae.images import exif
from kdae.images.metadata import Metadata, iptc_in, resources_of

ICC, ORIENTATION, XMP, IPTC, PHOTOSHOP, GPS = 34675, 274, 700, 33723, 34377, 34853
LAYERS = 37724
"""Photoshop's layers: it would show these, with their noise, in place of the pixels."""
DESCRIPTION = 270
GEO = frozenset([33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113])
# What tifffile writes by itself.
WRITTEN = (exif.STRUCTURAL - {274, 297, 700, 33723, 34377, 50838, 50839}) | {282, 283, 296}
_DOTS = {2: 1.0, 3: 2.54}  # per inch, by unit of resolution


def extra_tags(
    tiff: tifffile.TiffFile,
    page: tifffile.TiffPage,
    strip: bool,
    strip_place: bool,
    left_out: Collection[int] = (),
) -> list[Any]:
    """The tags of a page that tifffile does not write by itself, as they are."""
    found: list[Any] = []
    for tag in page.tags:
        if tag.code in WRITTEN or tag.code in (exif.EXIF_IFD, GPS, exif.INTEROP_IFD):
            continue
        if tag.code in left_out:
            continue
        if strip and tag.code != ORIENTATION:
            continue
        if strip_place and tag.code in GEO:
            continue
        tiff.filehandle.seek(tag.valueoffset)
        data = tiff.filehandle.read(tag.valuebytecount)
        if strip_place and tag.code == XMP:
            data = exif.xmp_without_place(data)
        found.append(tag_of(tiff.byteorder, tag.code, int(tag.dtype), tag.count, data))
    return found


def links_of(
    tiff: tifffile.TiffFile, page: tifffile.TiffPage, strip_place: bool
) -> list[exif.Entry]:
    """The EXIF and GPS directories of a page."""
    codes = [exif.EXIF_IFD] + [GPS] * (not strip_place)
    if tiff.is_bigtiff or not any(code in page.tags for code in codes):
        return []
    with mmap.mmap(tiff.filehandle.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        entries = exif.directory(whole, tiff.byteorder, page.offset)
    return [entry for entry in entries if entry.code in codes and entry.data]


def tag_of(order: str, code: int, kind: int, count: int, data: bytes) -> tuple[Any, ...]:
    """A tag as tifffile's writer takes it."""
    if kind in (5, 10):  # two numbers each
        letter = "u" if kind == 5 else "i"
        return code, kind, count, tuple(np.frombuffer(data, f"{order}{letter}4").tolist()), True
    return code, kind, count, data, True


def append_links(file: IO[bytes], links: list[list[exif.Entry]]) -> None:
    """Puts EXIF and GPS directories behind a TIFF and points its pages to them.

    tifffile does not write them. A page's own directory is written once more, with the new
    entries, at the end of the file, and takes the place of the old one in the chain.

    Args:
        file: Open for reading and writing, with 4-byte offsets.
        links: The directories of each page.
    """
    file.seek(0)
    order = "<" if file.read(2) == b"II" else ">"
    pointer = 4
    for entries in links:
        file.seek(pointer)
        (start,) = struct.unpack(f"{order}I", file.read(4))
        file.seek(start)
        (count,) = struct.unpack(f"{order}H", file.read(2))
        table = [file.read(12) for _ in range(count)]
        following = file.read(4)
        if entries:
            for entry in entries:
                assert isinstance(entry.data, list)
                place = _even_end(file)
                file.write(exif.serialize(order, entry.data, place))
                table.append(struct.pack(f"{order}HHII", entry.code, 4, 1, place))
            table.sort(key=lambda raw: struct.unpack_from(f"{order}H", raw)[0])
            start = _even_end(file)
            file.write(struct.pack(f"{order}H", len(table)) + b"".join(table) + following)
            file.seek(pointer)
            file.write(struct.pack(f"{order}I", start))
        pointer = start + 2 + 12 * len(table)


def metadata_of(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Metadata:
    """What other formats can hold of the tags of a page."""
    tags = page.tags

    def raw(code: int) -> bytes | None:
        if code not in tags:
            return None
        tiff.filehandle.seek(tags[code].valueoffset)
        return tiff.filehandle.read(tags[code].valuebytecount) or None

    entries: list[exif.Entry] = []
    if not tiff.is_bigtiff:
        tiff.filehandle.seek(0)
        with mmap.mmap(tiff.filehandle.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            entries = exif.directory(whole, tiff.byteorder, page.offset)
    # Tags of its own sort, such as those of ImageJ and GeoTIFF, are TIFF's alone.
    entries = [e for e in entries if e.code not in exif.STRUCTURAL and e.code not in GEO]
    x, y = tags.valueof(282), tags.valueof(283)
    scale = _DOTS.get(int(tags.valueof(296, 2)))
    density = None
    if x and y and x[1] and y[1] and scale and x[0] and y[0]:
        density = (x[0] / x[1] * scale, y[0] / y[1] * scale)
    said = [e for e in entries if e.code not in (282, 283, 296)]
    resources, records = raw(PHOTOSHOP), raw(IPTC)
    if records and not iptc_in(resources or b""):
        resources = (resources or b"") + resources_of(records)
    return Metadata(
        exif=exif.block_of(tiff.byteorder, entries) if said else None,
        xmp=raw(XMP),
        iptc=resources,
        density=density,
    )


def _even_end(file: IO[bytes]) -> int:
    """Goes to the end of a file, made even; returns where that is."""
    end = file.seek(0, 2)
    return end + file.write(b"\0" * (end % 2))
