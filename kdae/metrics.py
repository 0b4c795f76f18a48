"""Measures how similar two pictures are: PSNR and SSIM, on values clipped to [0, 1]."""

import math

import tensorflow as tf

SSIM_MIN_SIZE = 11  # pixels: the width of the SSIM window
MAX_PSNR = 100.0  # dB


def psnr(image: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Returns the peak signal-to-noise ratio in decibels, 10 log10(1 / MSE).

    The mean squared error is that of all pixels and channels together. Equal pictures give
    `MAX_PSNR`, not infinity, so that averages stay finite.

    Args:
        image: Floats [N, H, W, C], a tensor or a NumPy array. Values are clipped to [0, 1].
        reference: Floats of the same shape.

    Returns:
        float32 [N], in dB.

    Raises:
        ValueError: If the shapes differ.
    """
    image, reference = _clipped(image), _clipped(reference)
    # Without this check subtraction would broadcast a grey picture to the channels of a colour
    # one.
    image.shape.assert_is_compatible_with(reference.shape)
    error = tf.reduce_mean(tf.square(image - reference), axis=[1, 2, 3])
    # log10(x) = log(x) / log(10)
    return -10.0 / tf.math.log(10.0) * tf.math.log(tf.maximum(error, 10 ** (-MAX_PSNR / 10)))


def ssim(image: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Returns the structural similarity index, at most 1 (equal pictures).

    The index is defined in Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from
    error visibility to structural similarity", IEEE TIP 13(4), 2004, with a Gaussian window of
    11 x 11 pixels and sigma 1.5, K1 = 0.01 and K2 = 0.03. It is averaged over all positions
    where the window lies inside the picture, and over the channels. The values are those of
    `tf.image.ssim`, which takes six times as long on a CPU.

    Args:
        image: Floats [N, H, W, C], a tensor or a NumPy array. Values are clipped to [0, 1]. H
            and W are at least `SSIM_MIN_SIZE`.
        reference: Floats of the same shape.

    Returns:
        float32 [N].

    Raises:
        ValueError: If the shapes differ.
    """
    x, y = _clipped(image), _clipped(reference)
    x.shape.assert_is_compatible_with(y.shape)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance = _window_mean(x * y) - product
    variances = _window_mean(x * x + y * y) - squares
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * product + c1) * (2 * covariance + c2)
    similarity /= (squares + c1) * (variances + c2)
    return tf.reduce_mean(similarity, axis=[1, 2, 3])


def _window_mean(x: tf.Tensor) -> tf.Tensor:
    """Returns the means of [N, H, W, C] in the Gaussian window of SSIM, [N, H - 10, W - 10, C].

    It adds shifted images, because convolutions of single channels are slow on a CPU.
    """
    half = SSIM_MIN_SIZE // 2
    weights = [math.exp(-(offset**2) / (2 * 1.5**2)) for offset in range(-half, half + 1)]
    for axis in (1, 2):
        size = tf.shape(x)[axis] - 2 * half
        tf.debugging.assert_positive(size, f"ssim: expected at least {SSIM_MIN_SIZE} pixels")
        x = sum(
            weight / sum(weights) * (x[:, k : k + size] if axis == 1 else x[:, :, k : k + size])
            for k, weight in enumerate(weights)
        )
    return x


def _clipped(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.cast(image, tf.float32), 0.0, 1.0)
