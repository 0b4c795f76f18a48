"""Runs Keras models. Nothing but `kdae.engine.loading` imports it without need."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


class KerasModel:
    """A Keras model as a network.

    Args:
        model: [N, H, W, C] float32 to the same shape.
    """

    # What a tile of 624x624 took beyond TensorFlow itself (docs/speed.md).
    bytes_per_pixel = 1000

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.channels = int(model.input_shape[-1])
        # One graph for every size: otherwise each new shape would be traced again.
        signature = tf.TensorSpec([None, None, None, self.channels], tf.float32)
        self._run = tf.function(
            lambda batch: model(batch, training=False),
            input_signature=[signature],
            autograph=False,
        )

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Runs the model; see `kdae.engine.denoiser.Network`."""
        result: np.ndarray = self._run(batch).numpy()
        return result


def set_threads(threads: int) -> None:
    """Sets the number of threads of TensorFlow; only before it has begun.

    Raises:
        RuntimeError: If it has begun.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
