"""Reads and writes picture files.

Pillow reads 8-bit pictures (`kdae.images.pillow`). It cuts 16-bit colour down to 8 bits, so
16-bit PNG goes through TensorFlow and 16-bit TIFF through tifffile (`kdae.images.deep`).
"""

import glob
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from kdae.errors import UserError
from kdae.files import replace_file
from kdae.images import deep, pillow
from kdae.images.pixels import Picture

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
WRITE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
MAX_PIXELS = 400_000_000

# Pillow warns above this many pixels and refuses from twice as many, by default at 89 and
# 179 megapixels: less than some cameras and most scanners give.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_ALPHA_SUFFIXES = (".png", ".webp", ".tif", ".tiff")


def read_image(path: str | os.PathLike[str]) -> Picture:
    """Reads a PNG, JPEG, BMP, GIF, WebP or TIFF file of 8 or 16 bits.

    The EXIF orientation is applied, palettes are expanded, CMYK becomes RGB (its profile
    is dropped), one bit becomes grey 0 and 255; of an animation the first frame is read.

    Args:
      path: the file; its content, not its suffix, decides how it is read.

    Raises:
      UserError: naming the file, if it is missing, empty, truncated, not a picture, of an
        unsupported kind, or larger than `MAX_PIXELS`.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise UserError("the file is empty (0 bytes)")
        with path.open("rb") as file:
            head = file.read(26)
            file.seek(0)
            if deep.is_tiff16(file, head):
                samples, orientation, profile = deep.read_tiff(file, MAX_PIXELS)
            else:
                samples, orientation, profile = pillow.read(file, head, MAX_PIXELS)
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
        raise UserError(f"{path}: not a picture, or broken from its start") from None
    except Exception as error:
        # On a broken file the decoders raise whatever they stumble over: OSError,
        # SyntaxError, struct.error, zlib.error, KeyError, ...
        raise UserError(f"{path}: cannot be read, broken or cut short ({error})") from error
    upright = _upright(samples, orientation)
    colours = 3 if upright.shape[-1] >= 3 else 1
    return Picture(
        pixels=np.ascontiguousarray(upright[..., :colours]),
        alpha=np.ascontiguousarray(upright[..., -1]) if upright.shape[-1] > colours else None,
        icc_profile=profile,
    )


def pixel_count(path: str | os.PathLike[str]) -> int | None:
    """Reads width times height from a file's head; None where no such thing is found."""
    for count in (pillow.pixel_count, deep.pixel_count):
        try:
            return count(path)
        except Exception:  # of any kind; `read_image` will give the reason
            continue
    return None


def write_image(path: str | os.PathLike[str], picture: Picture) -> None:
    """Writes a picture in the format of the file's suffix, completely or not at all.

    PNG and TIFF keep 16 bits, the others get 8. PNG, TIFF and WebP keep alpha. All but
    JPEG (quality 95, colour at full resolution) are lossless. The colour profile goes with
    the picture, except into BMP.

    Args:
      path: where to; an existing file is replaced, in one step, once all is written.
      picture: what to write.

    Raises:
      UserError: if the suffix is not in `WRITE_SUFFIXES`, the format cannot hold the
        picture (alpha in JPEG or BMP, too large), or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".gif":
        raise UserError(f"{path}: GIF holds only 256 colours, write .png instead")
    if suffix not in WRITE_SUFFIXES:
        raise UserError(
            f"{path}: cannot write a file ending in {suffix or 'nothing'!r}, "
            f"expected one of {' '.join(WRITE_SUFFIXES)}"
        )
    if picture.alpha is not None and suffix not in _ALPHA_SUFFIXES:
        raise UserError(
            f"{path}: the picture has transparency, which {suffix} cannot hold; "
            f"write .png, .tif or .webp"
        )

    def write(temporary: Path) -> None:
        with temporary.open("xb") as file:
            _write(file, suffix, picture)

    try:
        replace_file(path, write)
    except (OSError, ValueError, MemoryError) as error:
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


def _upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Applies an EXIF orientation to [H, W, C]; an unknown one leaves it as it is."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def _write(file: IO[bytes], suffix: str, picture: Picture) -> None:
    """Encodes the picture into an open file, in the format of the suffix."""
    samples, alpha = picture.pixels, picture.alpha
    tiff = suffix in (".tif", ".tiff")
    if samples.dtype == np.uint16 and not tiff and suffix != ".png":
        samples, alpha = _eight_bit(samples), None if alpha is None else _eight_bit(alpha)
    if alpha is not None:
        samples = np.concatenate([samples, alpha[..., None]], axis=-1)
    if tiff:
        deep.write_tiff(file, samples, alpha is not None, picture.icc_profile)
    elif samples.dtype == np.uint16:
        file.write(deep.encode_png(samples, picture.icc_profile))
    else:
        pillow.write(file, suffix, samples, picture.icc_profile)


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """Rounds uint16 to uint8: 65535 / 255 = 257."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def encode(pixels: np.ndarray) -> bytes:
    """Encodes [H, W, 1 or 3] uint8 or uint16 as a PNG file."""
    if pixels.dtype == np.uint16:
        return deep.encode_png(pixels, None)
    file = io.BytesIO()
    pillow.write(file, ".png", np.ascontiguousarray(pixels), None)
    return file.getvalue()


def decode(file: bytes) -> np.ndarray:
    """Decodes a PNG file to [H, W, C] uint8 or uint16.

    Raises:
        UserError: it is none, or broken.
    """
    try:
        return pillow.read(io.BytesIO(file), file[:26], MAX_PIXELS)[0]
    except Exception as error:  # decoders raise whatever they stumble over
        raise UserError(f"not a PNG file, or a broken one ({error})") from error
