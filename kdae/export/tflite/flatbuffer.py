"""Adds the model card to a TFLite file as metadata, and lists the operators of a file.

`kdae.cards.card_inside` reads the card.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from kdae.cards import METADATA, TFLITE_IDENTIFIER


def add_card(model: bytes, card: Mapping[str, Any]) -> bytes:
    """Returns a TFLite model with the model card in the metadata buffer `kdae.json`."""
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(card).encode())
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA, len(tree.buffers)
    tree.buffers.append(buffer)
    tree.metadata = [*(tree.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + len(buffer.data) + 1024)
    builder.Finish(tree.Pack(builder), TFLITE_IDENTIFIER)
    return bytes(builder.Output())


def operators(path: str | Path) -> set[str]:
    """Returns the operators of a TFLite file; custom ones (TF Select) as CUSTOM NAME."""
    model = schema.Model.GetRootAs(Path(path).read_bytes(), 0)
    names = {
        code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"
    }
    found = set()
    for index in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        # Files from before 2020 hold the code in the older field of one byte.
        name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        custom = code.CustomCode()
        found.add(f"{name} {custom.decode()}" if custom else name)
    return found
