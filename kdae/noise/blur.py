"""Gaussian blurs of small planes, written as products of matrices.

On patches two products of matrices are several times faster than convolutions, and every sigma
costs the same. A row of the matrix sums to 1, so that a plane's border is not darkened.
"""

import tensorflow as tf


def blur(planes: tf.Tensor, sigma: tf.Tensor | float) -> tf.Tensor:
    """Blurs planes by a Gaussian.

    Args:
        planes: float32 `[H, W, C]`.
        sigma: standard deviation of the Gaussian in pixels, a scalar or one for each plane
            `[C]`; 0 for no blur.

    Returns:
        Float32 `[H, W, C]`.
    """
    height, width = tf.unstack(tf.shape(planes)[:2])
    (down, down_sums), (right, right_sums) = _weights(height, sigma), _weights(width, sigma)
    return _apply(planes, down * (1.0 / down_sums), right * (1.0 / right_sums))


def blur_noise(planes: tf.Tensor, sigma: tf.Tensor | float) -> tf.Tensor:
    """Blurs white noise, and scales it back to the variance that it had.

    Args:
        planes: float32 `[H, W, C]`, independent values of the same variance.
        sigma: as for `blur`.

    Returns:
        Float32 `[H, W, C]`. Every value has the variance that those of `planes` have.
    """
    height, width = tf.unstack(tf.shape(planes)[:2])
    down, right = (_weights(length, sigma)[0] for length in (height, width))
    # The variance of a sum of independent values is the sum of the squares of its weights.
    powers = (tf.reduce_sum(tf.square(weights), -1, keepdims=True) for weights in (down, right))
    down_gain, right_gain = (tf.math.rsqrt(power) for power in powers)
    return _apply(planes, down * down_gain, right * right_gain)


def _weights(length: tf.Tensor, sigma: tf.Tensor | float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a Gaussian around each place of an axis, and their sums.

    Float32 `[1 or C, length, length]` and `[1 or C, length, 1]`.
    """
    at = tf.range(tf.cast(length, tf.float32), dtype=tf.float32)
    widths = tf.maximum(tf.reshape(tf.cast(sigma, tf.float32), [-1, 1, 1]), 1e-2)
    weights = tf.exp((-0.5 / tf.square(widths)) * tf.square(at[:, tf.newaxis] - at))
    return weights, tf.reduce_sum(weights, -1, keepdims=True)


def _apply(planes: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    first = tf.transpose(planes, [2, 0, 1])
    first = tf.matmul(tf.matmul(down, first), right, transpose_b=True)
    return tf.transpose(first, [1, 2, 0])
