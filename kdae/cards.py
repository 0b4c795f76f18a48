"""Reads and writes model cards, and finds models. Needs neither TensorFlow nor Keras.

A model card is a JSON file beside the model's file. It holds the facts that every program needs
which uses the model, such as the number of channels.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from kdae.errors import UserError
from kdae.files import replace_file

MODEL, CARD = "model.keras", "model-card.json"
CARD_FORMAT = 1
BEFORE_KERAS_LOAD = "import kdae.model"
"""What a program runs before plain Keras loads a `.keras` file: it registers the layers."""
DEFAULT_MODEL = "photo"


def shipped_models() -> list[str]:
    """Returns the names of the models inside the package, sorted."""
    folder = resources.files("kdae") / "weights"
    if not folder.is_dir():
        return []
    names = [file.name for file in folder.iterdir()]
    return sorted(name.removesuffix(".keras") for name in names if name.endswith(".keras"))


def locate_model(name: str | Path) -> tuple[Path, Path | None]:
    """Finds the files of a model.

    Args:
        name: A run folder, a `.keras` file or the name of a shipped model. The card of a
            `.keras` file lies beside it: `model-card.json` for `model.keras`, `NAME.json` for
            `NAME.keras`.

    Returns:
        The `.keras` file, and the model card or None if there is none.

    Raises:
        UserError: If there is no such model. The message lists the shipped models.
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


def load_card(path: str | Path) -> dict[str, Any]:
    """Reads a model card.

    Raises:
        UserError: If the file is missing, is not JSON, or has a format that this version cannot
            read.
    """
    try:
        card: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"model card {path}: cannot be read ({error})") from error
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        found = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise UserError(f"model card {path}: expected format {CARD_FORMAT}, got {found!r}")
    return card


def write_card(card: dict[str, Any], path: str | Path) -> None:
    """Writes a model card. A reader sees the old or the new card, never a part."""
    text = json.dumps(card, indent=2) + "\n"
    replace_file(Path(path), lambda temporary: temporary.write_text(text, encoding="utf-8"))
