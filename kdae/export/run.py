"""Exports a model into a folder, which appears only if every artifact is within its bounds."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kdae.cards import CARD, write_card
from kdae.errors import UserError
from kdae.export import parity
from kdae.export.formats import MAX_PIXELS, ExportRequest, find_exporter
from kdae.export.photographs import examples


def export_model(
    name: str,
    model: keras.Model,
    card: Mapping[str, Any],
    formats: Sequence[str],
    out: Path,
    *,
    max_pixels: int = MAX_PIXELS,
) -> dict[str, Any]:
    """Exports a model and compares every artifact with Keras.

    The folder `out` appears when everything is written and within its bounds. Otherwise nothing
    is left.

    Args:
        name: The name of the model, which is used in file names.
        model: A denoiser. If it calculates in half precision, it is rebuilt in float32.
        card: The model card.
        formats: Some of `kdae.export.FORMATS`.
        out: A folder that does not exist or is empty.
        max_pixels: The number of pixels of the largest picture that a server decodes.

    Returns:
        The content of `export-report.json`, see `kdae.export.parity`.

    Raises:
        UserError: If `out` holds something or cannot be written, an extra is not installed, or
            an artifact misses its bounds.
    """
    exporters = {name: find_exporter(name) for name in formats}
    check_free(out)
    model = in_float32(model)
    pictures = examples(int(card["channels"]))
    rows: list[dict[str, Any]] = []
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=out.parent) as folder:
            whole = Path(folder) / name
            for format_name, exporter in exporters.items():
                target = whole / format_name
                target.mkdir(parents=True)
                request = ExportRequest(name, model, card, target, max_pixels)
                rows += parity.measure(exporter, request, exporter.export(request), pictures)
            print(parity.format_table(rows), flush=True)
            if "levels" in card:
                print("note: files in 8 bits (int8, uint8) cut off what is beyond the levels")
            missed = [
                f"{row['file']} ({row['variant']}) {failure}"
                for row in rows
                for failure in row["failures"]
            ]
            if missed:
                raise UserError(f"{name}: nothing was exported: {'; '.join(missed)}")
            result = parity.report(request, pictures, rows)
            write_card(dict(card), whole / CARD)
            text = json.dumps(result, indent=2) + "\n"
            (whole / parity.REPORT).write_text(text, encoding="utf-8")
            os.replace(whole, out)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error})") from error
    return result


def in_float32(model: keras.Model) -> keras.Model:
    """Returns the same network with the same weights that calculates in float32.

    TFLite and TF.js do not accept half-precision graphs. A model that was trained in mixed
    precision has its weights in float32, so nothing is lost.
    """
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def rebuild(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(layer.get_config() | {"dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy


def check_free(out: Path) -> None:
    """Makes sure, before minutes of work, that a folder can be made.

    Raises:
        UserError: If it exists and is not an empty folder.
    """
    try:
        if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
            raise UserError(
                f"--out: {out} exists already and is never written over; remove it or choose "
                "another"
            )
    except OSError as error:
        raise UserError(f"--out {out}: cannot be read ({error.strerror})") from error
