"""Files of 16 bits per value, which Pillow cuts down to 8 when they are in colour.

Used by `kdae.images.files` alone: PNG through TensorFlow, TIFF through tifffile. tifffile
writes 8-bit TIFF as well, so that there is one writer of that format.
"""

import logging
import os
import struct
import zlib
from typing import IO

import imagecodecs
import numpy as np
import tifffile

from kdae.errors import UserError

# It logs what it then raises.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_DEPTH = 24  # byte of the file: behind the signature, chunk header, width and height
_PNG_HEADER_END = 33
_PNG_LEVEL = 4
_ICC_TAG = 34675
_ORIENTATION_TAG = 274


def is_png16(head: bytes) -> bool:
    """Tells from the first 26 bytes of a file whether it is a PNG of 16 bits."""
    return head.startswith(_PNG_SIGNATURE) and head[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10"


def is_tiff16(file: IO[bytes], head: bytes) -> bool:
    """Tells whether a file with these first bytes is a TIFF of 16 bits; rewinds it."""
    if not head.startswith(_TIFF_SIGNATURES):
        return False
    with tifffile.TiffFile(file) as tiff:
        found = tiff.pages.first.dtype == np.uint16
    file.seek(0)
    return found


def pixel_count(path: str | os.PathLike[str]) -> int:
    """Reads width times height of a TIFF; raises whatever tifffile does of another file."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return int(page.imagewidth * page.imagelength)


def decode_png(data: bytes) -> np.ndarray:
    """Decodes a PNG file of 16 bits.

    Returns:
        uint16 `[H, W, C]` with the channels of the file: 1 (grey), 2 (grey and alpha), 3 (RGB)
        or 4 (RGB and alpha).

    Raises:
        UserError: If the file is broken or cut short.
    """
    try:
        samples = imagecodecs.png_decode(data)
    except imagecodecs.PngError:
        raise UserError("broken or cut short") from None
    return samples.reshape(*samples.shape[:2], -1)


def encode_png(samples: np.ndarray, icc_profile: bytes | None) -> bytes:
    """Encodes uint16 `[H, W, C]`, C = 1 to 4 as for `decode_png`, as a PNG file."""
    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(samples), level=_PNG_LEVEL))
    if icc_profile is None:
        return data
    chunk = b"iCCP" + b"profile\0\0" + zlib.compress(icc_profile)
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:_PNG_HEADER_END] + framed + data[_PNG_HEADER_END:]


def read_tiff(file: IO[bytes], max_pixels: int) -> tuple[np.ndarray, int, bytes | None]:
    """Reads the first page of a 16-bit TIFF.

    Returns:
      The samples as uint16 [H, W, C], C = 1 to 4 (grey or RGB, with or without alpha, not
      premultiplied); the EXIF orientation; the colour profile or None.

    Raises:
      UserError: if it is larger than `max_pixels` or of a kind not supported.
    """
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        assert isinstance(page, tifffile.TiffPage)
        if page.imagewidth * page.imagelength > max_pixels:
            raise too_large(page.imagewidth, page.imagelength, max_pixels)
        colours = {0: 1, 1: 1, 2: 3}.get(int(page.photometric))
        if colours is None or page.samplesperpixel < colours or page.imagedepth != 1:
            raise UserError("a 16-bit TIFF of this kind is not supported, only grey and RGB")
        orientation = page.tags.valueof(_ORIENTATION_TAG, 1)
        icc_profile = page.tags.valueof(_ICC_TAG)
        samples = page.asarray()
        if page.axes.startswith("S"):
            samples = np.moveaxis(samples, 0, -1)
        extra = page.extrasamples
    samples = samples.reshape(*samples.shape[:2], -1)
    if int(page.photometric) == 0:  # white is zero
        samples[..., :1] = 65535 - samples[..., :1]
    if not extra or extra[0] == tifffile.EXTRASAMPLE.UNSPECIFIED:
        return samples[..., :colours], orientation, icc_profile
    samples = samples[..., : colours + 1]
    if extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        alpha = np.maximum(samples[..., -1:].astype(np.float32), 1) / np.float32(65535)
        colour = np.minimum(np.rint(samples[..., :-1] / alpha), 65535)
        samples[..., :-1] = colour.astype(np.uint16)
    return samples, orientation, icc_profile


def write_tiff(
    file: IO[bytes], samples: np.ndarray, alpha: bool, icc_profile: bytes | None
) -> None:
    """Writes uint8 or uint16 [H, W, C], C = 1 to 4, as a losslessly compressed TIFF."""
    grey = samples.shape[-1] == 1
    tifffile.imwrite(
        file,
        samples[..., 0] if grey else samples,  # [H, W, 1] would be taken for H pages
        photometric="rgb" if samples.shape[-1] >= 3 else "minisblack",
        planarconfig=None if grey else "contig",
        extrasamples=["unassalpha"] if alpha else None,
        compression="zlib",
        predictor=True,
        iccprofile=icc_profile,
        metadata=None,
    )


def too_large(width: int, height: int, max_pixels: int) -> UserError:
    """Makes the error for a picture above the limit."""
    return UserError(
        f"{width}x{height} is {width * height / 1e6:.0f} megapixels, "
        f"more than the {max_pixels / 1e6:.0f} that are read"
    )
