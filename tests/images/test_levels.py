"""Values of files that use a part of their type's range."""

import numpy as np
import pytest

from kdae.images import Picture, change
from kdae.images.levels import Levels, measure_levels


@pytest.mark.parametrize("levels", [Levels(1000.0, 2750.0), Levels(17.5, 63001.25)])
def test_every_value_of_16_bits_comes_back(levels: Levels) -> None:
    values = np.arange(65536, dtype=np.uint16)
    seen = levels.to_float(values)
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(levels.from_float(seen, np.uint16), values)


def test_low_and_high_are_0_and_1() -> None:
    seen = Levels(1000.0, 3000.0).to_float(np.array([1000, 2000, 3000, 5000], np.uint16))
    np.testing.assert_array_equal(seen, np.array([0, 0.5, 1, 2], np.float32))


def test_integers_are_rounded_and_clipped_and_floats_are_not() -> None:
    image = np.array([-0.5, 0.2504, 0.7501, 40.0], np.float32)
    levels = Levels(1000.0, 3000.0)
    np.testing.assert_array_equal(levels.from_float(image, np.uint16), [0, 1501, 2500, 65535])
    floats = levels.from_float(image, np.float64)
    assert floats.dtype == np.float64
    np.testing.assert_allclose(floats, [0, 1500.8, 2500.2, 81000], rtol=1e-6)


def test_levels_are_percentiles_of_all_arrays() -> None:
    # 10,001 values in order: the percentiles are at 10 and 9,990.
    whole = np.arange(1000, 11001, dtype=np.uint16)
    assert measure_levels([whole[5000:], whole[:5000]]) == pytest.approx((1010, 10990))


def test_what_has_no_levels() -> None:
    with pytest.raises(ValueError, match=r"expected one type.*uint16.*uint8"):
        measure_levels([np.zeros(4, np.uint8), np.zeros(4, np.uint16)])
    with pytest.raises(ValueError, match="nearly all are 7"):
        measure_levels([np.full(9, 7, np.uint8)])


def test_large_values_keep_their_digits() -> None:
    levels = Levels(4e9, 4e9 + 1000)
    values = np.arange(4_000_000_000, 4_000_001_000, dtype=np.uint32)
    assert np.ptp(np.diff(levels.to_float(values))) < 1e-6
    np.testing.assert_array_equal(levels.from_float(levels.to_float(values), np.uint32), values)
    floats = values + 0.25
    np.testing.assert_allclose(
        levels.from_float(levels.to_float(floats), np.float64), floats, rtol=0, atol=1e-4
    )


LEVELS = Levels(0.0, 1000.0)


class InUnits:
    """Takes what a denoiser with levels takes: adds 100 to all values but those of 0."""

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        assert pixels.dtype in (np.uint8, np.uint16, np.float64) and np.isfinite(pixels).all()
        pixels[pixels != 0] += 100
        return pixels


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, np.float16, np.float32])
def test_a_network_with_levels_gets_the_values_of_the_file(kind: type) -> None:
    values = np.array([[-5000, 0, 300, 32700]]).clip(0 if kind is np.uint16 else None)
    pixels: np.ndarray = values.astype(kind)[..., None]
    result = change(Picture(pixels.copy()), InUnits(), LEVELS).pixels
    assert result.dtype == kind
    expected = np.where(values == 0, 0, values + 100)
    if kind is np.int16:
        expected[0, 3] = 32767
    # Only float16 is coarser than this.
    np.testing.assert_allclose(result[..., 0], expected, atol=16 if kind is np.float16 else 0)


def test_what_is_not_finite_stays() -> None:
    pixels = np.array([[np.nan, np.inf, 7.0]], np.float32)[..., None]
    result = change(Picture(pixels), InUnits(), LEVELS).pixels[0, :, 0]
    np.testing.assert_array_equal(result, [np.nan, np.inf, 107])


def test_levels_of_coarse_floats_are_not_coarse() -> None:
    # Between 2048 and 4096 float16 has even numbers alone; the percentile is between two.
    values = np.arange(2048, 4096, 2).astype(np.float16)
    assert measure_levels([values]).low == pytest.approx(2048 + 0.001 * 2046, abs=1e-6)
