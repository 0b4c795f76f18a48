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


def scale_colour(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Scales the differences of RGB from its brightness.

    Args:
        image: float32 `[H, W, 3]`.
        factor: 1 leaves the image as it is, and `1 / factor` undoes `factor`.

    Returns:
        Float32 `[H, W, 3]`.
    """
    grey = np.tile(LUMA[:, np.newaxis], [1, 3])
    return tf.tensordot(image, grey + factor * (np.eye(3, dtype=np.float32) - grey), 1)
