"""What the graphs of several formats have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf


def save_graph(model: keras.Model, signatures: Mapping[str, Any], folder: str | Path) -> None:
    """Writes a SavedModel.

    Args:
        model: The model whose weights the signatures use.
        signatures: Functions with an input signature, by name.
        folder: The folder of the SavedModel.
    """
    module = tf.Module()
    # The module tracks the variables of TensorFlow. Sessions (TF Serving) and the TFLite
    # converter would not find them inside a Keras model; `tf.saved_model.load` would.
    module.weights = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(folder), signatures=dict(signatures))


def reflected(length: tf.Tensor, multiple: int, margin: int = 0) -> tf.Tensor:
    """Returns indices that pad an axis to a multiple by reflection, as `np.pad` does.

    Unlike `tf.pad` it can pad by more than the length of the axis: 3 pixels padded to 8 have
    the indices 0 1 2 1 0 1 2 1. With a margin of 2 they begin with 2 1.

    Args:
        length: The length of the axis, int32 [].
        multiple: The axis is padded to the next multiple of this number.
        margin: What is padded before, and at least behind, the axis; a multiple of `multiple`.

    Returns:
        The indices, int32 [padded length].
    """
    period = tf.maximum(2 * length - 2, 1)
    stop = -(-(length + margin) // multiple) * multiple
    place = tf.range(-margin, stop) % period
    return tf.minimum(place, period - place)
