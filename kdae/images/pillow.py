"""Files of 8 bits per value, through Pillow, and PNG of 16 bits.

`kdae.images.tiff` has TIFF.
"""

import dataclasses
import io
import os
from typing import IO, Any

import numpy as np
from PIL import Image

from kdae.errors import UserError
from kdae.images import exif, extras, png
from kdae.images.metadata import Metadata, left_out, of_pillow, png_chunks, save_options
from kdae.images.pixels import Picture, too_large

# Opening nothing else keeps Pillow's less tested readers (and Ghostscript) out of reach.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "AVIF", "PPM", "JPEG2000", "QOI")
_BAND = 1 << 22  # pixels converted at a time: bounds the memory of a conversion
WRITER: dict[str, tuple[str, dict[str, Any]]] = {
    # 4 times as fast as Pillow's level 6, files 11 % larger: with that, writing would take a
    # quarter of the time that the model takes.
    ".png": ("PNG", {"compress_level": 2}),
    ".apng": ("PNG", {"compress_level": 2}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".bmp": ("BMP", {}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".avif": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
    ".heic": ("HEIF", {"quality": 95, "chroma": 444}),
    ".heif": ("HEIF", {"quality": 95, "chroma": 444}),
}


def read(file: IO[bytes], head: bytes, max_pixels: int) -> tuple[Picture, int]:
    """Reads a picture that Pillow can open, and 16-bit PNG.

    Args:
      file: open at its start.
      head: its first 26 bytes.
      max_pixels: largest width times height.

    Returns:
      The picture, uint8 or uint16, not turned yet, and its EXIF orientation.

    Raises:
      UserError: if the picture is too large or of a kind not supported.
      Exception: of any kind, from Pillow, if the file is broken.
    """
    is_png = head.startswith(png.SIGNATURE)
    with Image.open(file, formats=formats_of(head)) as image:
        if image.width * image.height > max_pixels:
            raise too_large(*image.size, max_pixels)
        # A 16-bit PNG is decoded here too, for nothing but its EXIF and the check for damage.
        image.load()
        profile = image.info.get("icc_profile")
        if is_png:
            file.seek(0)
        data = file.read() if is_png else None
        metadata = of_pillow(image, data)
        if data is not None and png.is_png16(head):
            samples = png.decode16(data)
        elif image.mode in ("I", "F", "I;16", "I;16B"):
            samples = _deep(image)
        else:
            _refuse_cut(image, file)
            if image.mode in ("CMYK", "LAB"):
                profile = None  # describes the colours before their conversion
            samples = samples_of(image)
        picture = split(samples, profile, metadata)
        notes = _notes(image, file)
        if names := left_out(image, data):
            notes += (f"{names} of the file {'are' if ',' in names else 'is'} left out",)
        return dataclasses.replace(picture, notes=notes), _orientation(image)


def formats_of(head: bytes) -> tuple[str, ...]:
    """Returns what Pillow may open a file as that begins with these bytes."""
    return ("HEIF",) if extras.is_heif(head) else FORMATS


def split(samples: np.ndarray, profile: bytes | None, metadata: Metadata) -> Picture:
    """Makes a picture of grey or RGB samples `[H, W, C]`, with alpha where C is 2 or 4."""
    if samples.shape[-1] % 2:
        return Picture(samples, None, profile, metadata)
    return Picture(samples[..., :-1], samples[..., -1], profile, metadata)


def pixel_count(path: str | os.PathLike[str]) -> int:
    """Reads width times height; raises whatever Pillow does if it cannot open the file."""
    with open(path, "rb") as file:
        head = file.read(26)
    with Image.open(path, formats=formats_of(head)) as image:
        return image.width * image.height


def write(file: IO[bytes], suffix: str, picture: Picture, quality: int | None = None) -> None:
    """Writes a picture of 1 or 3 channels in the format of a suffix other than TIFF's.

    Args:
      file: open for writing.
      suffix: of `WRITER`.
      picture: uint8; for PNG also uint16.
      quality: 1 to 100, for formats that lose something; None: 95, or lossless where the
        format can be.
    """
    name, options = WRITER[suffix]
    if quality is not None and name != "PNG":
        options = {**options, "quality": quality, "lossless": False}
    samples = joined(picture)
    if name == "PNG":
        inserted = png_chunks(picture.metadata, picture.icc_profile)
        if samples.dtype == np.uint16:
            png.Inserting(file, inserted).write(png.encode16(samples))
            return
        target: Any = png.Inserting(file, inserted)
        image_of(samples).save(target, format=name, **options)
        return
    options = {**options, **save_options(picture.metadata, picture.icc_profile, name)}
    image_of(samples).save(file, format=name, **options)


def joined(picture: Picture) -> np.ndarray:
    """Returns the samples of a picture with alpha behind the colours."""
    if picture.alpha is None:
        return picture.pixels
    return np.concatenate([picture.pixels, picture.alpha[..., None]], axis=-1)


def png_of(picture: Picture) -> bytes:
    """Returns a picture of 8 bits as a PNG file without metadata."""
    file = io.BytesIO()
    image_of(joined(picture)).save(file, format="PNG", **WRITER[".png"][1])
    return file.getvalue()


def image_of(samples: np.ndarray) -> Image.Image:
    """Returns uint8 `[H, W, C]`, C = 1 to 4, as Pillow's image."""
    samples = np.ascontiguousarray(samples)
    return Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)


def samples_of(image: Image.Image) -> np.ndarray:
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
    """Reads the orientation of EXIF or XMP, 1 to 8; a broken block counts as upright."""
    try:
        return int(image.getexif().get(exif.ORIENTATION, 1))
    except Exception:  # The parser raises whatever it stumbles over; the pixels are fine.
        return 1


def _bits(image: Image.Image, file: IO[bytes]) -> int:
    """Returns the bits per value of a HEIC or AVIF file, of which Pillow gives 8.

    Source of the flags: AV1 Codec ISO Media File Format Binding, section 2.3.3.
    """
    if image.format != "AVIF":
        return int(image.info.get("bit_depth", 8))
    file.seek(0)
    _, _, configuration = file.read(1 << 16).partition(b"av1C")
    flags = configuration[2] if len(configuration) > 2 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def _notes(image: Image.Image, file: IO[bytes]) -> tuple[str, ...]:
    """What of an opened file a picture of 8 bits, grey or RGB, does not have."""
    words = {
        "P": "its palette becomes RGB",
        "PA": "its palette becomes RGB",
        "1": "its 1 bit per value becomes 8",
        "CMYK": "CMYK becomes RGB, and its profile is left out",
        "LAB": "LAB becomes RGB, and its profile is left out",
    }
    found = [words[image.mode]] if image.mode in words else []
    further = int(getattr(image, "n_frames", 1)) - 1
    if (bits := _bits(image, file)) > 8:
        found.append(f"its {bits} bits per value become 8")
    if image.format == "MPO" and further:
        found.append(f"{further} further pictures (preview, depth or gain map) are left out")
    return tuple(found)


def _deep(image: Image.Image) -> np.ndarray:
    """Returns the samples of a grey picture of more than 8 bits, as uint16.

    Raises:
        UserError: If its values do not fit.
    """
    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise UserError(f"values of this kind ({image.mode}) are not supported")
    return values.astype(np.uint16)[..., None]


def _refuse_cut(image: Image.Image, file: IO[bytes]) -> None:
    """Raises UserError for 16-bit colour in formats where Pillow would cut it down to 8."""
    deep = False
    file.seek(0)
    if image.format == "JPEG2000":
        head = file.read(1 << 16)
        place = head.find(b"\xff\x4f\xff\x51")  # start of the code stream, size marker
        deep = place >= 0 and head[place + 42 : place + 43] > b"\x07"
    elif image.format == "PPM":
        fields = file.read(1 << 12).split()[:4]
        deep = fields[0] == b"P6" and fields[-1].isdigit() and int(fields[-1]) > 255
    if deep and image.mode not in ("I", "I;16", "I;16B"):
        raise UserError(f"{image.format} of more than 8 bits in colour is not supported")
