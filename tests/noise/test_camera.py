from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kdae.noise import camera as module
from kdae.noise.camera import camera, from_linear, to_linear
from kdae.noise.colour import LUMA
from tests.noise import measures

SEED = tf.constant([3, 5])
QUIET: dict[str, Any] = {"shot": 0, "read": 0, "jpeg": None}
# Nothing but sensor noise, demosaicking and the sRGB curve.
BARE: dict[str, Any] = {
    **{"red": 1, "blue": 1, "saturation": 1, "tone": 0, "smooth": 0, "smooth_colour": 0},
    "jpeg": None,
}


def smooth_picture(channels: int = 3) -> tf.Tensor:
    return tf.image.resize(tf.random.stateless_uniform([6, 6, channels], [1, 2]), [64, 70])


def flat(value: float, channels: int = 3) -> tf.Tensor:
    return tf.fill([256, 256, channels], value)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_srgb_curve() -> None:
    # IEC 61966-2-1: 0.04045 is where the line ends; ((0.5 + 0.055) / 1.055)^2.4 = 0.21404.
    display = tf.constant([0.0, 0.04045, 0.5, 1.0])
    light = [0.0, 0.04045 / 12.92, 0.2140411, 1.0]
    np.testing.assert_allclose(to_linear(display), light, rtol=1e-5)
    np.testing.assert_allclose(from_linear(tf.constant(light)), display, rtol=1e-5)


@pytest.mark.parametrize("tone", [1e-3, 0.5, 1.0])
def test_tone_curve_is_undone(tone: float) -> None:
    display = tf.linspace(0.0, 1.0, 1001)
    light = module._undevelop(display, tf.constant(tone))
    np.testing.assert_allclose(module._develop(light, tf.constant(tone)), display, atol=1e-6)
    # 0.25 becomes (1 - t) 0.25 + t (3 * 0.25^2 - 2 * 0.25^3), that is t 0.15625.
    curved = module._develop(to_linear(tf.constant(0.25)), tf.constant(tone))
    assert float(curved) == pytest.approx((1 - tone) * 0.25 + tone * 0.15625, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_no_noise_leaves_every_bit(channels: int) -> None:
    image = 1.2 * smooth_picture(channels) - 0.1  # what lies outside [0, 1] stays, too
    np.testing.assert_array_equal(camera(image, SEED, **QUIET), image)


def test_noise_variance_grows_with_the_shot_noise() -> None:
    variance = [
        np.var(camera(flat(0.5), SEED, shot=shot, read=0, **BARE) - 0.5)
        for shot in (1e-5, 4e-5, 1.6e-4)
    ]
    # The same draws, so the noise is just scaled, but for the bend of the curve.
    np.testing.assert_allclose(variance, variance[0] * np.array([1, 4, 16]), rtol=0.02)


def test_noise_has_the_variance_of_the_sensor_through_the_curve() -> None:
    display, shot, read = 0.5, 1e-4, 2e-5
    # d/dy of 1.055 y^(1/2.4) - 0.055 at the light of 0.5.
    slope = 1.055 / 2.4 * 0.2140411 ** (1 / 2.4 - 1)
    expected = (shot * 0.2140411 + read) * slope**2
    noise = camera(flat(display), SEED, shot=shot, read=read, **BARE) - display
    # A sensor pixel's own colour is not interpolated: one of four phases in red and blue.
    places = np.reshape(np.array(noise), [128, 2, 128, 2, 3]).var((0, 2))
    np.testing.assert_allclose(places[..., 0].max(), expected, rtol=0.05)
    np.testing.assert_allclose(places[..., 2].max(), expected, rtol=0.05)
    np.testing.assert_allclose(np.sort(places[..., 1].ravel())[-2:], expected, rtol=0.05)


def test_shot_noise_follows_the_light_and_read_noise_does_not() -> None:
    def light_variance(display: float, **noise: float) -> float:
        noisy = to_linear(camera(flat(display), SEED, **noise, **BARE))
        return float(np.var(noisy))

    dark, bright = 0.5, 0.735357  # light 0.214 and 0.5
    ratio = light_variance(bright, shot=1e-4, read=0) / light_variance(dark, shot=1e-4, read=0)
    assert ratio == pytest.approx(0.5 / 0.2140411, rel=0.03)
    ratio = light_variance(bright, shot=0, read=1e-5) / light_variance(dark, shot=0, read=1e-5)
    assert ratio == pytest.approx(1, rel=0.03)


def test_white_balance_makes_red_and_blue_noisier() -> None:
    gains = {**BARE, "red": 3, "blue": 2}
    grey = camera(flat(0.5), SEED, shot=0, read=1e-5, **BARE) - 0.5
    noise = camera(flat(0.5), SEED, shot=0, read=1e-5, **gains) - 0.5
    ratio = np.std(noise, (0, 1)) / np.std(grey, (0, 1))
    assert ratio[0] > 2 and ratio[2] > 1.5 and ratio[0] > ratio[2] > ratio[1] >= 0.99


def test_noise_is_correlated_between_neighbours_and_not_far_away() -> None:
    for seed in range(4):
        noise = camera(flat(0.5), tf.constant([seed, 1]), shot=1e-4, read=0, **BARE) - 0.5
        noise = np.array(noise)
        for channel in (0, 2):
            plane = noise[..., channel]
            assert correlation(plane[:, 1:], plane[:, :-1]) > 0.2
            assert correlation(plane[1:], plane[:-1]) > 0.2
            assert abs(correlation(plane[:, 9:], plane[:, :-9])) < 0.03


def test_saturation_makes_noise_more_colourful() -> None:
    def colour(saturation: float) -> float:
        settings = {**BARE, "saturation": saturation}
        noise = camera(flat(0.5), SEED, shot=0, read=1e-6, **settings) - 0.5
        return float(np.std(noise[..., 0] - noise[..., 1]))

    assert colour(1.5) / colour(1) == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize("display", [0.02, 0.1, 0.5, 0.98])
def test_the_clean_image_is_the_mean_of_the_noisy_ones(display: float) -> None:
    noisy = camera(flat(display), SEED, shot=1e-2, read=1e-4, jpeg=None)
    noise = np.array(noisy)[::6, ::6] - display  # so far apart that they are independent
    error = noise.std((0, 1)) / (noise.shape[0] * noise.shape[1]) ** 0.5
    assert (abs(noise.mean((0, 1))) < 5 * error).all()
    assert (noise.std((0, 1)) > 0.004).all()


def test_jpeg_lands_on_8_bits_and_loses_more_at_lower_quality() -> None:
    image = smooth_picture()
    losses = []
    for quality in (95, 50, 10):
        result = camera(image, SEED, shot=0, read=0, jpeg=quality, jpeg_probability=1).numpy()
        np.testing.assert_allclose(result * 255, np.round(result * 255), atol=1e-4)
        assert result.min() >= 0 and result.max() <= 1
        losses.append(np.abs(result - image).mean())
    assert 0 < losses[0] < 0.01 and losses[0] < losses[1] < losses[2] < 0.1


def test_jpeg_blocks_are_at_any_phase() -> None:
    # At the lowest quality a block is flat or nearly so: a ramp jumps where blocks meet.
    at = tf.linspace(0.1, 0.9, 64)
    ramp = 0.5 * (at[:, tf.newaxis] + at)[:, :, tf.newaxis]
    phases: list[set[int]] = [set(), set()]
    for number in range(40):
        seed = tf.constant([number, 3])
        result = camera(ramp, seed, shot=0, read=0, jpeg=1, jpeg_probability=1).numpy()
        for axis in range(2):
            jumps = np.abs(np.diff(result[..., 0], axis=axis)).mean(1 - axis)
            phases[axis].add(int(np.argmax([jumps[start::8].sum() for start in range(8)])))
    assert phases == [set(range(8))] * 2


def test_jpeg_comes_as_often_as_asked() -> None:
    noise = {"shot": 0, "read": 0, "jpeg": 50, "jpeg_probability": 0.3}
    image = smooth_picture()[:16, :16]
    seeds = tf.stack([tf.range(200), tf.fill([200], 3)], -1)
    graph = tf.function(
        lambda: tf.map_fn(lambda seed: camera(image, seed, **noise), seeds, tf.float32),
        autograph=False,
    )
    changed = (graph() != image).numpy().any((1, 2, 3))
    assert abs(changed.mean() - 0.3) < 5 * (0.3 * 0.7 / 200) ** 0.5


def test_grey_is_the_brightness_of_the_colour_noise() -> None:
    settings: dict[str, Any] = {"shot": 1e-3, "read": 1e-5, "jpeg": None}
    grey = camera(flat(0.5, 1), SEED, **settings)
    colour = camera(flat(0.5, 3), SEED, **settings)
    assert grey.shape == (256, 256, 1)
    np.testing.assert_allclose(grey, colour @ LUMA[:, None], atol=1e-6)


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 or 3 channels, got 4"):
        camera(tf.zeros([32, 32, 4]), SEED)


def test_colour_noise_is_kept_by_the_factor_asked_for() -> None:
    settings: dict[str, Any] = {"shot": 1e-3, "read": 1e-5, "jpeg": None}
    whole = camera(flat(0.5), SEED, **settings).numpy() - 0.5
    for changes, factor in (({"colour": 0.4}, 0.4), ({"colour": 0.0}, 0.0)):
        less = camera(flat(0.5), SEED, **settings, **changes).numpy() - 0.5
        np.testing.assert_allclose(less @ LUMA, whole @ LUMA, atol=1e-6)
        for first, second in ((0, 1), (1, 2)):
            np.testing.assert_allclose(
                less[..., first] - less[..., second],
                factor * (whole[..., first] - whole[..., second]),
                atol=1e-6,
            )
    none = camera(flat(0.5), SEED, **settings, colourless=1.0).numpy()
    np.testing.assert_array_equal(none, np.repeat(none[..., :1], 3, -1))


def test_the_chain_of_a_camera_has_the_statistics_of_measured_ones() -> None:
    """Means over 15 shots of three cameras, less the mean of many shots, in flat parts.

    Canon 5D III, Nikon D600 and D800, ISO 1600 to 6400.
    """
    developed = {"differences": 1, "smooth": 0.8, "smooth_colour": 1.5, "jpeg": None}
    chain = [{"camera": developed}, {"jpeg": {"quality": 95}}]
    noises = measures.without_slow(measures.many(measures.slopes(128), chain, 60))
    planes, lags = noises @ measures.YCC, (1, 2, 3, 4, 6)
    brightness = measures.autocorrelation(planes[..., 0], lags)
    np.testing.assert_allclose(brightness, [0.58, 0.12, 0.0, 0.01, 0.0], atol=0.1)
    colour = measures.autocorrelation(planes[..., 1], lags)
    np.testing.assert_allclose(colour, [0.87, 0.69, 0.49, 0.32, 0.1], atol=0.15)
    pairs = measures.channel_correlations(noises).mean(0)
    assert ((pairs > 0.26) & (pairs < 0.8)).all()  # lowest and highest of eight cameras
    # The levels of brightness in the 15 shots were 3.1 to 4.5; a range of ISO spans them.
    levels = planes[..., 0].std((1, 2))
    assert np.percentile(levels, 10) < 3.1 and np.percentile(levels, 90) > 4.5
