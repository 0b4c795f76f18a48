"""Writes TIFF files: anew, or in the kind of a source.

A TIFF is written in the kind of its source: the same pages, channels, type of values, byte
order, compression (where it is lossless) and tags, of which nothing but the pixels is changed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile

from kdae.images import exif
from kdae.images.metadata import iptc_in
from kdae.images.pixels import Picture, too_large
from kdae.images.tiff import (
    JPEG,
    contiguous,
    has_false_shape,
    inverted,
    is_native,
    is_palette,
    kind_of,
    pages_of,
    picture_of,
    pictures_in,
    refuse_kind,
    slices_of,
)
from kdae.images.tiff_tags import (
    DESCRIPTION,
    ICC,
    IPTC,
    LAYERS,
    ORIENTATION,
    PHOTOSHOP,
    WRITTEN,
    XMP,
    append_links,
    extra_tags,
    links_of,
    tag_of,
)

# Kept when written; what others pack with loss, or in one colour space only, becomes deflate.
_LOSSLESS = (1, 5, 8, 32773, 32946, 50000)
_PREDICTABLE = (5, 8, 32946, 50000)


class TiffPages:
    """The pages of a TIFF, read one by one and written to another TIFF.

    Args:
        path: The file.
        max_pixels: Of a page.

    Raises:
        UserError: If a page is too large or of a kind not supported.
        Exception: Of any kind, from tifffile, if the file is broken.
    """

    suffixes: tuple[str, ...] = (".tif", ".tiff")

    def __init__(self, path: Path, max_pixels: int) -> None:
        self.path = path
        self.notes: list[str] = []
        self._max_pixels = max_pixels
        with tifffile.TiffFile(path) as tiff:
            pages = pages_of(tiff)
            self._places = pictures_in(pages)
            self._slices = slices_of(tiff) if len(pages) == 1 else 0
            self.count = self._slices or len(self._places)
            self._left_out = (DESCRIPTION,) if has_false_shape(tiff) else ()
            if self._left_out:
                self._say("its description is left out: it names a shape that it does not have")
            first = pages[self._places[0]]
            self.area = int(first.imagewidth * first.imagelength)
            for index in self._places:
                self._note(pages[index])
            # What other formats can hold: one picture of 8 or 16 bits, grey or RGB.
            plain = first.dtype in (np.uint8, np.uint16) and first.samplesperpixel in (1, 3)
            alpha = any(each in (1, 2) for each in first.extrasamples)
            self.special = "" if plain or alpha or first.dtype == bool else kind_of(first)

    def _note(self, page: tifffile.TiffPage) -> None:
        if page.imagewidth * page.imagelength > self._max_pixels:
            raise too_large(page.imagewidth, page.imagelength, self._max_pixels)
        refuse_kind(page)
        bits = page.bitspersample
        if page.subifds:
            self._say(f"its {len(page.subifds)} reduced copies (SubIFDs) are left out")
        if page.dtype is not None and page.dtype.kind == "u" and 8 < bits < 16:
            self._say(f"its {bits} bits per value become 16")
        elif bits < 8 and not is_palette(page):
            self._say(f"its {bits} bit{'s' * (bits > 1)} per value become 8")
        if is_palette(page):
            self._say("its palette becomes RGB")
        if LAYERS in page.tags:
            self._say("its Photoshop layers are left out")
        if page.compression not in _LOSSLESS:
            name = tifffile.COMPRESSION(page.compression).name
            self._say(f"its compression ({name}) becomes deflate")
        if page.parent.is_bigtiff and exif.EXIF_IFD in page.tags:
            self._say("its EXIF is left out (BigTIFF)")

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def read(self, in_kind: bool = True) -> Iterator[Picture]:
        """Yields the pictures, as stored: not turned.

        Args:
            in_kind: Whether inks stay inks; otherwise they become RGB.
        """
        with tifffile.TiffFile(self.path) as tiff:
            pages = pages_of(tiff)
            if self._slices:
                yield from contiguous(tiff, self._slices)
                return
            for index in self._places:
                yield picture_of(tiff, index, pages[index], self._max_pixels, in_kind)

    def write(
        self, path: Path, pictures: Iterable[Picture], strip: bool, strip_place: bool
    ) -> None:
        """Writes the pages with these pictures in the place of their own."""
        changed = iter(pictures)
        links: list[list[exif.Entry]] = []
        with tifffile.TiffFile(self.path) as tiff:
            order: Any = tiff.byteorder
            pages = pages_of(tiff)
            with tifffile.TiffWriter(path, bigtiff=tiff.is_bigtiff, byteorder=order) as writer:
                for index, page in enumerate(pages):
                    entries = [] if strip else links_of(tiff, page, strip_place)
                    tags = extra_tags(tiff, page, strip, strip_place, self._left_out)
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
        if not isinstance(data, list) and code not in WRITTEN and code != ORIENTATION:
            tags.append(tag_of(order, code, kind, count, data))
    # Programs look for IPTC in its own tag, too.
    records = iptc_in(metadata.iptc) if metadata.iptc else None
    for code, block in ((XMP, metadata.xmp), (IPTC, records), (PHOTOSHOP, metadata.iptc)):
        if block:
            tags.append((code, 1 if code == XMP else 7, len(block), block, True))
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


def _write_page(
    writer: tifffile.TiffWriter, page: tifffile.TiffPage, picture: Picture, tags: list[Any]
) -> None:
    samples, alpha = picture.pixels, picture.alpha
    photometric: Any = int(page.photometric)
    extras: list[Any] = [int(each) for each in page.extrasamples]
    if photometric == 0:
        samples = np.concatenate([inverted(samples[..., :1]), samples[..., 1:]], axis=-1)
    if not is_native(page) or photometric == 6:
        photometric = 2 if samples.shape[-1] == 3 else 1
        extras = [] if alpha is None else [2]
    if alpha is not None:
        if 1 in extras and is_native(page):
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
    if photometric == 6 and page.compression in JPEG:
        photometric = 2
    if photometric == 3:
        options["colormap"] = page.colormap
    if page.samplesperpixel > 1:
        options["planarconfig"] = "separate" if page.planarconfig == 2 else "contig"
    profile = page.tags.valueof(ICC)
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
