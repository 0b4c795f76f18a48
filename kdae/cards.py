"""Reads and writes model cards, and finds models. Needs neither TensorFlow nor Keras.

A model card is a JSON file beside the model's file. It holds the facts that every program needs
which uses the model, such as the number of channels. TFLite and ONNX files have it inside, as
the metadata `kdae.json`.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kdae.errors import UserError
from kdae.files import replace_file

if TYPE_CHECKING:
    from flatbuffers.table import Table

MODEL, CARD = "model.keras", "model-card.json"
CARD_FORMAT = 1
BEFORE_KERAS_LOAD = "import kdae.model"
"""What a program runs before plain Keras loads a `.keras` file: it registers the layers."""
DEFAULT_MODEL = "photo"

LITERT, KERAS, ONNX = "litert", "keras", "onnx"
ENGINES = (LITERT, KERAS, ONNX)
EXPORTED = {".tflite": LITERT, ".onnx": ONNX}
"""By ending of exported files the engine that runs them."""
FAST = "weights8"
"""Variant of the shipped TFLite files that calculates in 8 bits."""
METADATA = "kdae.json"
TFLITE_IDENTIFIER = b"TFL3"


class Found(NamedTuple):
    """A model's file, and the engine that runs it, one of `ENGINES`."""

    engine: str
    path: Path


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(path.stem for path in weights_folder().glob("*.keras"))


def find_model(name: str | Path, engine: str | None = None, fast: bool = False) -> Found:
    """Finds the file of a model that an engine runs.

    Args:
        name: The name of a shipped model, a `.tflite` or `.onnx` file, a run folder or a
            `.keras` file.
        engine: One of `ENGINES`. None: LiteRT for shipped models and `.tflite` files, ONNX
            Runtime for `.onnx` files, Keras for run folders and `.keras` files.
        fast: Whether to take the file that calculates in 8 bits, which shipped models have.

    Raises:
        UserError: If there is no such model, or the engine does not run it.
    """
    shipped = str(name) in shipped_models() and not Path(name).is_dir()
    runner = None if shipped else EXPORTED.get(Path(name).suffix)
    if engine is None:
        engine = LITERT if shipped else runner or KERAS
    if engine not in ENGINES:
        raise UserError(f"engine: expected {', '.join(ENGINES)}, got {engine!r}")
    if fast and not (shipped and engine == LITERT):
        raise UserError(
            f"fast: {name} with the engine {engine} has no file of 8 bits; shipped models "
            f"({', '.join(shipped_models())}) with {LITERT} have one"
        )
    if runner:
        if engine != runner:
            raise UserError(f"engine: {engine} does not run {name}, {runner} does")
        if not Path(name).is_file():
            raise UserError(f"model {name}: no such file")
        return Found(engine, Path(name))
    if engine == KERAS:
        return Found(engine, locate_model(name)[0])
    if shipped and engine == LITERT:
        return Found(engine, weights_folder() / tflite_name(str(name), FAST if fast else ""))
    file = locate_model(name)[0]
    suffix = next(suffix for suffix, runs in EXPORTED.items() if runs == engine)
    raise UserError(
        f"engine: {engine} runs {suffix} files, not {file}; "
        f"`kdae export --model {name} --format {suffix[1:]}` makes some"
    )


def tflite_name(model: str, variant: str = "") -> str:
    """The name of a shipped TFLite file; the variant "" is float32."""
    return f"{model}-{variant}.tflite" if variant else f"{model}.tflite"


def weights_folder() -> Path:
    """The folder of the shipped models."""
    return Path(str(resources.files("kdae") / "weights"))


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
        path = weights_folder() / f"{name}.keras"
    elif not path.is_file():
        shipped = ", ".join(shipped_models()) or "none in this installation"
        raise UserError(
            f"model {name}: expected a run folder, a .keras, .tflite or .onnx file, or a "
            f"shipped model ({shipped})"
        )
    cards = [path.with_suffix(".json")] + [path.parent / CARD] * (path.name == MODEL)
    return path, next((card for card in cards if card.is_file()), None)


def card_inside(path: str | Path) -> dict[str, Any]:
    """Reads the model card out of a TFLite file.

    Raises:
        UserError: If the file cannot be read, is no TFLite file, or has no card.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if data[4:8] != TFLITE_IDENTIFIER:
        raise UserError(f"{path}: not a TFLite file")
    try:
        text = _metadata(data, METADATA.encode())
        card: dict[str, Any] = json.loads(text) if text is not None else {}
    except Exception as error:  # A broken file leads anywhere.
        raise UserError(f"{path}: a broken TFLite file ({error})") from error
    if not card:
        raise UserError(f"{path}: holds no model card ({METADATA})")
    return card


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


def _metadata(data: bytes, name: bytes) -> bytes | None:
    """The content of a named metadata buffer of a TFLite file.

    LiteRT's own reader takes half a second to import. Here are the places of the fields that
    are needed, from TFLite's schema.fbs: Model.buffers (4), Model.metadata (6), Metadata.name
    (0), Metadata.buffer (1), Buffer.data (0).
    """
    # Not at the top: they import NumPy, which a help text does without.
    from flatbuffers import number_types
    from flatbuffers.encode import Get
    from flatbuffers.packer import uoffset
    from flatbuffers.table import Table

    model = Table(data, Get(uoffset, data, 0))
    for entry in _tables(model, 6):
        if entry.String(entry.Offset(_slot(0)) + entry.Pos) == name:
            index = entry.Get(number_types.Uint32Flags, entry.Offset(_slot(1)) + entry.Pos)
            buffer = _tables(model, 4)[index]
            start, length = (
                read(buffer.Offset(_slot(0))) for read in (buffer.Vector, buffer.VectorLen)
            )
            return bytes(data[start : start + length])
    return None


def _tables(table: Table, field: int) -> list[Table]:
    """The tables of a vector of them; none where the field is not there."""
    offset = table.Offset(_slot(field))
    if not offset:
        return []
    start = table.Vector(offset)
    places = range(start, start + 4 * table.VectorLen(offset), 4)
    return [type(table)(table.Bytes, table.Indirect(place)) for place in places]


def _slot(field: int) -> int:
    """Where the vtable of a FlatBuffers table tells the place of a field."""
    return 4 + 2 * field
