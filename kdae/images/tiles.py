"""Cuts pictures into tiles with context, so that their results are those of the whole."""

from itertools import count, pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """One tile along an axis: `start` to `stop`, run with context from `low` to `high`."""

    start: int
    stop: int
    low: int
    high: int


def spans(length: int, multiple: int, tile: int, halo: int) -> list[Span]:
    """Cuts an axis into as few tiles as possible, all of the same size with their context.

    Args:
        length: of the picture, in pixels; it is continued to the next multiple.
        multiple: what every bound is a multiple of.
        tile: largest size of a tile, to which `halo` is added on both sides; rounded up to a
            multiple. A tile at an end of the axis needs context on one side only, so it may
            be larger by `halo`.
        halo: context on each side, a multiple of `multiple`; cut off where the (continued)
            picture ends.
    """
    size = _up(tile, multiple) + 2 * halo
    return _cut(length, multiple, _parts(length, multiple, size, halo), halo)


def grid(
    height: int, width: int, multiple: int, area: int, halo: int
) -> tuple[list[Span], list[Span]]:
    """Cuts a picture into the tiles that need the least work, their context included.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        multiple: what every bound is a multiple of.
        area: most pixels of a tile with its context. A tile with a single `multiple` between
            its halos is made even if it has more.
        halo: context on each side, a multiple of `multiple`.

    Returns:
        The spans of the rows and those of the columns. All tiles have the same size.
    """
    least = 2 * halo + multiple
    area, whole = max(area, least**2), _up(width, multiple)
    best: tuple[int, int, int] | None = None
    for rows in count(1):
        high = _size(height, multiple, rows, halo)
        if best and rows * high * whole >= best[0]:
            break
        wide = area // high // multiple * multiple
        if wide >= min(least, whole):
            columns = _parts(width, multiple, wide, halo)
            work = rows * high * columns * _size(width, multiple, columns, halo)
            best = min(best or (work, rows, columns), (work, rows, columns))
        if high <= least:
            break
    assert best is not None
    return _cut(height, multiple, best[1], halo), _cut(width, multiple, best[2], halo)


def _parts(length: int, multiple: int, size: int, halo: int) -> int:
    """The fewest tiles of at most this size with context, a multiple, that cover an axis."""
    end = _up(length, multiple)
    return 1 if end <= size else -(-(end - 2 * halo) // (size - 2 * halo))


def _cut(length: int, multiple: int, parts: int, halo: int) -> list[Span]:
    """Cuts an axis into so many tiles of one size, spread evenly."""
    end, size = _up(length, multiple), _size(length, multiple, parts, halo)
    spare = (end - size) // multiple
    lows = [multiple * (spare * part // max(parts - 1, 1)) for part in range(parts)]
    cuts = [0, *(low + halo for low in lows[1:]), end]
    return [
        Span(start, stop, low, low + size)
        for (start, stop), low in zip(pairwise(cuts), lows, strict=True)
    ]


def _size(length: int, multiple: int, parts: int, halo: int) -> int:
    """Size of each of so many tiles, with context: neighbours overlap by two halos."""
    return _up(-(-(_up(length, multiple) + 2 * halo * (parts - 1)) // parts), multiple)


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
