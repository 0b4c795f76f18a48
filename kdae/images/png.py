"""PNG files: their chunks, 16 bits per value (which Pillow cuts down to 8), and animations.

Source of the format: Portable Network Graphics, third edition (W3C, 2025).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

import imagecodecs
import numpy as np

from kdae.errors import UserError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH = 24  # byte of the file: behind the signature, chunk header, width and height
_HEADER_END = 33
_LEVEL = 4


def is_png16(head: bytes) -> bool:
    """Tells from the first 26 bytes of a file whether it is a PNG of 16 bits."""
    return head.startswith(SIGNATURE) and head[_DEPTH : _DEPTH + 1] == b"\x10"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the name and the content of each whole chunk of a PNG file."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        if place + 12 + size > len(data):
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += 12 + size


def chunk(name: bytes, content: bytes) -> bytes:
    """Returns a chunk with its size and its check sum."""
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


class Inserting(io.RawIOBase):
    """Passes a PNG on to a file and puts chunks behind its header.

    Args:
        file: Open for writing.
        inserted: Name and content of each chunk.
    """

    def __init__(self, file: IO[bytes], inserted: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._file = file
        self._inserted = b"".join(chunk(*each) for each in inserted)
        self._head = b""

    def writable(self) -> bool:
        """Tells that it can be written to."""
        return True

    def write(self, data: object) -> int:
        """Takes the next bytes of the PNG."""
        given = bytes(data)  # type: ignore[call-overload]
        if self._inserted:
            self._head += given
            if len(self._head) >= _HEADER_END:
                head, rest = self._head[:_HEADER_END], self._head[_HEADER_END:]
                self._file.write(head + self._inserted + rest)
                self._inserted = b""
        else:
            self._file.write(given)
        return len(given)


def decode16(data: bytes) -> np.ndarray:
    """Decodes a PNG file of 16 bits.

    Returns:
        uint16 `[H, W, C]` with the channels of the file: 1 (grey), 2 (grey and alpha), 3 (RGB)
        or 4 (RGB and alpha). A colour that stands for transparency becomes alpha.

    Raises:
        UserError: If the file is broken or cut short.
    """
    try:
        samples = imagecodecs.png_decode(data)
    except imagecodecs.PngError:
        raise UserError("broken or cut short") from None
    return samples.reshape(*samples.shape[:2], -1)


def encode16(samples: np.ndarray) -> bytes:
    """Encodes uint16 `[H, W, C]`, C = 1 to 4 as for `decode16`, as a PNG file."""
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(samples), level=_LEVEL))


def frame_times(data: bytes) -> tuple[int, bool, list[tuple[int, int]]]:
    """Reads how an animated PNG is played.

    Returns:
        How often it is played (0: for ever); whether its first picture is not part of the
        animation, but what viewers without animation show; the delay of each frame in seconds,
        as numerator and denominator.
    """
    plays, apart, seen = 0, False, False
    delays: list[tuple[int, int]] = []
    for name, content in chunks(data):
        if name == b"acTL" and len(content) == 8:
            (plays,) = struct.unpack_from(">I", content, 4)
        elif name == b"fcTL" and len(content) == 26:
            delays.append(struct.unpack_from(">HH", content, 20))
        elif name == b"IDAT" and not seen:
            seen, apart = True, not delays
    return plays, apart, delays


def write_animation(
    file: IO[bytes],
    frames: Iterable[bytes],
    delays: list[tuple[int, int]],
    plays: int,
    apart: bool,
    inserted: Iterable[tuple[bytes, bytes]],
) -> None:
    """Writes an animated PNG, frame by frame.

    Args:
        file: Open for writing.
        frames: Each a PNG file, all of one size and kind.
        delays: See `frame_times`.
        plays: See `frame_times`.
        apart: See `frame_times`. The first frame is then the picture apart.
        inserted: Chunks that stand before the pixels.
    """
    number = 0
    times = iter(delays)
    for index, frame in enumerate(frames):
        content = list(chunks(frame))
        header = content[0][1]
        if index == 0:
            file.write(SIGNATURE + chunk(b"IHDR", header))
            file.write(chunk(b"acTL", struct.pack(">II", len(delays), plays)))
            file.write(b"".join(chunk(*each) for each in inserted))
        if not (apart and index == 0):
            control = struct.pack(">I", number) + header[:8] + bytes(8)
            file.write(
                chunk(b"fcTL", control + struct.pack(">HHBB", *next(times, (0, 1)), 0, 0))
            )
            number += 1
        for name, data in content:
            if name != b"IDAT":
                continue
            if index == 0:
                file.write(chunk(b"IDAT", data))
            else:
                file.write(chunk(b"fdAT", struct.pack(">I", number) + data))
                number += 1
    file.write(chunk(b"IEND", b""))
