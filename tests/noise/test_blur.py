import numpy as np
import pytest
import tensorflow as tf

from kdae.noise.blur import blur, blur_noise


def test_no_blur_leaves_planes_as_they_are() -> None:
    noise = tf.random.stateless_normal([40, 50, 3], [1, 2])
    np.testing.assert_allclose(blur(noise, 0.0), noise, atol=1e-5)
    np.testing.assert_allclose(blur_noise(noise, 0.0), noise, atol=1e-5)


def test_a_blur_is_a_gaussian_of_the_sigma_asked_for() -> None:
    impulse = np.zeros([41, 41, 2], np.float32)
    impulse[20, 20] = 1
    spread = blur(tf.constant(impulse), tf.constant([1.5, 3.0])).numpy()
    at = np.arange(41) - 20
    for plane, sigma in enumerate((1.5, 3.0)):
        for axis in range(2):
            profile = spread[..., plane].sum(1 - axis)
            assert (profile * at**2).sum() == pytest.approx(sigma**2, rel=0.01)
        assert spread[..., plane].sum() == pytest.approx(1, rel=0.01)


def test_a_blur_does_not_darken_the_border() -> None:
    np.testing.assert_allclose(blur(tf.ones([40, 50, 3]), 2.0), 1, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_blurred_noise_keeps_its_variance(sigma: float) -> None:
    noise = blur_noise(tf.random.stateless_normal([512, 512, 1], [1, 2]), sigma).numpy()
    # Neighbours within about 2 sqrt(pi) sigma are correlated, so fewer values count.
    independent = noise.size / (4 * np.pi * sigma**2)
    assert noise.var() == pytest.approx(1, abs=5 * (2 / independent) ** 0.5)
    # The autocorrelation of a blur by sigma is a Gaussian of sigma sqrt(2).
    lag = (noise[:, 2:] * noise[:, :-2]).mean() / noise.var()
    assert lag == pytest.approx(np.exp(-(2**2) / (4 * sigma**2)), abs=0.05)
