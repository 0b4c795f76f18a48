from collections.abc import Sequence
from itertools import pairwise

import pytest

from kdae.images import Span, grid, spans


def test_spans_by_hand() -> None:
    # 10 pixels become 12, which fit into a tile of 8 with a halo on each side.
    assert spans(10, 4, 8, 4) == [Span(0, 12, 0, 12)]
    assert spans(1, 8, 512, 56) == [Span(0, 8, 0, 8)]
    # 48 pixels in two tiles of 32, which overlap by two halos of 8.
    assert spans(48, 8, 16, 8) == [Span(0, 24, 0, 32), Span(24, 48, 16, 48)]
    assert spans(40, 8, 9, 8) == [Span(0, 16, 0, 32), Span(16, 40, 8, 40)]


def check(cut: Sequence[Span], length: int, multiple: int, halo: int) -> None:
    """The axis is covered once, by tiles of one size with enough context."""
    assert cut[0].start == 0
    assert 0 <= cut[-1].stop - length < multiple
    assert all(a.stop == b.start for a, b in pairwise(cut))
    assert len({span.high - span.low for span in cut}) == 1
    for span in cut:
        assert span.start < span.stop
        assert all(bound % multiple == 0 for bound in span)
        assert 0 <= span.low <= max(span.start - halo, 0)
        assert min(span.stop + halo, cut[-1].stop) <= span.high <= cut[-1].stop
    # Filled in place from above, a tile must find its context kept: exactly a halo.
    assert all(span.start - span.low == halo for span in cut[1:])


@pytest.mark.parametrize("length", [1, 7, 8, 63, 64, 65, 1000])
@pytest.mark.parametrize("tile", [1, 8, 20, 64, 5000])
def test_spans_cover_the_axis_once(length: int, tile: int) -> None:
    cut = spans(length, 8, tile, 24)
    check(cut, length, 8, 24)
    limit = -(-tile // 8) * 8 + 2 * 24
    assert all(span.high - span.low <= limit for span in cut)
    # One tile fewer would be larger.
    assert len(cut) == 1 or (len(cut) - 1) * (limit - 48) + 48 < -(-length // 8) * 8


@pytest.mark.parametrize("size", [(1, 1), (9, 300), (512, 512), (3000, 4000), (50, 20_000)])
@pytest.mark.parametrize("area", [1, 10_000, 1 << 20])
def test_a_grid_of_tiles_no_larger_than_allowed(size: tuple[int, int], area: int) -> None:
    rows, columns = grid(*size, 4, area, 32)
    check(rows, size[0], 4, 32)
    check(columns, size[1], 4, 32)
    assert rows[0].high * columns[0].high <= max(area, 68 * 68)


def test_a_grid_is_that_with_the_least_work() -> None:
    def work(rows: Sequence[Span], columns: Sequence[Span]) -> int:
        return len(rows) * rows[0].high * len(columns) * columns[0].high

    area = 300 * 300
    found = work(*grid(700, 1000, 4, area, 32))
    tried = [
        (spans(700, 4, high, 32), spans(1000, 4, wide, 32))
        for high in range(4, 700, 4)
        for wide in range(4, 1000, 4)
    ]
    fitting = [cut for cut in tried if cut[0][0].high * cut[1][0].high <= area]
    assert found == min(work(*cut) for cut in fitting)
    assert grid(512, 512, 4, 512 * 512, 32) == ([Span(0, 512, 0, 512)],) * 2
