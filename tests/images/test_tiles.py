from itertools import pairwise

import pytest

from kdae.images import Span, spans


def test_spans_by_hand() -> None:
    # 10 pixels become 12 = 3 units of 4; tiles of at most 8 make 2 parts: 4 and 8.
    assert spans(10, 4, 8, 4) == [Span(0, 4, 0, 8), Span(4, 12, 0, 12)]
    assert spans(1, 8, 512, 56) == [Span(0, 8, 0, 8)]
    assert spans(32, 8, 9, 8) == [Span(0, 16, 0, 24), Span(16, 32, 8, 32)]


@pytest.mark.parametrize("length", [1, 7, 8, 63, 64, 65, 1000])
@pytest.mark.parametrize("tile", [1, 8, 20, 64, 5000])
def test_spans_cover_the_axis_once(length: int, tile: int) -> None:
    cut = spans(length, 8, tile, 24)
    assert cut[0].start == 0
    assert 0 <= cut[-1].stop - length < 8
    assert all(a.stop == b.start for a, b in pairwise(cut))
    limit = -(-tile // 8) * 8
    for span in cut:
        assert 0 < span.stop - span.start <= limit
        assert all(bound % 8 == 0 for bound in span)
        assert span.low == max(span.start - 24, 0)
        assert span.high == min(span.stop + 24, cut[-1].stop)
