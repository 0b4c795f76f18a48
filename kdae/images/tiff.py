"""Reads TIFF files: pages, channels and values of any kind, through tifffile."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from PIL import Image

from kdae.errors import UserError
from kdae.images import pillow
from kdae.images.pixels import Picture, too_large, turned
from kdae.images.tiff_tags import ICC, ORIENTATION, metadata_of

# It logs what it then raises.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

JPEG = (6, 7, 33007, 34892)
"""Compressions that tifffile decodes to RGB."""
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_RAW = (32803, 34892)  # photometric: values of a colour filter array, and linear raw
_INKS = 5


def is_tiff(head: bytes) -> bool:
    """Tells whether a file with these first bytes is a TIFF."""
    return head.startswith(_SIGNATURES)


def pixel_count(path: str | Path) -> int:
    """Reads width times height of the largest page; raises what tifffile does of no TIFF."""
    with tifffile.TiffFile(path) as tiff:
        return max(int(page.imagewidth * page.imagelength) for page in pages_of(tiff))


def read(file: IO[bytes], max_pixels: int) -> tuple[Picture, int]:
    """Reads the first page that is a picture, neither thumbnail nor mask.

    Returns:
        The picture, not turned yet, and its orientation.

    Raises:
        UserError: If it is larger than `max_pixels` or of a kind not supported.
    """
    with tifffile.TiffFile(file) as tiff:
        pages = pages_of(tiff)
        index = pictures_in(pages)[0]
        picture = picture_of(tiff, index, pages[index], max_pixels, in_kind=False)
        orientation = pages[index].tags.valueof(ORIENTATION, 1)
        metadata = metadata_of(tiff, pages[index])
    return Picture(picture.pixels, picture.alpha, picture.icc_profile, metadata), orientation


def pages_of(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Returns all pages of an open TIFF, thumbnails and masks too."""
    tiff.pages.useframes = False
    found = [page.aspage() for page in tiff.pages]
    if not found:
        raise UserError("a TIFF without a page")
    return found


def pictures_in(pages: list[tifffile.TiffPage]) -> list[int]:
    """Indices of the pages that are neither thumbnails nor masks of others."""
    found = [
        index for index, page in enumerate(pages) if not page.subfiletype & (_REDUCED | _MASK)
    ]
    return found or [max(range(len(pages)), key=lambda index: pages[index].size)]


def slices_of(tiff: tifffile.TiffFile) -> int:
    """How many pictures lie behind one another in a file of one page, as ImageJ writes them."""
    series, page = tiff.series[0], tiff.pages.first
    if series.kind not in ("imagej", "shaped") or series.dataoffset is None:
        return 0
    return series.size // page.size if series.size > page.size else 0


def contiguous(tiff: tifffile.TiffFile, count: int) -> Iterator[Picture]:
    """Yields the pictures of a file of one page; see `slices_of`."""
    page: Any = tiff.pages.first
    series: Any = tiff.series[0]
    for index in range(count):
        tiff.filehandle.seek(series.dataoffset + index * page.nbytes)
        data = tiff.filehandle.read_array(page.dtype.newbyteorder(tiff.byteorder), page.size)
        yield _arranged(page, data.reshape(page.shape).astype(page.dtype), None)


def is_palette(page: tifffile.TiffPage) -> bool:
    """Tells whether the values of a page are places in a table of colours."""
    return int(page.photometric) == 3


def has_false_shape(tiff: tifffile.TiffFile) -> bool:
    """Tells whether the description, as tifffile writes it, names a shape that is not there."""
    try:
        shape = json.loads(tiff.pages.first.description)["shape"]
        described = math.prod(map(int, shape))
    except (ValueError, TypeError, KeyError):
        return False
    first = tiff.pages.first
    return described != max(slices_of(tiff) * first.size, sum(p.size for p in pages_of(tiff)))


def kind_of(page: tifffile.TiffPage) -> str:
    """Says what a page has that other formats cannot hold."""
    channels = page.samplesperpixel
    values = f"values of type {page.dtype}"
    return values if channels in (1, 3) else f"{channels} channels"


def refuse_kind(page: tifffile.TiffPage) -> None:
    """Raises UserError for what cannot be read, in the words of a user."""
    if int(page.photometric) in _RAW:
        raise UserError("camera raw data (such as DNG) in a TIFF; develop it first")
    if page.imagedepth != 1:
        raise UserError("a TIFF whose pages are volumes (ImageDepth) is not supported")
    known = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")
    if page.dtype is None or (page.dtype != bool and page.dtype.str[1:] not in known):
        raise UserError(f"a TIFF with values of type {page.dtype} is not supported")


def is_native(page: tifffile.TiffPage) -> bool:
    """Whether tifffile gives the samples as they are meant; otherwise Pillow converts them."""
    photometric = int(page.photometric)
    if page.dtype == bool or page.bitspersample < 8:
        return False
    return photometric in (0, 1, 2, _INKS) or (photometric == 6 and page.compression in JPEG)


def picture_of(
    tiff: tifffile.TiffFile,
    index: int,
    page: tifffile.TiffPage,
    max_pixels: int,
    in_kind: bool,
) -> Picture:
    """Reads a page, not turned.

    Args:
        tiff: Open.
        index: Of the page, for Pillow.
        page: To read.
        max_pixels: Largest width times height.
        in_kind: Whether inks stay inks; otherwise they become RGB.

    Raises:
        UserError: If the page is too large or of a kind not supported.
    """
    if page.imagewidth * page.imagelength > max_pixels:
        raise too_large(page.imagewidth, page.imagelength, max_pixels)
    refuse_kind(page)
    profile = page.tags.valueof(ICC)
    inks = int(page.photometric) == _INKS
    if not is_native(page) or (inks and not in_kind):
        tiff.filehandle.seek(0)
        file: Any = tiff.filehandle
        with Image.open(file, formats=("TIFF",)) as image:
            image.seek(index)
            image.load()
            samples = pillow.samples_of(image)
            # Pillow has turned it: back to how it is stored.
            turn = int(page.tags.valueof(ORIENTATION, 1))
            samples = turned(samples, {6: 8, 8: 6}.get(turn, turn))
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
        samples[..., :1] = inverted(samples[..., :1])
    # Photometric 6 is red, green and blue by now: JPEG was decoded to it.
    return Picture(samples, alpha, profile, independent=photometric not in (2, 6))


def inverted(samples: np.ndarray) -> np.ndarray:
    """Returns the samples with black and white changed: white may be zero in a TIFF."""
    if samples.dtype.kind == "u":
        return np.iinfo(samples.dtype).max - samples
    return -samples - (samples.dtype.kind == "i")
