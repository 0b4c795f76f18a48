"""Model files: reads and writes them, and says what follows from a model alone."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kdae
from kdae.cards import BEFORE_KERAS_LOAD, CARD_FORMAT, load_card, locate_model
from kdae.errors import UserError, first_line
from kdae.files import replace_file

if TYPE_CHECKING:
    import keras


def load_model(name: str | Path) -> tuple[keras.Model, dict[str, Any]]:
    """A denoiser and its card; see `locate_model` for `name`.

    A file without a card gets one made from the model itself (geometry only).

    Raises:
        UserError: no such model, or a file that is not a denoiser of ours.
    """
    import keras  # Takes seconds, and a card alone is read without.

    import kdae.model  # noqa: F401  Registers the layers that the file names.

    path, card_path = locate_model(name)
    try:
        model = keras.saving.load_model(path, compile=False)
        card = describe(model, path.stem)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = first_line(error)
        raise UserError(f"model {name}: {path} is not a kdae model ({reason})") from error
    if card_path is not None:
        card |= load_card(card_path)
    return model, card


def describe(model: keras.Model, name: str) -> dict[str, Any]:
    """What a card says that follows from the model alone.

    Returns:
        `name`, `format`, `channels`, `value_range`, `size_multiple` (height and width fed to
        the model must be multiples), `receptive_field` and `halo` (context around a tile) in
        pixels, `parameters`, `flop_per_pixel`, `license`, `before_keras_load` (the Python
        statement to run before plain Keras loads the file) and `versions`.
    """
    import keras
    import tensorflow as tf

    from kdae.model.geometry import totals

    geometry = totals(model)
    return {
        "name": name,
        "format": CARD_FORMAT,
        "channels": model.input_shape[-1],
        "value_range": [0.0, 1.0],
        "size_multiple": geometry.size_multiple,
        "receptive_field": geometry.receptive_field,
        "halo": geometry.halo,
        "parameters": geometry.parameters,
        "flop_per_pixel": geometry.flop_per_pixel,
        "license": "Apache-2.0",
        "before_keras_load": BEFORE_KERAS_LOAD,
        "versions": {
            "kdae": kdae.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "python": platform.python_version(),
        },
    }


def save_model(model: keras.Model, path: str | Path) -> None:
    """Writes a `.keras` file, atomically."""
    replace_file(Path(path), lambda temporary: model.save(temporary))
