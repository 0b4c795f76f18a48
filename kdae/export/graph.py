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
        model: whose weights the signatures use.
        signatures: functions with an input signature, by name.
        folder: where to.
    """
    module = tf.Module()
    # Tracked as TensorFlow's variables: inside a Keras model they are found by
    # `tf.saved_model.load`, but not by sessions (TF Serving) nor by the TFLite converter.
    module.weights = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(folder), signatures=dict(signatures))


def reflected(length: tf.Tensor, multiple: int) -> tf.Tensor:
    """Indices that continue an axis to a multiple by reflection, as `np.pad` does.

    Unlike `tf.pad`, as far as need be: 3 pixels are continued 0 1 2 1 0 1 2 1.

    Args:
        length: int32 [], of the axis.
        multiple: of which the result has the next one.
    """
    period = tf.maximum(2 * length - 2, 1)
    place = tf.range(-(-length // multiple) * multiple) % period
    return tf.minimum(place, period - place)
