"""What is inside a TFLite file: the model card as metadata, and the operators it needs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from kdae.errors import UserError

METADATA = "kdae.json"
_IDENTIFIER = b"TFL3"


def add_card(model: bytes, card: Mapping[str, Any]) -> bytes:
    """Puts the model card into a TFLite model, as the metadata buffer `kdae.json`."""
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(card).encode())
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA, len(tree.buffers)
    tree.buffers.append(buffer)
    tree.metadata = [*(tree.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + len(buffer.data) + 1024)
    builder.Finish(tree.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def read_card(path: str | Path) -> dict[str, Any]:
    """Reads the model card out of a TFLite file.

    Raises:
        UserError: it cannot be read, is no TFLite file, or has no card.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if data[4:8] != _IDENTIFIER:
        raise UserError(f"{path}: not a TFLite file")
    model = schema.Model.GetRootAs(data, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == METADATA.encode():
            text = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            card: dict[str, Any] = json.loads(text)
            return card
    raise UserError(f"{path}: holds no model card ({METADATA})")


def operators(path: str | Path) -> set[str]:
    """The names of the operators a TFLite file uses; custom ones (TF Select) as CUSTOM NAME."""
    model = schema.Model.GetRootAs(Path(path).read_bytes(), 0)
    names = {
        code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"
    }
    found = set()
    for index in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        # Files of before 2020 hold the code in the field that has one byte only.
        name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        custom = code.CustomCode()
        found.add(f"{name} {custom.decode()}" if custom else name)
    return found
