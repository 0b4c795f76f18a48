"""TIFF files: pages, channels and values of any kind, through tifffile.

A TIFF is written anew in the kind of its source: the same pages, channels, type of values, byte
order, compression (where it is lossless) and tags, of which nothing but the pixels is changed.
"""

from __future__ import annotations

import itertools
import logging
import mmap
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from PIL import Image

from kdae.errors import UserError
from kdae.images import exif, pillow
from kdae.images.metadata import Metadata
from kdae.images.pixels import Picture, too_large

# It logs what it then raises.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ICC, _ORIENTATION, _XMP, _IPTC, _PHOTOSHOP, _GPS = 34675, 274, 700, 33723, 34377, 34853
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_GEO = frozenset([33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113])
_RAW = (32803, 34892)  # photometric: values of a colour filter array, and linear raw
_INKS = 5
_JPEG = (6, 7, 33007, 34892)
# Kept when written; what others pack with loss, or in one colour space only, becomes deflate.
_LOSSLESS = (1, 5, 8, 32773, 32946, 50000)
_PREDICTABLE = (5, 8, 32946, 50000)
# What tifffile writes by itself.
_WRITTEN = (exif.STRUCTURAL - {274, 297, 700, 33723, 34377, 50838, 50839}) | {282, 283, 296}
_DOTS = {2: 1.0, 3: 2.54}  # per inch, by unit of resolution


def is_tiff(head: bytes) -> bool:
    """Tells whether a file with these first bytes is a TIFF."""
    return head.startswith(_SIGNATURES)


def pixel_count(path: str | Path) -> int:
    """Reads width times height of the largest page; raises what tifffile does of no TIFF."""
    with tifffile.TiffFile(path) as tiff:
        return max(int(page.imagewidth * page.imagelength) for page in _pages(tiff))


def read(file: IO[bytes], max_pixels: int) -> tuple[Picture, int]:
    """Reads the first page that is a picture, neither thumbnail nor mask.

    Returns:
        The picture, not turned yet, and its orientation.

    Raises:
        UserError: If it is larger than `max_pixels` or of a kind not supported.
    """
    with tifffile.TiffFile(file) as tiff:
        pages = _pages(tiff)
        index = _pictures(pages)[0]
        picture = _picture(tiff, index, pages[index], max_pixels, in_kind=False)
        orientation = pages[index].tags.valueof(_ORIENTATION, 1)
        metadata = _metadata(tiff, pages[index])
    return Picture(picture.pixels, picture.alpha, picture.icc_profile, metadata), orientation


class TiffPages:
    """The pages of a TIFF, read one by one and written to another TIFF.

    Args:
        path: The file.
        max_pixels: Of a page.

    Raises:
        UserError: If a page is too large or of a kind not supported.
        Exception: Of any kind, from tifffile, if the file is broken.
    """

    suffixes = (".tif", ".tiff")

    def __init__(self, path: Path, max_pixels: int) -> None:
        self.path = path
        self.notes: list[str] = []
        self._max_pixels = max_pixels
        with tifffile.TiffFile(path) as tiff:
            pages = _pages(tiff)
            self._places = _pictures(pages)
            self._slices = _slices(tiff) if len(pages) == 1 else 0
            self.count = self._slices or len(self._places)
            first = pages[self._places[0]]
            self.area = int(first.imagewidth * first.imagelength)
            for index in self._places:
                self._note(pages[index])
            # What other formats can hold: one picture of 8 or 16 bits, grey or RGB.
            plain = first.dtype in (np.uint8, np.uint16) and first.samplesperpixel in (1, 3)
            alpha = any(each in (1, 2) for each in first.extrasamples)
            self.special = "" if plain or alpha or first.dtype == bool else _kind(first)

    def _note(self, page: tifffile.TiffPage) -> None:
        if page.imagewidth * page.imagelength > self._max_pixels:
            raise too_large(page.imagewidth, page.imagelength, self._max_pixels)
        _refuse(page)
        bits = page.bitspersample
        if page.subifds:
            self._say(f"its {len(page.subifds)} reduced copies (SubIFDs) are left out")
        if page.dtype is not None and page.dtype.kind == "u" and 8 < bits < 16:
            self._say(f"its {bits} bits per value become 16")
        elif bits < 8 and not _is_palette(page):
            self._say(f"its {bits} bit{'s' * (bits > 1)} per value become 8")
        if _is_palette(page):
            self._say("its palette becomes RGB")
        if page.compression not in _LOSSLESS:
            self._say(f"its compression ({page.compression.name}) becomes deflate")
        if page.parent.is_bigtiff and exif.EXIF_IFD in page.tags:
            self._say("its EXIF is left out (BigTIFF)")

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def read(self) -> Iterator[Picture]:
        """Yields the pictures, as stored: not turned."""
        with tifffile.TiffFile(self.path) as tiff:
            pages = _pages(tiff)
            if self._slices:
                yield from _contiguous(tiff, self._slices)
                return
            for index in self._places:
                yield _picture(tiff, index, pages[index], self._max_pixels, in_kind=True)

    def write(
        self, path: Path, pictures: Iterable[Picture], strip: bool, strip_place: bool
    ) -> None:
        """Writes the pages with these pictures in the place of their own."""
        changed = iter(pictures)
        links: list[list[exif.Entry]] = []
        with tifffile.TiffFile(self.path) as tiff:
            order: Any = tiff.byteorder
            pages = _pages(tiff)
            with tifffile.TiffWriter(path, bigtiff=tiff.is_bigtiff, byteorder=order) as writer:
                for index, page in enumerate(pages):
                    entries = [] if strip else _links(tiff, page, strip_place)
                    tags = _extra_tags(tiff, page, strip, strip_place)
                    if index in self._places:
                        for picture in itertools.islice(changed, self._slices or 1):
                            _write_page(writer, page, picture, tags)
                            links.append(entries)
                            tags, entries = [], []  # of the first slice alone
                    else:
                        _copy_page(writer, page, tags)
                        links.append(entries)
        if any(links):
            with path.open("r+b") as file:
                append_links(file, links)


def write(file: IO[bytes], picture: Picture) -> None:
    """Writes a picture of uint8 or uint16 `[H, W, C]` as a losslessly compressed TIFF.

    Args:
        file: Open for reading and writing.
        picture: Of 1 or 3 channels.
    """
    samples = picture.pixels
    grey, alpha = samples.shape[-1] == 1, picture.alpha
    if alpha is not None:
        samples = np.concatenate([samples, alpha[..., None]], axis=-1)
    metadata = picture.metadata
    order: Any = "<"
    entries: list[exif.Entry] = []
    if metadata.exif:
        order, entries = exif.parse(metadata.exif)
    tags: list[Any] = []
    for code, kind, count, data in entries:
        if not isinstance(data, list) and code not in _WRITTEN and code != _ORIENTATION:
            tags.append(_tag(order, code, kind, count, data))
    for code, block in ((_XMP, metadata.xmp), (_PHOTOSHOP, metadata.iptc)):
        if block:
            tags.append((code, 1 if code == _XMP else 7, len(block), block, True))
    density = metadata.density
    with tifffile.TiffWriter(file, byteorder=order) as writer:
        writer.write(
            samples[..., 0] if grey and alpha is None else samples,
            photometric="minisblack" if grey else "rgb",
            planarconfig=None if grey and alpha is None else "contig",
            extrasamples=None if alpha is None else ["unassalpha"],
            compression="zlib",
            predictor=True,
            iccprofile=picture.icc_profile,
            resolution=density,
            resolutionunit="inch" if density else None,
            metadata=None,
            software=False,
            extratags=tags,
        )
    links = [entry for entry in entries if isinstance(entry.data, list)]
    if links:
        append_links(file, [links])


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


def _even_end(file: IO[bytes]) -> int:
    """Goes to the end of a file, made even; returns where that is."""
    end = file.seek(0, 2)
    return end + file.write(b"\0" * (end % 2))


def _pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    tiff.pages.useframes = False
    found = [page.aspage() for page in tiff.pages]
    if not found:
        raise UserError("a TIFF without a page")
    return found


def _pictures(pages: list[tifffile.TiffPage]) -> list[int]:
    """Indices of the pages that are neither thumbnails nor masks of others."""
    found = [
        index for index, page in enumerate(pages) if not page.subfiletype & (_REDUCED | _MASK)
    ]
    return found or [max(range(len(pages)), key=lambda index: pages[index].size)]


def _slices(tiff: tifffile.TiffFile) -> int:
    """How many pictures lie behind one another in a file of one page, as ImageJ writes them."""
    series, page = tiff.series[0], tiff.pages.first
    if series.kind not in ("imagej", "shaped") or series.dataoffset is None:
        return 0
    return series.size // page.size if series.size > page.size else 0


def _contiguous(tiff: tifffile.TiffFile, count: int) -> Iterator[Picture]:
    page, series = tiff.pages.first, tiff.series[0]
    for index in range(count):
        tiff.filehandle.seek(series.dataoffset + index * page.nbytes)
        data = tiff.filehandle.read_array(page.dtype.newbyteorder(tiff.byteorder), page.size)
        yield _arranged(page, data.reshape(page.shape).astype(page.dtype), None)


def _is_palette(page: tifffile.TiffPage) -> bool:
    return int(page.photometric) == 3


def _kind(page: tifffile.TiffPage) -> str:
    channels = page.samplesperpixel
    values = f"values of type {page.dtype}"
    return values if channels in (1, 3) else f"{channels} channels"


def _refuse(page: tifffile.TiffPage) -> None:
    """Raises UserError for what cannot be read, in the words of a user."""
    if int(page.photometric) in _RAW:
        raise UserError("camera raw data (such as DNG) in a TIFF; develop it first")
    if page.imagedepth != 1:
        raise UserError("a TIFF whose pages are volumes (ImageDepth) is not supported")
    known = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")
    if page.dtype is None or (page.dtype != bool and page.dtype.str[1:] not in known):
        raise UserError(f"a TIFF with values of type {page.dtype} is not supported")


def _native(page: tifffile.TiffPage) -> bool:
    """Whether tifffile gives the samples as they are meant; otherwise Pillow converts them."""
    photometric = int(page.photometric)
    if page.dtype == bool or page.bitspersample < 8:
        return False
    return photometric in (0, 1, 2, _INKS) or (photometric == 6 and page.compression in _JPEG)


def _picture(
    tiff: tifffile.TiffFile,
    index: int,
    page: tifffile.TiffPage,
    max_pixels: int,
    in_kind: bool,
) -> Picture:
    if page.imagewidth * page.imagelength > max_pixels:
        raise too_large(page.imagewidth, page.imagelength, max_pixels)
    _refuse(page)
    profile = page.tags.valueof(_ICC)
    inks = int(page.photometric) == _INKS
    if not _native(page) or (inks and not in_kind):
        tiff.filehandle.seek(0)
        with Image.open(tiff.filehandle, formats=("TIFF",)) as image:
            image.seek(index)
            image.load()
            samples = pillow.samples_of(image)
            profile = None if image.mode in ("CMYK", "LAB") else profile
        colours = 3 if samples.shape[-1] >= 3 else 1
        alpha = samples[..., -1] if samples.shape[-1] > colours else None
        return Picture(samples[..., :colours], alpha, profile)
    return _arranged(page, page.asarray(), profile)


def _arranged(page: tifffile.TiffPage, samples: np.ndarray, profile: bytes | None) -> Picture:
    """Splits off alpha, makes zero black, undoes premultiplication and fills up 10 bits."""
    if page.axes.startswith("S"):
        samples = np.moveaxis(samples, 0, -1)
    samples = np.ascontiguousarray(samples.reshape(*samples.shape[:2], -1))
    photometric, bits = int(page.photometric), page.bitspersample
    if samples.dtype == np.uint16 and 8 < bits < 16:
        samples = (samples.astype(np.uint32) * 65535 // ((1 << bits) - 1)).astype(np.uint16)
    extras = page.extrasamples[-samples.shape[-1] :]
    place = next((i for i, each in enumerate(extras) if each in (1, 2)), None)
    alpha = None
    if place is not None and samples.dtype in (np.uint8, np.uint16):
        where = samples.shape[-1] - len(extras) + place
        alpha = samples[..., where].copy()
        samples = np.delete(samples, where, axis=-1)
        if extras[place] == 1:
            top = np.float32(np.iinfo(samples.dtype).max)
            share = np.maximum(alpha[..., None].astype(np.float32), 1) / top
            samples = np.minimum(np.rint(samples / share), top).astype(samples.dtype)
    if photometric == 0:
        samples[..., :1] = _inverted(samples[..., :1])
    # Photometric 6 is red, green and blue by now: JPEG was decoded to it.
    return Picture(samples, alpha, profile, independent=photometric not in (2, 6))


def _inverted(samples: np.ndarray) -> np.ndarray:
    if samples.dtype.kind == "u":
        return np.iinfo(samples.dtype).max - samples
    return -samples - (samples.dtype.kind == "i")


def _write_page(
    writer: tifffile.TiffWriter, page: tifffile.TiffPage, picture: Picture, tags: list[Any]
) -> None:
    samples, alpha = picture.pixels, picture.alpha
    photometric: Any = int(page.photometric)
    extras: list[Any] = [int(each) for each in page.extrasamples]
    if photometric == 0:
        samples = np.concatenate([_inverted(samples[..., :1]), samples[..., 1:]], axis=-1)
    if not _native(page) or photometric == 6:
        photometric = 2 if samples.shape[-1] == 3 else 1
        extras = [] if alpha is None else [2]
    if alpha is not None:
        if 1 in extras and _native(page):
            top = np.iinfo(samples.dtype).max
            samples = np.rint(samples * (alpha[..., None] / np.float64(top)))
            samples = samples.astype(alpha.dtype)
        first = samples.shape[-1] + 1 - len(extras)
        where = first + next(i for i, each in enumerate(extras) if each in (1, 2))
        samples = np.insert(samples, where, alpha, axis=-1)
    channels = samples.shape[-1]
    planar = page.planarconfig == 2 and channels > 1
    if channels == 1:
        samples = samples[..., 0]
    elif planar:
        samples = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    _save(
        writer,
        samples,
        page,
        photometric=photometric,
        planarconfig=None if channels == 1 else ("separate" if planar else "contig"),
        extrasamples=extras or None,
        extratags=tags,
        iccprofile=picture.icc_profile,
    )


def _copy_page(writer: tifffile.TiffWriter, page: tifffile.TiffPage, tags: list[Any]) -> None:
    """Writes a page as it is."""
    samples = page.asarray()
    photometric: Any = int(page.photometric)
    options: dict[str, Any] = {
        "extrasamples": [int(each) for each in page.extrasamples] or None
    }
    if photometric == 6 and page.compression in _JPEG:
        photometric = 2
    if photometric == 3:
        options["colormap"] = page.colormap
    if page.samplesperpixel > 1:
        options["planarconfig"] = "separate" if page.planarconfig == 2 else "contig"
    profile = page.tags.valueof(_ICC)
    _save(
        writer,
        samples,
        page,
        photometric=1 if photometric == 4 else photometric,
        iccprofile=profile,
        extratags=tags,
        **options,
    )


def _save(
    writer: tifffile.TiffWriter, samples: np.ndarray, page: tifffile.TiffPage, **options: Any
) -> None:
    bilevel = samples.dtype == bool
    compression: Any = int(page.compression)
    if compression not in _LOSSLESS:
        compression = 8
    if bilevel and compression != 1:
        compression = 32773
    predictor: Any = False
    if compression in _PREDICTABLE and int(page.predictor) != 1:
        predictor = 3 if samples.dtype.kind == "f" else 2
    tags = page.tags
    unit = tags.valueof(296, 2)
    resolution = (tags.valueof(282), tags.valueof(283))
    tiled = page.is_tiled and page.tilewidth % 16 == 0 and page.tilelength % 16 == 0
    rows = page.rowsperstrip
    strips: dict[str, Any] = {}
    if tiled and not bilevel:
        strips["tile"] = (page.tilelength, page.tilewidth)
    elif not bilevel and 0 < rows < page.imagelength:
        strips["rowsperstrip"] = rows
    writer.write(
        samples,
        compression=None if compression == 1 else compression,
        predictor=predictor,
        subfiletype=int(page.subfiletype),
        resolution=resolution if all(resolution) else None,
        resolutionunit=unit if all(resolution) else None,
        metadata=None,
        software=False,
        contiguous=False,
        **strips,
        **options,
    )


def _extra_tags(
    tiff: tifffile.TiffFile,
    page: tifffile.TiffPage,
    strip: bool,
    strip_place: bool,
) -> list[Any]:
    """The tags of a page that tifffile does not write by itself, as they are."""
    found: list[Any] = []
    for tag in page.tags:
        if tag.code in _WRITTEN or tag.code in (exif.EXIF_IFD, _GPS, exif.INTEROP_IFD):
            continue
        if strip and tag.code != _ORIENTATION:
            continue
        if strip_place and tag.code in _GEO:
            continue
        tiff.filehandle.seek(tag.valueoffset)
        data = tiff.filehandle.read(tag.valuebytecount)
        if strip_place and tag.code == _XMP:
            data = exif.xmp_without_place(data)
        found.append(_tag(tiff.byteorder, tag.code, int(tag.dtype), tag.count, data))
    return found


def _tag(order: str, code: int, kind: int, count: int, data: bytes) -> tuple[Any, ...]:
    """A tag as tifffile's writer takes it."""
    if kind in (5, 10):  # two numbers each
        letter = "u" if kind == 5 else "i"
        return code, kind, count, tuple(np.frombuffer(data, f"{order}{letter}4").tolist()), True
    return code, kind, count, data, True


def _links(
    tiff: tifffile.TiffFile, page: tifffile.TiffPage, strip_place: bool
) -> list[exif.Entry]:
    """The EXIF and GPS directories of a page."""
    codes = [exif.EXIF_IFD] + [_GPS] * (not strip_place)
    if tiff.is_bigtiff or not any(code in page.tags for code in codes):
        return []
    with mmap.mmap(tiff.filehandle.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        entries = exif.directory(whole, tiff.byteorder, page.offset)
    return [entry for entry in entries if entry.code in codes and entry.data]


def _metadata(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Metadata:
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
    entries = [e for e in entries if e.code not in exif.STRUCTURAL and e.code not in _GEO]
    x, y = tags.valueof(282), tags.valueof(283)
    scale = _DOTS.get(int(tags.valueof(296, 2)))
    density = None
    if x and y and x[1] and y[1] and scale and x[0] and y[0]:
        density = (x[0] / x[1] * scale, y[0] / y[1] * scale)
    said = [e for e in entries if e.code not in (282, 283, 296)]
    return Metadata(
        exif=exif.block_of(tiff.byteorder, entries) if said else None,
        xmp=raw(_XMP),
        iptc=raw(_PHOTOSHOP),
        density=density,
    )
