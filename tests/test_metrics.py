import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from kdae.metrics import MAX_PSNR, psnr, ssim


def constant(value: float, channels: int = 1, size: int = 16) -> np.ndarray:
    return np.full((1, size, size, channels), value, np.float32)


def test_psnr_of_a_constant_offset() -> None:
    # MSE 0.1 ** 2, so 10 log10(1 / 0.01) = 20 dB.
    assert float(psnr(constant(0.5), constant(0.6))[0]) == pytest.approx(20.0, abs=1e-4)


def test_psnr_counts_every_value_of_a_picture_once() -> None:
    image = constant(0.5, channels=3, size=4)
    image[0, 0, 0, 0] = 1.0  # one value in 48 is wrong by 0.5
    expected = 10 * math.log10(48 / 0.25)
    reference = constant(0.5, channels=3, size=4)
    assert float(psnr(image, reference)[0]) == pytest.approx(expected, abs=1e-4)


def test_values_are_clipped_first() -> None:
    # -7 counts as 0 and 3 as 1: exactly 1 apart, 0 dB.
    assert float(psnr(constant(-7.0), constant(3.0))[0]) == pytest.approx(0.0, abs=1e-5)
    assert float(ssim(constant(1.5), constant(1.0))[0]) == pytest.approx(1.0, abs=1e-6)


def test_one_figure_per_picture() -> None:
    images = np.concatenate([constant(0.5), constant(0.6), constant(0.51)])
    reference = np.concatenate([constant(0.5)] * 3)
    np.testing.assert_allclose(psnr(images, reference), [MAX_PSNR, 20.0, 40.0], atol=1e-3)
    assert ssim(images, reference).shape == (3,)


def test_ssim_of_constants() -> None:
    # Without structure only the luminance term is left: (2ab + C1) / (a^2 + b^2 + C1).
    a, b, c1 = 0.5, 0.6, 0.01**2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    for channels in (1, 3):
        value = float(ssim(constant(a, channels), constant(b, channels))[0])
        # In float32 the variance of a constant is not exactly 0 but 1e-7, beside C2 = 9e-4.
        assert value == pytest.approx(expected, abs=5e-4)


def test_ssim_of_one_window() -> None:
    # 11 x 11 pixels hold one window: the formula is evaluated directly in float64.
    x, y = np.random.default_rng(0).uniform(size=(2, 11, 11))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x = (window * (x - mean_x) ** 2).sum()
    var_y = (window * (y - mean_y) ** 2).sum()
    covariance = (window * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = 0.01**2, 0.03**2
    expected = (
        (2 * mean_x * mean_y + c1)
        * (2 * covariance + c2)
        / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    )
    measured = ssim(x[None, ..., None], y[None, ..., None])
    assert float(measured[0]) == pytest.approx(expected, abs=1e-4)


def test_ssim_in_colour_is_the_mean_of_the_channels() -> None:
    x, y = np.random.default_rng(1).uniform(size=(2, 1, 20, 24, 3)).astype(np.float32)
    channels = [float(ssim(x[..., c : c + 1], y[..., c : c + 1])[0]) for c in range(3)]
    assert float(ssim(x, y)[0]) == pytest.approx(np.mean(channels), abs=1e-5)


def test_ssim_is_that_of_tensorflow() -> None:
    generator = np.random.default_rng(2)
    steps = 0.06 * generator.uniform(size=(2, 21, 34, 3)).astype(np.float32)
    clean = np.cumsum(steps, axis=2)
    noisy = clean + generator.normal(0, 0.1, clean.shape).astype(np.float32)
    expected = tf.image.ssim(np.clip(noisy, 0, 1), np.clip(clean, 0, 1), max_val=1.0)
    np.testing.assert_allclose(ssim(noisy, clean), expected, atol=1e-5)


def test_ssim_of_a_picture_smaller_than_its_window() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 11 pixels"):
        ssim(constant(0.5, size=10), constant(0.5, size=10))


def test_half_precision_and_graphs() -> None:
    half = psnr(tf.cast(constant(0.5), tf.float16), constant(0.6))
    assert half.dtype == tf.float32
    graph = tf.function(psnr)(constant(0.5), constant(0.6))
    assert float(graph[0]) == pytest.approx(20.0, abs=1e-4)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize("other", [constant(0.5, size=15), constant(0.5, channels=3)])
def test_shapes_must_agree(metric: Callable[..., tf.Tensor], other: np.ndarray) -> None:
    with pytest.raises(ValueError):
        metric(constant(0.5), other)
