"""Values of files that use a part of their type's range."""

import numpy as np
import pytest

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
