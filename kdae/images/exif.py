"""EXIF blocks: the orientation, the place, and the move between TIFF files and other formats.

An EXIF block is a small TIFF file without a picture. Where one entry changes, its bytes are
patched where they are: maker notes hold offsets that only fit the block as the camera wrote it.
Source of the format: TIFF 6.0, section 2, and CIPA DC-008 (EXIF 2.32), section 4.6.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
_LINKS = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
_WIDTH, _HEIGHT = 0xA002, 0xA003  # of the picture, in the EXIF directory
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_DEEPEST = 4  # directories in directories; a broken block may hold a loop

# What a TIFF says of its pixels, which an EXIF block has no use for.
STRUCTURAL = frozenset(
    [
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280),
        *(281, 284, 288, 289, 292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325),
        *(330, 332, 338, 339, 340, 341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521),
        *(529, 530, 531, 532, 700, 33723, 34377, 34675, 37724, 50838, 50839),
    ]
)


class Entry(NamedTuple):
    """An entry of a directory: `data` is in the block's byte order, or a directory."""

    code: int
    kind: int
    values: int
    data: bytes | list[Entry]


def parse(block: bytes) -> tuple[str, list[Entry]]:
    """Reads an EXIF block.

    Args:
        block: From its `II` or `MM` on.

    Returns:
        The byte order, `<` or `>`, and the entries of the first directory. Those that point
        outside the block are left out.

    Raises:
        ValueError: If it is no such block.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        raise ValueError("not an EXIF block")
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    return order, directory(block, order, start)


def directory(block: bytes | mmap, order: str, start: int, depth: int = 0) -> list[Entry]:
    """Reads a directory of an EXIF block or of a TIFF file with 4-byte offsets.

    Args:
        block: The whole block or file.
        order: Its byte order, `<` or `>`.
        start: Where the directory is.
        depth: In how many directories it lies.
    """
    entries: list[Entry] = []
    for _, place, code, size in _table(block, order, start):
        kind, count = struct.unpack_from(f"{order}HI", block, place + 2)
        (at,) = struct.unpack_from(f"{order}I", block, place + 8)
        if code in _LINKS:
            if depth < _DEEPEST:
                entries.append(Entry(code, 4, 1, directory(block, order, at, depth + 1)))
            continue
        data = block[place + 8 : place + 8 + size] if size <= 4 else block[at : at + size]
        if len(data) == size:
            entries.append(Entry(code, kind, count, data))
    return entries


def serialize(order: str, entries: list[Entry], start: int) -> bytes:
    """Writes a directory with all that it points at, to be placed at `start` of a file."""
    entries = sorted(entries)
    table = struct.pack(f"{order}H", len(entries))
    beyond = start + 2 + 12 * len(entries) + 4
    tail = b""
    for code, kind, count, data in entries:
        if isinstance(data, list):
            table += struct.pack(f"{order}HHII", code, 4, 1, beyond + len(tail))
            tail += serialize(order, data, beyond + len(tail))
        elif len(data) <= 4:
            table += struct.pack(f"{order}HHI", code, kind, count) + data.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}HHII", code, kind, count, beyond + len(tail))
            tail += data
        tail += b"\0" * (len(tail) % 2)
    return table + b"\0\0\0\0" + tail


def block_of(order: str, entries: list[Entry]) -> bytes:
    """Returns the EXIF block that holds these entries."""
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    return head + serialize(order, entries, 8)


def orientation_of(block: bytes | None) -> int:
    """Returns the orientation that an EXIF block tells; 1 (upright) where it tells none."""
    if block is None:
        return 1
    for order, place, code, _ in _entries(block):
        if code == ORIENTATION:
            return int(struct.unpack_from(f"{order}H", block, place + 8)[0])
    return 1


def upright(block: bytes) -> bytes:
    """Returns the block with orientation 1.

    If that is a change, the small preview in the block is unlinked, for it is not upright, and
    the two sides in the EXIF directory change places where the orientation is a quarter turn.
    """
    before = orientation_of(block)
    if before == 1:
        return block
    patched = bytearray(block)
    sides: dict[int, tuple[str, int]] = {}
    for order, place, code, _ in _entries(block):
        if code == ORIENTATION:
            struct.pack_into(f"{order}H", patched, place + 8, 1)
        if code in (_WIDTH, _HEIGHT):
            sides[code] = order, place
    order = "<" if block[:1] == b"I" else ">"
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    if start + 6 + 12 * count <= len(patched):
        struct.pack_into(f"{order}I", patched, start + 2 + 12 * count, 0)
    if before >= 5 and len(sides) == 2:
        one, other = (place for _, place in sides.values())
        patched[one + 2 : one + 12], patched[other + 2 : other + 12] = (
            patched[other + 2 : other + 12],
            patched[one + 2 : one + 12],
        )
    return bytes(patched)


def without_place(block: bytes) -> bytes:
    """Returns the block without the GPS directory: its link and all its values are erased."""
    patched = bytearray(block)
    for order, place, code, _ in _entries(block):
        if code != GPS_IFD:
            continue
        (start,) = struct.unpack_from(f"{order}I", block, place + 8)
        for _, inner, _, size in _table(block, order, start):
            if size > 4:
                (at,) = struct.unpack_from(f"{order}I", block, inner + 8)
                patched[at : at + size] = bytes(len(patched[at : at + size]))
            patched[inner : inner + 12] = bytes(12)
        if start + 2 <= len(patched):
            patched[start : start + 2] = b"\0\0"
    return bytes(patched)


def xmp_upright(packet: bytes) -> bytes:
    """Returns the XMP packet with `tiff:Orientation` 1."""
    return re.sub(rb"(tiff:Orientation(?:\s*=\s*[\"']|\s*>\s*))\d", rb"\g<1>1", packet)


def xmp_without_place(packet: bytes) -> bytes:
    """Returns the XMP packet without the properties `exif:GPS...`."""
    packet = re.sub(rb"\s+exif:GPS\w+\s*=\s*(\"[^\"]*\"|'[^']*')", b"", packet)
    return re.sub(rb"\s*<(exif:GPS\w+)\b[^>]*?(/>|>.*?</\1\s*>)", b"", packet, flags=re.DOTALL)


def _entries(block: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Byte order, place, code and size of the entries of the first and the EXIF directory."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    for entry in _table(block, order, start):
        yield entry
        if entry[2] == EXIF_IFD:
            (inner,) = struct.unpack_from(f"{order}I", block, entry[1] + 8)
            yield from _table(block, order, inner)


def _table(block: bytes | mmap, order: str, start: int) -> Iterator[tuple[str, int, int, int]]:
    if start + 2 > len(block):
        return
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for place in range(start + 2, min(start + 2 + 12 * count, len(block) - 11), 12):
        code, kind, values = struct.unpack_from(f"{order}HHI", block, place)
        if kind in _SIZES:
            yield order, place, code, _SIZES[kind] * values
