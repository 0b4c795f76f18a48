"""Exports models: `python -m kdae.export --model M --format savedmodel tflite tfjs`.

Each model gets a folder DIR/NAME with a folder for each format (see `kdae/exporters/`) and
`export-report.json`: every artifact, run in its own runtime and compared with Keras.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kdae.errors import UserError, run_main
from kdae.exporters import FORMATS, Job, find_exporter, parity
from kdae.exporters.photographs import examples
from kdae.runs import CARD, load_model, write_card

MAX_PIXELS = 2**25


def export_model(
    name: str,
    model: keras.Model,
    card: Mapping[str, Any],
    formats: Sequence[str],
    out: Path,
    *,
    max_pixels: int = MAX_PIXELS,
) -> dict[str, Any]:
    """Exports one model into `out`, which appears complete and within its bounds or not at all.

    Args:
        name: used in file names.
        model: a denoiser; if it calculates in half precision it is rebuilt in float32.
        card: the model card.
        formats: some of `kdae.exporters.FORMATS`.
        out: a folder that does not exist or is empty.
        max_pixels: of a picture that a server decodes.

    Returns:
        What `export-report.json` says; see `kdae.exporters.parity`.

    Raises:
        UserError: `out` is taken or cannot be written, an extra is not installed, or an
            artifact misses its bounds.
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
                job = Job(name, model, card, target, max_pixels)
                rows += parity.measure(exporter, job, exporter.export(job), pictures)
            print(parity.format_table(rows), flush=True)
            missed = [
                f"{row['file']} ({row['variant']}) {failure}"
                for row in rows
                for failure in row["failures"]
            ]
            if missed:
                raise UserError(f"{name}: nothing was exported: {'; '.join(missed)}")
            result = parity.report(job, pictures, rows)
            write_card(dict(card), whole / CARD)
            text = json.dumps(result, indent=2) + "\n"
            (whole / parity.REPORT).write_text(text, encoding="utf-8")
            os.replace(whole, out)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error})") from error
    return result


def in_float32(model: keras.Model) -> keras.Model:
    """The same network with the same weights, calculating in float32.

    TFLite and TF.js do not take half-precision graphs. A model trained in mixed precision
    keeps its weights in float32, so nothing is lost.
    """
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def rebuild(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(layer.get_config() | {"dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy


def check_free(out: Path) -> None:
    """Finds out whether a folder can be made, before minutes of work.

    Raises:
        UserError: it exists and is not an empty folder.
    """
    try:
        if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
            raise UserError(
                f"--out: {out} exists already and is never written over; remove it or choose "
                "another"
            )
    except OSError as error:
        raise UserError(f"--out {out}: cannot be read ({error.strerror})") from error


def model_name(argument: str) -> str:
    """What the folder of a model is called: a run folder's, file's or shipped model's name."""
    path = Path(argument)
    if path.name == "model.keras":
        path = path.parent
    return path.resolve().name.removesuffix(".keras")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        nargs="+",
        required=True,
        metavar="M",
        help="run folder, .keras file, or name of a shipped model; may be several",
    )
    parser.add_argument(
        "--format", nargs="+", required=True, choices=FORMATS, help="one or several"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("exports"), metavar="DIR", help="(exports)"
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help=f"largest picture the SavedModel decodes ({MAX_PIXELS})",
    )
    args = parser.parse_args(argv)
    if args.max_pixels < 1:
        raise UserError(f"--max-pixels: expected at least 1, got {args.max_pixels}")
    names = [model_name(argument) for argument in args.model]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--model: two models are called {name}; export them one by one")
        check_free(args.out / name)
    for name in args.format:
        find_exporter(name)
    models = [load_model(argument) for argument in args.model]
    for name, (model, card) in zip(names, models, strict=True):
        print(f"{name}: exporting to {args.out / name}", flush=True)
        formats = list(dict.fromkeys(args.format))
        export_model(name, model, card, formats, args.out / name, max_pixels=args.max_pixels)
    return 0


if __name__ == "__main__":
    run_main(main)
