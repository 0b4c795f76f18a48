import numpy as np
import pytest
import tensorflow as tf

from kdae.noise.grain import grain
from tests.noise.measures import autocorrelation, channel_correlations, many

SEED = tf.constant([3, 5])


def test_grain_has_the_strength_and_the_blur_asked_for() -> None:
    image = np.full([256, 256, 3], 0.5, np.float32)
    (noise,) = many(image, {"grain": {"sigma": 8, "smooth": 1, "colourless": 1}}, 1)
    assert noise[..., 0].std() == pytest.approx(8, rel=0.03)
    lag = autocorrelation(noise[np.newaxis, ..., 0], (1,))
    assert lag == pytest.approx(np.exp(-1 / 4), abs=0.03)
    np.testing.assert_array_equal(noise, np.repeat(noise[..., :1], 3, -1))


def test_the_channels_own_grain_lowers_their_correlation() -> None:
    image = np.full([128, 128, 3], 0.5, np.float32)
    spec = {"grain": {"sigma": 8, "smooth": 0, "colour": 0.5, "colourless": 0}}
    pairs = channel_correlations(many(image, spec, 4))
    # A common field of variance 1 and own ones of 1/4: 1 / 1.25.
    assert pairs == pytest.approx(0.8, abs=0.03)


def test_by_default_the_channels_are_nearly_alike() -> None:
    pairs = channel_correlations(many(np.full([64, 64, 3], 0.5, np.float32), "grain", 60))
    assert pairs.min() > 0.6 and 0.3 < (pairs[:, 0] > 1 - 1e-5).mean() < 0.6


def test_grain_is_weaker_in_black_and_white() -> None:
    ramp = np.zeros([128, 128, 1], np.float32) + np.linspace(0, 1, 128)[:, np.newaxis]
    noises = many(
        ramp.astype(np.float32), {"grain": {"sigma": 8, "smooth": 0, "middle": 1}}, 30
    )
    assert noises[:, :, :1].std() == 0 and noises[:, :, -1:].std() < 1e-3
    assert noises[:, :, 62:66].std() == pytest.approx(8, rel=0.03)


def test_a_grey_picture_stays_one_channel() -> None:
    assert grain(tf.fill([32, 40, 1], 0.5), SEED).shape == (32, 40, 1)
