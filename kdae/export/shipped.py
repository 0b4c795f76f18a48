"""Makes the TFLite files of the shipped models: `python -m kdae.export.shipped [NAME...]`.

For each `kdae/weights/NAME.keras` with its card NAME.json, the command measures the halo and
writes it into the card. It then writes NAME.tflite (float32) and NAME-weights8.tflite (8 bits,
for `--fast`) with the card inside, runs both and compares them with Keras. Unlike the files for
phones they do not clip the output, so that the engine treats them in the same way as Keras.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kdae.cards import FAST, shipped_models, tflite_name, weights_folder, write_card
from kdae.errors import UserError, did_you_mean, run_main
from kdae.files import replace_file

VARIANTS = {"float32": "", FAST: FAST}
"""The variants of the TFLite exporter, and the argument of `tflite_name` for each."""


def write_files(name: str, source: Path, folder: Path) -> str:
    """Writes the card and the TFLite files of one model.

    Args:
        name: The name of the model.
        source: The folder that holds NAME.keras and its card NAME.json.
        folder: The folder of the card and the TFLite files. It may be `source`.

    Returns:
        The comparison with Keras as a table, and the halos.

    Raises:
        UserError: If a file misses its bounds. Nothing is written then.
    """
    from kdae.engine.litert import LiteRT
    from kdae.export import halo, parity
    from kdae.export.formats import MAX_PIXELS, Artifact, ExportRequest, find_exporter
    from kdae.export.photographs import calibration_pictures, examples
    from kdae.export.tflite import exporter
    from kdae.export.tflite.flatbuffer import add_card
    from kdae.model import load_model, totals
    from kdae.model.rounding import with_rounded_filters

    model, card = load_model(source / f"{name}.keras")
    geometry = totals(model)
    networks = {"float32": model, FAST: with_rounded_filters(model)}
    converted = {
        variant: exporter.convert(
            network, functools.partial(network, training=False), None, [variant]
        )[0]
        for variant, network in networks.items()
    }
    with tempfile.TemporaryDirectory(prefix="kdae-") as place:
        paths = {
            variant: Path(place) / tflite_name(name, VARIANTS[variant]) for variant in VARIANTS
        }
        paths["float32"].write_bytes(converted["float32"])
        windows = calibration_pictures(card, halo.SIDE, halo.WINDOWS)
        smallest, moved = halo.smallest_halo(
            LiteRT(paths["float32"]), geometry.size_multiple, geometry.halo, windows
        )
        card = halo.with_halo(card, smallest, geometry.halo)
        for variant, path in paths.items():
            path.write_bytes(add_card(converted[variant], card))
        request = ExportRequest(name, model, card, Path(place), MAX_PIXELS)
        artifacts = [
            Artifact(
                variant, path, exporter.BOUNDS[variant], geometry.size_multiple, clipped=False
            )
            for variant, path in paths.items()
        ]
        rows = parity.measure(
            find_exporter("tflite"), request, artifacts, examples(int(card["channels"]))
        )
        missed = [f"{row['file']} {failure}" for row in rows for failure in row["failures"]]
        if missed:
            raise UserError(f"{name}: nothing was written: {'; '.join(missed)}")
        for path in paths.values():
            replace_file(folder / path.name, functools.partial(shutil.copyfile, path))
    write_card(card, folder / f"{name}.json")
    levels = ", ".join(f"{pixels}: {255 * change:.3f}" for pixels, change in moved.items())
    return (
        f"{parity.format_table(rows)}\n{name}: halo {smallest} pixels, exact {geometry.halo}; "
        f"largest change in levels of 255 by halo: {levels}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.export.shipped",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="shipped models (all)")
    names = parser.parse_args(argv).names or shipped_models()
    for name in names:
        if name not in shipped_models():
            raise UserError(
                f"NAME: unknown model {name!r}{did_you_mean(name, shipped_models())}"
            )
    for name in names:
        print(write_files(name, weights_folder(), weights_folder()), flush=True)
    return 0


if __name__ == "__main__":
    run_main(main)
