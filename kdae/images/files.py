"""Reads and writes picture files.

Pillow reads 8-bit pictures (`kdae.images.pillow`). It cuts 16-bit colour down to 8 bits, so
16-bit PNG goes through imagecodecs (`kdae.images.png`) and TIFF through tifffile
(`kdae.images.tiff`).
"""

import dataclasses
import glob
import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from kdae.errors import UserError, first_line
from kdae.files import replace_file
from kdae.images import extras, pillow, png, tiff, tiff_pages
from kdae.images.pixels import Picture, turned

IMAGE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".avif", ".ppm", ".pgm", ".jp2", ".qoi"),
    *extras.SUFFIXES,
)
WRITE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".avif"),
    *(each for each in extras.HEIF if each in extras.SUFFIXES),
)
MAX_PIXELS = 400_000_000
JPEG_SIDE = 65_535
WEBP_SIDE = 16_383

# Pillow warns above this many pixels and refuses from twice as many, by default at 89 and
# 179 megapixels: less than some cameras and most scanners give.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

ALPHA_SUFFIXES = (".png", ".webp", ".tif", ".tiff", ".avif", *extras.HEIF)
_SIDES = {".jpg": JPEG_SIDE, ".jpeg": JPEG_SIDE, ".webp": WEBP_SIDE}
_TIFF = (".tif", ".tiff")


def read_image(path: str | os.PathLike[str]) -> Picture:
    """Reads a picture file of 8 or 16 bits: grey or RGB, with or without alpha.

    The EXIF orientation is applied, palettes are expanded, CMYK becomes RGB (its profile
    is dropped), one bit becomes grey 0 and 255; of several pages or frames the first that is
    no thumbnail or mask is read. `kdae.images.open_pages` reads what is more than that.

    Args:
      path: the file; its content, not its suffix, decides how it is read.

    Raises:
      UserError: naming the file, if it is missing, empty, truncated, not a picture, of an
        unsupported kind, or larger than `MAX_PIXELS`.
    """
    path = Path(path)
    with naming(path):
        if path.stat().st_size == 0:
            raise UserError("the file is empty (0 bytes)")
        with path.open("rb") as file:
            head = file.read(26)
            file.seek(0)
            if extras.is_raw(path, head):
                picture, orientation = extras.develop(file), 1
            elif tiff.is_tiff(head):
                picture, orientation = tiff.read(file, MAX_PIXELS)
                _refuse_special(picture)
            else:
                extras.prepare(head)
                picture, orientation = pillow.read(file, head, MAX_PIXELS)
    return _upright(picture, orientation)


def _refuse_special(picture: Picture) -> None:
    channels = picture.pixels.shape[-1]
    if picture.pixels.dtype not in (np.uint8, np.uint16):
        kind = f"values of type {picture.pixels.dtype}"
    elif channels not in (1, 3) or (picture.independent and channels > 1):
        kind = f"{channels} channels that are not grey or RGB"
    else:
        return
    raise UserError(f"a TIFF with {kind} is not supported here, only by kdae denoise")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turns whatever the reading of a file raises into a UserError that names the file."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a picture") from None
    except PermissionError:
        raise UserError(f"{path}: no permission to read it") from None
    except MemoryError:
        raise UserError(f"{path}: not enough memory to read this picture") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(f"{path}: more than {MAX_PIXELS / 1e6:.0f} megapixels") from None
    except Image.UnidentifiedImageError:
        raise UserError(f"{path}: {extras.unknown(path)}") from None
    except Exception as error:
        # On a broken file the decoders raise whatever they stumble over: OSError,
        # SyntaxError, struct.error, zlib.error, KeyError, ...
        raise UserError(
            f"{path}: cannot be read, broken or cut short ({first_line(error)})"
        ) from error


def pixel_count(path: str | os.PathLike[str]) -> int | None:
    """Reads width times height from a file's head; None where no such thing is found."""
    for count in (pillow.pixel_count, tiff.pixel_count):
        try:
            return count(Path(path))
        except Exception:  # of any kind; `read_image` will give the reason
            continue
    return None


def write_image(
    path: str | os.PathLike[str], picture: Picture, quality: int | None = None
) -> None:
    """Writes a picture in the format of the file's suffix, completely or not at all.

    PNG and TIFF keep 16 bits, the others get 8. PNG, TIFF, WebP, AVIF and HEIC keep alpha.
    JPEG (quality 95, colour at full resolution), AVIF and HEIC lose something, the others
    nothing. The colour profile goes with the picture, except into BMP, and so does what else
    the format can hold of the metadata.

    Args:
      path: where to; an existing file is replaced, in one step, once all is written.
      picture: what to write.
      quality: 1 to 100, of JPEG, AVIF, HEIC, and WebP, which is then no longer lossless.

    Raises:
      UserError: if the suffix is not in `WRITE_SUFFIXES`, the format cannot hold the
        picture (alpha in JPEG or BMP, too large), or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    refuse(path, picture)

    def write(temporary: Path) -> None:
        with temporary.open("x+b") as file:
            _write(file, suffix, picture, quality)

    replace_picture(path, write)


def refuse(path: Path, picture: Picture) -> None:
    """Raises UserError if a file of this name cannot hold the picture."""
    suffix = path.suffix.lower()
    height, width, channels = picture.pixels.shape
    if suffix == ".gif":
        raise UserError(f"{path}: GIF holds only 256 colours, write .png instead")
    if suffix not in WRITE_SUFFIXES:
        raise UserError(
            f"{path}: cannot write a file ending in {suffix or 'nothing'!r}, "
            f"expected one of {' '.join(WRITE_SUFFIXES)}"
        )
    if picture.alpha is not None and suffix not in ALPHA_SUFFIXES:
        raise UserError(
            f"{path}: the picture has transparency, which {suffix} cannot hold; "
            f"write .png, .tif or .webp"
        )
    if channels not in (1, 3):
        raise UserError(f"{path}: {channels} channels, of which {suffix} can hold 1 or 3")
    most = _SIDES.get(suffix)
    if most is not None and max(height, width) > most:
        raise UserError(
            f"{path}: {width}x{height}, but {suffix} holds at most {most} pixels along a side; "
            "write .png or .tif"
        )


def losses(path: Path, picture: Picture) -> list[str]:
    """Says what of a picture a file of this name will not keep, though it can be written."""
    suffix = path.suffix.lower()
    found = list(picture.notes)
    if picture.pixels.dtype == np.uint16 and suffix not in (*_TIFF, ".png"):
        found.append(f"its 16 bits become 8 in {suffix}")
    lost = picture.metadata.lost_in(suffix)
    if picture.icc_profile is not None and suffix == ".bmp":
        lost.append("the colour profile")
    if lost:
        found.append(f"{', '.join(lost)}: {suffix} does not hold this")
    return found


def replace_picture(path: Path, write: Callable[[Path], object]) -> None:
    """Replaces a picture file whole or not at all; see `kdae.files.replace_file`.

    Raises:
        UserError: If it cannot be written.
    """
    try:
        replace_file(path, write)
    except (OSError, ValueError, MemoryError, RuntimeError, struct.error) as error:
        if isinstance(error, UserError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be written ({reason})") from error


def list_images(path: str | os.PathLike[str]) -> list[Path]:
    """Lists the picture files of a file, a folder or a glob pattern, sorted by path.

    Args:
      path: a file (taken as it is); a folder (searched with its subfolders for
        `IMAGE_SUFFIXES`); or a pattern with `*`, `?`, `[...]` or `**`.

    Raises:
      UserError: if the path does not exist or holds no picture.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found: Iterable[Path] = path.rglob("*")
    elif glob.has_magic(str(path)):
        found = map(Path, glob.glob(str(path), recursive=True))
    else:
        raise UserError(f"{path}: no such file or folder")
    # Hidden files are skipped: macOS leaves "._name.jpg", which are not pictures.
    names = [
        name
        for name in found
        if name.suffix.lower() in IMAGE_SUFFIXES and name.name[0] != "." and name.is_file()
    ]
    if not names:
        where = "matches this pattern" if not path.is_dir() else "in this folder"
        raise UserError(f"{path}: no picture {where} ({' '.join(IMAGE_SUFFIXES)})")
    return sorted(names)


def _upright(picture: Picture, orientation: int) -> Picture:
    """Applies an EXIF orientation; an unknown one leaves the picture as it is."""
    colours, alpha = picture.pixels, picture.alpha
    metadata = picture.metadata
    if orientation in range(2, 9):
        colours = turned(colours, orientation)
        alpha = None if alpha is None else turned(alpha, orientation)
        metadata = metadata.upright()
    return dataclasses.replace(
        picture,
        pixels=np.ascontiguousarray(colours),
        alpha=None if alpha is None else np.ascontiguousarray(alpha),
        metadata=metadata,
    )


def _write(file: IO[bytes], suffix: str, picture: Picture, quality: int | None) -> None:
    """Encodes the picture into an open file, in the format of the suffix."""
    if picture.pixels.dtype == np.uint16 and suffix not in (*_TIFF, ".png"):
        alpha = picture.alpha
        picture = dataclasses.replace(
            picture,
            pixels=_eight_bit(picture.pixels),
            alpha=None if alpha is None else _eight_bit(alpha),
        )
    if suffix in _TIFF:
        tiff_pages.write(file, picture)
    else:
        extras.prepare_suffix(suffix)
        pillow.write(file, suffix, picture, quality)


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """Rounds uint16 to uint8: 65535 / 255 = 257."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def encode(pixels: np.ndarray) -> bytes:
    """Encodes [H, W, 1 or 3] uint8 or uint16 as a PNG file."""
    if pixels.dtype == np.uint16:
        return png.encode16(pixels)
    file = io.BytesIO()
    pillow.write(file, ".png", Picture(pixels))
    return file.getvalue()


def decode(file: bytes) -> np.ndarray:
    """Decodes a PNG file to [H, W, C] uint8 or uint16.

    Raises:
        UserError: it is none, or broken.
    """
    try:
        picture, _ = pillow.read(io.BytesIO(file), file[:26], MAX_PIXELS)
    except Exception as error:  # decoders raise whatever they stumble over
        raise UserError(f"not a PNG file, or a broken one ({error})") from error
    if picture.alpha is None:
        return picture.pixels
    return np.concatenate([picture.pixels, picture.alpha[..., None]], axis=-1)
