"""Layers and constraints of the network; `.keras` files name them."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

# Stride of the stem and of every step down.
STRIDE = 2


@keras.saving.register_keras_serializable("kdae")
class ZeroSum(keras.constraints.Constraint):
    """Filters [k, k, in, out] whose weights for each input channel sum to zero."""

    def __call__(self, w: Any) -> Any:
        """The nearest such filters."""
        return w - tf.reduce_mean(w, axis=[0, 1], keepdims=True)


@keras.saving.register_keras_serializable("kdae")
class DepthToSpace(layers.Layer):
    """[N, H, W, 4C] -> [N, 2H, 2W, C]: each group of four channels becomes a 2x2 square."""

    def call(self, inputs: Any) -> Any:
        """See the class."""
        return tf.nn.depth_to_space(inputs, STRIDE)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Twice the height and width (None stays None), a quarter of the channels."""
        n, h, w, c = input_shape
        return n, h and h * STRIDE, w and w * STRIDE, (c or 0) // STRIDE**2


@keras.saving.register_keras_serializable("kdae")
class BilinearUpsample(layers.Layer):
    """[N, H, W, C] -> [N, 2H, 2W, C], bilinear with half-pixel centres.

    Keras' own `UpSampling2D("bilinear")` cannot be exported with dynamic height and width.
    """

    def call(self, inputs: Any) -> Any:
        """See the class."""
        size = tf.shape(inputs)[1:3] * STRIDE
        return tf.cast(tf.image.resize(inputs, size, "bilinear"), inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Twice the height and width (None stays None)."""
        n, h, w, c = input_shape
        return n, h and h * STRIDE, w and w * STRIDE, c
