"""Makes files that could harm a server: of every kind, mutated, and decompression bombs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
PICTURE, REFUSED = "picture", "expected a PNG or JPEG file"


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    """Returns a file in a format of Pillow."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def drawn(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Returns a picture of gradients and noise."""
    generator = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(height), 2 * np.arange(width))[..., None] % 200
    values = ramp + generator.integers(0, 56, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8)).convert(mode)


def chunk(name: bytes, data: bytes) -> bytes:
    """Returns a chunk of a PNG file."""
    return (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    )


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    """Returns a PNG file of compressed rows. `more` are chunks in front of them."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + b"".join(more)
    return PNG + chunks + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """Returns compressed zero bytes without holding all of them in memory."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(2**20, count - at))) for at in range(0, count, 2**20)]
    return b"".join(parts) + packer.flush()


def png16(width: int, height: int, channels: int) -> bytes:
    """Returns a 16-bit PNG file of noise."""
    values = np.random.default_rng(0).integers(0, 65536, (height, width * channels), np.uint16)
    rows = b"".join(b"\0" + row.tobytes() for row in values.astype(">u2"))
    return png(width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], zlib.compress(rows))


def kinds() -> dict[str, tuple[bytes, str]]:
    """Returns files by name, each with its result: `PICTURE`, or a part of the error."""
    frames = [drawn(20, 20), drawn(20, 20).transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    several = {"save_all": True, "append_images": frames[1:]}
    jpeg, whole = saved(drawn(40, 30), "JPEG"), saved(drawn(40, 30), "PNG")
    pictures = {
        "1x1": saved(drawn(1, 1), "PNG"),
        "1x100000": saved(drawn(1, 100_000), "PNG"),
        "100000x1": saved(drawn(100_000, 1), "PNG"),
        "1x1 jpeg": saved(drawn(1, 1), "JPEG"),
        "1x65500 jpeg": saved(drawn(1, 65_500), "JPEG"),
        "cmyk": saved(drawn(30, 20, "CMYK"), "JPEG"),
        "ycck progressive": saved(drawn(30, 20, "CMYK"), "JPEG", progressive=True),
        "grey jpeg": saved(drawn(30, 20, "L"), "JPEG"),
        "palette": saved(drawn(30, 20, "P"), "PNG"),
        "one bit": saved(drawn(30, 20, "1"), "PNG"),
        "transparent": saved(drawn(30, 20, "RGBA"), "PNG"),
        "animated png": saved(frames[0], "PNG", **several),
        "junk behind a png": whole + b"junk" * 1000,
        "junk behind a jpeg": jpeg + b"junk" * 1000,
        **{f"16 bit, {n} channels": png16(30, 20, n) for n in (1, 2, 3, 4)},
    }
    others = {
        "empty": b"",
        "one byte": b"\x89",
        "signature alone": PNG,
        "zeros": bytes(10_000),
        "text": b"Hello",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "json": b'{"image": 1}',
        "pdf": b"%PDF-1.7\n",
        "elf": b"\x7fELF" + bytes(100),
        "zip": b"PK\3\4" + bytes(100),
        "gif": saved(frames[0], "GIF"),
        "animated gif": saved(frames[0], "GIF", **several),
        "webp": saved(frames[0], "WEBP"),
        "animated webp": saved(frames[0], "WEBP", **several),
        "bmp": saved(frames[0], "BMP"),
        "tiff": saved(frames[0], "TIFF"),
    }
    broken = {
        **{f"png cut at {at}": whole[:at] for at in range(33, len(whole) - 30, 97)},
        "0 pixels": (png(0, 10, 8, 2, zlib.compress(b""))),
        "no such depth": png(10, 10, 3, 2, zlib.compress(bytes(310))),
        "no such colour": png(10, 10, 8, 5, zlib.compress(bytes(310))),
        "too few rows": png(10, 10, 8, 2, zlib.compress(bytes(100))),
    }
    cut = {f"jpeg cut at {at}": jpeg[:at] for at in range(3, len(jpeg) - 30, 97)}
    return {
        **{name: (file, PICTURE) for name, file in pictures.items()},
        **{name: (file, REFUSED) for name, file in others.items()},
        **{name: (file, "Invalid PNG") for name, file in broken.items()},
        **{name: (file, "Invalid JPEG") for name, file in cut.items()},
    }


def bombs(max_pixels: int) -> dict[str, tuple[bytes, str]]:
    """Returns small files that decode to large pictures, in the form of `kinds`.

    Args:
        max_pixels: The number of pixels of the largest picture that the server accepts.
    """
    side = int(max_pixels**0.5)
    large = f"more than the {max_pixels} pixels"
    packed = zlib.compress(b"\0" + bytes(30))
    profile, text = b"profile\0\0" + zeros(2**28), b"Comment\0\0" + zeros(2**28)
    jpeg = bytearray(saved(drawn(40, 30), "JPEG"))
    frame = jpeg.index(b"\xff\xc0") + 5  # height and width
    claims = {
        f"jpeg says {n}x{n}": bytes(jpeg[:frame] + struct.pack(">HH", n, n) + jpeg[frame + 4 :])
        for n in (5_000, 65_500)
    }
    return {
        "one bit, 30000x30000": (png(30_000, 30_000, 1, 0, zeros(3_751 * 30_000)), large),
        "says 2147483647x2147483647": (png(2**31 - 1, 2**31 - 1, 8, 2, packed), large),
        "says 1x2147483647": (png(1, 2**31 - 1, 8, 2, packed), large),
        "says 5000x5000": (png(5_000, 5_000, 8, 2, packed), "Invalid PNG"),
        "256 MB of profile": (
            png(1, 1, 8, 2, zlib.compress(bytes(4)), chunk(b"iCCP", profile)),
            "",
        ),
        "256 MB of text": (png(1, 1, 8, 2, zlib.compress(bytes(4)), chunk(b"zTXt", text)), ""),
        "256 MB of rows": (png(10, 10, 8, 2, zeros(2**28)), ""),
        "jpeg says 5000x5000": (claims["jpeg says 5000x5000"], PICTURE),
        "jpeg says 65500x65500": (claims["jpeg says 65500x65500"], large),
        f"{side}x{side}, all there": (
            png(side, side, 1, 0, zeros((-(-side // 8) + 1) * side)),
            PICTURE,
        ),
    }


def mutated(count: int) -> Iterator[bytes]:
    """Returns the same PNG and JPEG files on every call, with bytes changed, added or removed.

    Every second PNG gets correct checksums again, so that a later stage finds its faults.
    """
    images = [drawn(48, 64, mode) for mode in ("RGB", "L", "P", "RGBA")]
    originals = [saved(image, "PNG") for image in images] + [png16(48, 64, 3)]
    originals += [saved(images[0], "JPEG"), saved(images[1], "JPEG", progressive=True)]
    originals += [saved(images[0].convert("CMYK"), "JPEG")]
    for number in range(count):
        generator = np.random.default_rng(number)
        data = bytearray(originals[number % len(originals)])
        for _ in range(int(generator.integers(1, 4))):
            at = int(len(data) ** generator.random())  # most harm is done near the head
            length = int(generator.integers(1, 64))
            match int(generator.integers(5)):
                case 0:
                    data[at : at + 1] = generator.bytes(1)
                case 1:
                    data[at:at] = generator.bytes(length)
                case 2:
                    del data[at : at + length]
                case 3:
                    data[at:at] = data[at : at + length]
                case 4:
                    bit = int(generator.integers(8))
                    data[at - 1] ^= 1 << bit
        yield with_checksums(bytes(data)) if number % 2 and data[:8] == PNG else bytes(data)


def with_checksums(data: bytes) -> bytes:
    """Corrects the checksums of a PNG file, as far as its chunks can be found."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        out += chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return out + data[at:]
