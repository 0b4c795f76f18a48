"""Exports models: `python -m kdae.export --model M --format savedmodel tflite tfjs`.

Each model gets a folder DIR/NAME with one folder per format (see `kdae.export.formats`). Every
exported file is run in its own runtime and compared with Keras; `export-report.json` in
DIR/NAME holds the figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from kdae.errors import UserError, run_main
from kdae.export.formats import FORMATS, MAX_PIXELS, find_exporter


def model_name(argument: str) -> str:
    """Returns the name of a model's folder: that of the run folder, file or shipped model."""
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
        help="run folders, .keras files or names of shipped models",
    )
    parser.add_argument(
        "--format", nargs="+", required=True, choices=FORMATS, help="one or several formats"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("exports"), metavar="DIR", help="folder (exports)"
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help=f"largest picture the SavedModel decodes ({MAX_PIXELS})",
    )
    args = parser.parse_args(argv)
    # Not at the top: TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.export.run import check_free, export_model
    from kdae.model import load_model

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
