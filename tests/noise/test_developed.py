"""The statistics of noise that was measured in developed pictures are met.

What is expected are means over the JPEGs of five cameras (Canon 5D II, 600D and 80D, Nikon
D800, Sony): shots less the mean of many shots, in flat parts.
"""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kdae.noise.developed import developed
from tests.noise.measures import (
    YCC,
    autocorrelation,
    channel_correlations,
    many,
    slopes,
    without_slow,
)

SEED = tf.constant([3, 5])
LAGS = (1, 2, 3, 4, 6)
PLAIN: dict[str, Any] = {
    **{"sigma": 5, "smooth": 0, "wide": 0, "colour": 0.5, "smooth_colour": 2},
    **{"colourless": 0, "edges": 0, "tilt": 0, "sharpen": 0},
}


@pytest.fixture(scope="module")
def in_files() -> np.ndarray:
    coloured = {"developed": {"colour": [0.3, 1.3], "colourless": 0}}
    noises = many(slopes(128), [coloured, {"jpeg": {"quality": [75, 95]}}], 60)
    return without_slow(noises)


def test_brightness_and_colour_are_as_wide_as_in_cameras_files(in_files: np.ndarray) -> None:
    planes = in_files @ YCC
    brightness = autocorrelation(planes[..., 0], LAGS)
    np.testing.assert_allclose(brightness, [0.57, 0.17, 0.1, 0.09, 0.05], atol=0.11)
    assert (brightness > 0).all()
    colour = autocorrelation(planes[..., 1], LAGS)
    np.testing.assert_allclose(colour, [0.9, 0.79, 0.65, 0.51, 0.28], atol=0.11)


def test_channels_are_as_correlated_as_in_cameras_files() -> None:
    noises = many(slopes(96), "developed", 80)
    pairs = channel_correlations(noises)
    # Cameras: from .54 to .80 in the mean over a camera; single pictures from 0 to 1.
    assert ((pairs.mean(0) > 0.54) & (pairs.mean(0) < 0.8)).all()
    assert (np.percentile(pairs, 10) < 0.45) and pairs.max() > 1 - 1e-5
    levels = (noises @ YCC)[..., 0].std((1, 2))
    assert np.percentile(levels, 10) < 2.5 and np.percentile(levels, 90) > 7


def test_each_parameter_does_what_it_says() -> None:
    image = tf.fill([256, 256, 3], 0.5)

    def planes(**changes: Any) -> np.ndarray:
        noisy = developed(image, SEED, **(PLAIN | changes)).numpy()
        return (noisy - 0.5) * 255 @ YCC

    plain = planes()
    assert plain[..., 0].std() == pytest.approx(5, rel=0.02)
    # The two colours differ by up to a fifth, in opposite directions.
    assert plain[..., 1:].std((0, 1)).mean() == pytest.approx(2.5, rel=0.1)
    assert autocorrelation(plain[np.newaxis, ..., 0], (1,)) == pytest.approx(0, abs=0.02)
    # A blur by sigma gives exp(-lag^2 / 4 sigma^2).
    smooth = planes(smooth=1)[np.newaxis, ..., 0]
    assert autocorrelation(smooth, (1,)) == pytest.approx(np.exp(-1 / 4), abs=0.03)
    wide = planes(wide=0.25, wide_smooth=3)[np.newaxis, ..., 0]
    assert autocorrelation(wide, (1,)) == pytest.approx(0.25 * np.exp(-1 / 36), abs=0.05)
    assert wide.std() == pytest.approx(5, rel=0.1)
    assert planes(sigma=10)[..., 0].std() == pytest.approx(10, rel=0.02)


def test_noise_is_stronger_at_edges_and_tilts_with_brightness() -> None:
    step = np.full([128, 128, 3], 0.25, np.float32)
    step[:, 64:] = 0.75
    noises = many(step, {"developed": PLAIN | {"edges": 1, "tilt": 0.4}}, 40)[..., 0]
    # At the step slope / (slope + 0.08) is more than a half.
    assert noises[:, :, 63:67].std() > 1.5 * noises[:, :, 20:40].std()
    # Brightness 1/4 gives 1 - 0.4 / 2, 3/4 gives 1 + 0.4 / 2.
    ratio = noises[:, 8:-8, 80:120].std() / noises[:, 8:-8, 8:50].std()
    assert ratio == pytest.approx(1.2 / 0.8, rel=0.05)


def test_without_colour_the_channels_are_equal_to_the_bit() -> None:
    grey = tf.repeat(tf.random.stateless_uniform([64, 64, 1], [1, 2]), 3, -1)
    for change in ({"colourless": 1.0}, {"colour": 0.0}):
        noisy = developed(grey, SEED, **change).numpy()
        assert np.abs(noisy - grey).max() > 0
        np.testing.assert_array_equal(noisy, np.repeat(noisy[..., :1], 3, -1))


def test_grey_pictures_get_the_same_brightness_as_grey_colour_ones() -> None:
    grey = tf.random.stateless_uniform([64, 64, 1], [1, 2])
    noisy = developed(grey, SEED, **PLAIN).numpy()
    coloured = developed(tf.repeat(grey, 3, -1), SEED, **PLAIN).numpy()
    np.testing.assert_allclose(noisy[..., 0], coloured @ YCC[:, 0], atol=1e-5)
