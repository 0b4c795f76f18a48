"""Cuts an axis into tiles with context, so that their results are those of the whole."""

from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """One tile along an axis: `start` to `stop`, run with context from `low` to `high`."""

    start: int
    stop: int
    low: int
    high: int


def spans(length: int, multiple: int, tile: int, halo: int) -> list[Span]:
    """Cuts an axis into tiles of nearly equal size, with context.

    Args:
        length: of the picture, in pixels; it is continued to the next multiple.
        multiple: what every bound is a multiple of.
        tile: size of a tile without context; rounded up to a multiple.
        halo: context on each side, a multiple of `multiple`; cut off where the (continued)
            picture ends.
    """
    units = -(-length // multiple)
    parts = -(-units // -(-tile // multiple))
    cuts = [multiple * (units * part // parts) for part in range(parts + 1)]
    return [
        Span(start, stop, max(start - halo, 0), min(stop + halo, cuts[-1]))
        for start, stop in pairwise(cuts)
    ]
