"""Floats and channels of pictures in memory."""

import numpy as np
import pytest

from kdae.images import (
    from_float,
    pixels,
    to_channels,
    to_float,
)
from tests.images.samples import ALPHA, RGB, with_alpha

# Values.


def test_floats_cover_the_range_exactly() -> None:
    np.testing.assert_array_equal(
        to_float(np.array([0, 51, 255], np.uint8)), np.array([0, 0.2, 1], np.float32)
    )
    np.testing.assert_array_equal(to_float(np.array([0, 65535], np.uint16)), [0, 1])
    assert to_float(np.zeros(1, np.uint16)).dtype == np.float32
    for dtype in (np.uint8, np.uint16):
        every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        np.testing.assert_array_equal(from_float(to_float(every), dtype), every)


def test_from_float_clips_and_rounds() -> None:
    values = np.array([-0.5, 0.49 / 255, 0.51 / 255, 1.0, 7.0])
    np.testing.assert_array_equal(from_float(values, np.uint8), [0, 0, 1, 255, 255])
    np.testing.assert_array_equal(from_float(values[2:], np.uint16), [131, 65535, 65535])


def test_values_of_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="int32"):
        to_float(np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="float32"):
        from_float(np.zeros(1, np.float32), np.float32)


def test_grey_is_rec_601_luma() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    # 0.299, 0.587 and 0.114 of 255: 76.2, 149.7, 29.1
    np.testing.assert_array_equal(to_channels(primaries, 1), [[[76], [150], [29], [255]]])
    deep = primaries.astype(np.uint16) * 257
    np.testing.assert_array_equal(to_channels(deep, 1), [[[19595], [38469], [7471], [65535]]])
    floats = to_channels(to_float(primaries), 1)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats[0, :, 0], [0.299, 0.587, 0.114, 1.0], rtol=1e-6)


def test_channels_that_fit_are_left_alone() -> None:
    assert to_channels(RGB, 3) is RGB
    grey = RGB[..., :1]
    np.testing.assert_array_equal(to_channels(grey, 3), np.concatenate([grey] * 3, -1))
    with pytest.raises(ValueError, match="got 4"):
        to_channels(with_alpha(RGB, ALPHA), 3)


def test_conversion_in_bands_has_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = to_channels(RGB, 1)
    monkeypatch.setattr(pixels, "_BAND", 7)
    np.testing.assert_array_equal(to_channels(RGB, 1), expected)
