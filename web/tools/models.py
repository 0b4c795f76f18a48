"""Exports the shipped models for the page: `python web/tools/models.py`; see `make web`.

It replaces these files:

    web/public/models/models.json     the names of the models, the default of the page first
                      NAME/           the TF.js model with compressed weights, card, check tile,
                                      and what LiteRT.js needs beside (see `litert.py`)
                      NAME-encoder/   the same up to the features of every scale, for the Lab
    web/tests/golden/NAME.png         the result of `kdae.denoise` for noisy.png beside it
                     deep.png         noisy.png in 16 bits, and with its right half transparent;
                     alpha.png        and what the default model makes of them, as the command
                     photo-deep.png   reads and writes files
                     photo-alpha.png
"""

import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kdae.cards import DEFAULT_MODEL, shipped_models, weights_folder
from kdae.errors import UserError, run_main
from kdae.images import Picture, change, read_image, write_image

WEB = Path(__file__).parents[1]
MODELS, GOLDEN = WEB / "public" / "models", WEB / "tests" / "golden"

VARIANTS = ("uint8", "float16")
MOST_BYTES = 2_000_000
MOST_LOSS = 0.05  # dB against Keras
PHOTOGRAPHS = 4  # that are measured; each takes seconds with one thread of wasm
# At any value of the photographs. On the check tile the page refuses a backend at 2 / 255.
MOST_DIFFERENCE = 3 / 255


def choose(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns the first variant that is small and exact enough for the page.

    Args:
        name: The name of the model.
        rows: The rows that `kdae.export.parity.measure` returns for the variants, the one to
            prefer first. A row is taken only when it is needed, as measuring takes seconds.

    Raises:
        UserError: If there is none.
    """
    faults = []
    for row in rows:
        if "not_run" in row:
            raise UserError(row["not_run"])
        variant, loss, difference = row["variant"], -row["psnr_change"], row["max_difference"]
        exact = loss <= MOST_LOSS and difference <= MOST_DIFFERENCE and not row["failures"]
        if row["bytes"] < MOST_BYTES and exact:
            return str(variant)
        faults.append(
            f"{variant} has {row['bytes']:,} bytes, loses {loss:.3f} dB and differs by "
            f"{255 * difference:.1f}/255 {row['failures'] or ''}".rstrip()
        )
    raise UserError(
        f"{name}: not for the page, which takes up to {MOST_BYTES:,} bytes, {MOST_LOSS} dB "
        f"and 3/255: {'; '.join(faults)}"
    )


def compress(folder: Path) -> None:
    """Compresses the weights of a TF.js model, as hosts do not compress such files.

    Their names get the ending `.gzip`, which no host takes for an encoding of its own. Weights
    hardly repeat, but each layer has a code of its own: with few repetitions sought and short
    blocks `photo` takes 0.68 MB instead of 0.71.
    """
    file = folder / "model.json"
    model = json.loads(file.read_text(encoding="utf-8"))
    for group in model["weightsManifest"]:
        group["paths"] = [pack(folder / name).name for name in group["paths"]]
    file.write_text(json.dumps(model), encoding="utf-8")


def pack(path: Path) -> Path:
    """Replaces a file by a compressed one and returns its path."""
    packer = zlib.compressobj(9, wbits=31, memLevel=7, strategy=zlib.Z_FILTERED)
    packed = path.with_name(f"{path.name}.gzip")
    packed.write_bytes(packer.compress(path.read_bytes()) + packer.flush())
    path.unlink()
    return packed


def write_special(denoise: Callable[[np.ndarray], np.ndarray]) -> None:
    """Writes the goldens of pictures that canvases do not hold as they are."""
    noisy = read_image(GOLDEN / "noisy.png").pixels
    deep = noisy.astype(np.uint16) * 256 + 99
    alpha = np.full(noisy.shape[:2], 255, np.uint8)
    alpha[:, noisy.shape[1] // 2 :] = 128
    for name, picture in (("deep", Picture(deep)), ("alpha", Picture(noisy, alpha))):
        write_image(GOLDEN / f"{name}.png", picture)
        read = read_image(GOLDEN / f"{name}.png")
        write_image(GOLDEN / f"{DEFAULT_MODEL}-{name}.png", change(read, denoise))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; it has no arguments."""
    from litert import write  # a file beside this one

    # Not at the top: `run_main` has to quiet TensorFlow before it is imported.
    from kdae.engine import load
    from kdae.export import exchange, parity
    from kdae.export.formats import MAX_PIXELS, ExportRequest
    from kdae.export.photographs import examples
    from kdae.export.run import in_float32
    from kdae.export.tfjs import exporter
    from kdae.model import load_model

    exchange.REPEATS = 1  # More are for the shortest time, which nobody reads here.
    names = sorted(shipped_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    noisy = read_image(GOLDEN / "noisy.png").pixels
    MODELS.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".models-", dir=MODELS.parent) as folder:
        exports, ready = Path(folder) / "exports", Path(folder) / "ready"
        requests = []
        for name in names:
            model, card = load_model(name)
            target = exports / name
            target.mkdir(parents=True)
            requests.append(ExportRequest(name, in_float32(model), card, target, MAX_PIXELS))
        for request, artifacts in zip(
            requests, exporter.export_all(requests, VARIANTS), strict=True
        ):
            name, target = request.name, request.folder
            by_variant = {artifact.variant: artifact for artifact in artifacts}
            pictures = examples(int(request.card["channels"]))[:PHOTOGRAPHS]
            rows = (
                parity.measure(exporter, request, [by_variant[variant]], pictures)[0]
                for variant in VARIANTS
            )
            variant = choose(name, rows)
            shutil.copytree(target / variant, ready / name)
            shutil.copytree(target / "encoder", ready / f"{name}-encoder")
            file = weights_folder() / f"{name}.tflite"
            kernels = {x.name: x.kernel.numpy() for x in request.model.layers if x.weights}
            pack(write(ready / name, file.read_bytes(), kernels))
            compress(ready / name)
            compress(ready / f"{name}-encoder")
            clean = load(name).denoise(noisy)
            write_image(GOLDEN / f"{name}.png", Picture(clean))
            if name == DEFAULT_MODEL:
                write_special(load(name).denoise)
            print(f"{name}: {variant}", flush=True)
        (ready / "models.json").write_text(json.dumps(names) + "\n", encoding="utf-8")
        shutil.rmtree(MODELS, ignore_errors=True)
        ready.rename(MODELS)
    return 0


if __name__ == "__main__":
    run_main(main)
