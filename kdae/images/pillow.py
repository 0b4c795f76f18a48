"""Files of 8 bits per value, through Pillow.

Used by `kdae.images.files` alone; `kdae.images.deep` has the others.
"""

import os
from typing import IO, Any

import numpy as np
from PIL import Image

from kdae.errors import UserError
from kdae.images import deep

# Opening nothing else keeps Pillow's less tested readers (and Ghostscript) out of reach.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
_ORIENTATION_TAG = 0x0112  # EXIF and TIFF
_BAND = 1 << 22  # pixels converted at a time: bounds the memory of a conversion
_WRITER: dict[str, tuple[str, dict[str, Any]]] = {
    # 4 times as fast as Pillow's level 6, files 11 % larger: with that, writing would take a
    # quarter of the time that the model takes.
    ".png": ("PNG", {"compress_level": 2}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".bmp": ("BMP", {}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
}


def read(file: IO[bytes], head: bytes, max_pixels: int) -> tuple[np.ndarray, int, bytes | None]:
    """Reads a picture that Pillow can open, and 16-bit PNG.

    Args:
      file: open at its start.
      head: its first 26 bytes.
      max_pixels: largest width times height.

    Returns:
      The samples, uint8 or uint16 [H, W, C], C = 1 to 4 (grey or RGB, with or without
      alpha); the EXIF orientation, not applied yet; the colour profile or None.

    Raises:
      UserError: if the picture is too large or of a kind not supported.
      Exception: of any kind, from Pillow, if the file is broken.
    """
    with Image.open(file, formats=_FORMATS) as image:
        if image.width * image.height > max_pixels:
            raise deep.too_large(*image.size, max_pixels)
        # A 16-bit PNG is decoded here too, for nothing but its EXIF and the check for damage.
        image.load()
        orientation = _orientation(image)
        profile = image.info.get("icc_profile")
        if deep.is_png16(head):
            file.seek(0)
            return deep.decode_png(file.read()), orientation, profile
        if image.mode in ("I", "F", "I;16", "I;16B"):
            raise UserError(f"values of this kind ({image.mode}) are not supported")
        if image.mode in ("CMYK", "LAB"):
            profile = None  # describes the colours before their conversion
        return _samples(image), orientation, profile


def pixel_count(path: str | os.PathLike[str]) -> int:
    """Reads width times height; raises whatever Pillow does if it cannot open the file."""
    with Image.open(path, formats=_FORMATS) as image:
        return image.width * image.height


def write(file: IO[bytes], suffix: str, samples: np.ndarray, icc_profile: bytes | None) -> None:
    """Writes uint8 [H, W, C], C = 1 to 4, in the format of a suffix other than TIFF's."""
    name, options = _WRITER[suffix]
    if icc_profile is not None and name != "BMP":
        options = {**options, "icc_profile": icc_profile}
    samples = np.ascontiguousarray(samples)
    image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    image.save(file, format=name, **options)


def _samples(image: Image.Image) -> np.ndarray:
    """Turns any 8-bit Pillow image into uint8 [H, W, 1 to 4]."""
    grey = image.mode in ("1", "L", "LA", "La")
    mode = ("LA" if grey else "RGBA") if image.has_transparency_data else "L" if grey else "RGB"
    samples = np.empty((image.height, image.width, len(mode)), np.uint8)
    # In bands: converting all at once takes twice the memory of the picture or more.
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        samples[top : top + rows] = np.asarray(band.convert(mode)).reshape(
            band.height, band.width, -1
        )
    return samples


def _orientation(image: Image.Image) -> int:
    """Reads the EXIF orientation, 1 to 8; a broken EXIF block counts as upright."""
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # The parser raises whatever it stumbles over; the pixels are fine.
        return 1
