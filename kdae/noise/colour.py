"""Brightness and colour differences, as the noises use them."""

import numpy as np
import tensorflow as tf

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in brightness, ITU-R BT.601."""
TO_YCC = np.stack([LUMA, [1, 0, 0] - LUMA, [0, 0, 1] - LUMA], -1).astype(np.float32)
"""From RGB to Y, R - Y and B - Y, the colour differences that Cr and Cb are multiples of."""
TO_RGB = np.array(
    [[1, 1, 1], [1, -LUMA[0] / LUMA[1], 0], [0, -LUMA[2] / LUMA[1], 1]], np.float32
)
"""The way back. Without colour differences red, green and blue are equal to the bit."""


def luma(image: tf.Tensor) -> tf.Tensor:
    """Returns the brightness of `[H, W, 1 or 3]`, float32 `[H, W, 1]`."""
    return image if image.shape[-1] == 1 else tf.tensordot(image, LUMA[:, np.newaxis], 1)


def scale_colour(noise: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Scales the colour of RGB noise and keeps its brightness.

    Args:
        noise: float32 `[H, W, 3]`.
        factor: 1 leaves the noise as it is; at 0 the three channels are equal.

    Returns:
        Float32 `[H, W, 3]`.
    """
    planes = tf.tensordot(noise, TO_YCC, 1) * tf.stack([1.0, factor, factor])
    return tf.tensordot(planes, TO_RGB, 1)
