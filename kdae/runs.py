"""The run folder, the only hand-off from training to everything else, and model loading.

RUN/model.keras       the averaged weights, float32
    model-card.json   the contract that every consumer reads
    config.yaml       every setting, resolved
    history.csv       one row per validation
    curves.png  samples.png  checkpoints/  tensorboard/ (on request)
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kdae
from kdae.errors import UserError

if TYPE_CHECKING:
    import keras

MODEL, CARD, CONFIG, HISTORY = "model.keras", "model-card.json", "config.yaml", "history.csv"
CHECKPOINTS = "checkpoints"
CARD_FORMAT = 1
DEFAULT_MODEL = "photo"


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    folder = resources.files("kdae") / "weights"
    if not folder.is_dir():
        return []
    names = [file.name for file in folder.iterdir()]
    return sorted(name.removesuffix(".keras") for name in names if name.endswith(".keras"))


def locate_model(name: str | Path) -> tuple[Path, Path | None]:
    """The `.keras` file and the model card (None without one) of a model.

    Args:
        name: a run folder, a `.keras` file (its card lies beside it: `model-card.json` for
            `model.keras`, `NAME.json` for `NAME.keras`), or the name of a shipped model.

    Raises:
        UserError: when there is no such model; says what there is.
    """
    path = Path(name)
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise UserError(f"model {name}: the folder holds no {MODEL}; is the run finished?")
        path = path / MODEL
    elif str(name) in shipped_models():
        path = Path(str(resources.files("kdae") / "weights" / f"{name}.keras"))
    elif not path.is_file():
        shipped = ", ".join(shipped_models()) or "none in this installation"
        raise UserError(
            f"model {name}: expected a run folder, a .keras file or a shipped model ({shipped})"
        )
    cards = [path.with_suffix(".json")] + [path.parent / CARD] * (path.name == MODEL)
    return path, next((card for card in cards if card.is_file()), None)


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
        reason = (
            str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        )
        raise UserError(f"model {name}: {path} is not a kdae model ({reason})") from error
    if card_path is not None:
        card |= load_card(card_path)
    return model, card


def load_card(path: str | Path) -> dict[str, Any]:
    """Reads a model card.

    Raises:
        UserError: the file is missing, not JSON, or of a format this version cannot read.
    """
    try:
        card: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"model card {path}: cannot be read ({error})") from error
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        found = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise UserError(f"model card {path}: expected format {CARD_FORMAT}, got {found!r}")
    return card


def describe(model: keras.Model, name: str) -> dict[str, Any]:
    """What a card says that follows from the model alone.

    Returns:
        `name`, `format`, `channels`, `value_range`, `size_multiple` (height and width fed to
        the model must be multiples), `receptive_field` and `halo` (context around a tile) in
        pixels, `parameters`, `flop_per_pixel`, `license` and `versions`.
    """
    import keras
    import tensorflow as tf

    from kdae.arithmetic import totals

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
        "versions": {
            "kdae": kdae.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "python": platform.python_version(),
        },
    }


def write_card(card: dict[str, Any], path: str | Path) -> None:
    """Writes a model card, atomically."""
    text = json.dumps(card, indent=2) + "\n"
    replace_file(Path(path), lambda temporary: temporary.write_text(text, encoding="utf-8"))


def save_model(model: keras.Model, path: str | Path) -> None:
    """Writes a `.keras` file, atomically."""
    replace_file(Path(path), lambda temporary: model.save(temporary))


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Has `write` fill a temporary file beside `path`, then puts it in its place.

    Killed at any moment, there is the old file or the new one, never half of one.
    """
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        write(temporary)
        os.replace(temporary, path)
