"""A picture in memory; the one place where uint8 and uint16 become floats."""

from dataclasses import dataclass, field

import numpy as np

from kdae.errors import UserError
from kdae.images.metadata import Metadata

_BAND = 1 << 22  # pixels converted at a time: bounds the memory of a conversion
_LUMA = (19595, 38470, 7471)  # Rec. 601 0.299, 0.587, 0.114 in units of 2**-16


@dataclass(frozen=True)
class Picture:
    """A picture as read from a file, upright.

    Attributes:
      pixels: without alpha, [H, W, C] uint8 or uint16, C = 1 (grey) or 3 (RGB). Of a file that
        was read as a picture of any kind: any integers or floats, and any C.
      alpha: opacity [H, W] of the same dtype, or None.
      icc_profile: the colour profile of the file, or None.
      metadata: what else the file says.
      independent: whether no channels are red, green and blue: each is a picture of its own.
        Otherwise the first three are, if there are three.
      notes: what of the file the picture no longer has, such as its palette.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    independent: bool = False
    notes: tuple[str, ...] = ()


def too_large(width: int, height: int, max_pixels: int) -> UserError:
    """Makes the error for a picture above the limit."""
    return UserError(
        f"{width}x{height} is {width * height / 1e6:.0f} megapixels, "
        f"more than the {max_pixels / 1e6:.0f} that are read"
    )


def turned(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Returns a view `[H, W, ...]` that an EXIF orientation asks for."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def to_float(pixels: np.ndarray) -> np.ndarray:
    """Turns uint8 or uint16 values of any shape into float32 in [0, 1]."""
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels: expected uint8 or uint16, got {pixels.dtype}")
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def from_float(image: np.ndarray, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Turns floats in [0, 1] into uint8 or uint16, clipped and rounded to nearest."""
    dtype = np.dtype(dtype)
    if dtype not in (np.uint8, np.uint16):
        raise ValueError(f"dtype: expected uint8 or uint16, got {dtype}")
    scaled = np.clip(image, 0.0, 1.0) * np.float32(np.iinfo(dtype).max)
    return np.rint(scaled, out=scaled).astype(dtype)


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Converts between grey and RGB, by the luma of ITU-R BT.601.

    Args:
      image: [..., 1] or [..., 3], uint8, uint16 or float.
      channels: 1 or 3.

    Returns:
      An array [..., channels] of the same dtype; the image itself if it has them already.
    """
    have = image.shape[-1]
    if channels not in (1, 3) or have not in (1, 3):
        raise ValueError(f"channels: expected 1 or 3, got {have} to convert to {channels}")
    if have == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    if image.dtype.kind == "f":
        return image @ np.array([[0.299], [0.587], [0.114]], image.dtype)
    grey = np.empty((*image.shape[:-1], 1), image.dtype)
    flat, out = image.reshape(-1, 3), grey.reshape(-1)
    weights = np.array(_LUMA, np.uint32)
    for start in range(0, len(flat), _BAND):
        part = flat[start : start + _BAND].astype(np.uint32)
        out[start : start + _BAND] = (part @ weights + (1 << 15)) >> 16
    return grey
