"""Measures what the TFLite files in 8 bits lose, on several kinds of noise.

Small, sharp pictures hide what rounding costs: it is most on large, smooth ones with weak
noise. The files are those of `python -m kdae.export --format tflite`. A grey model gets the
kinds in grey alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kdae.cards import load_card, locate_model
from kdae.data import load_pictures
from kdae.engine import load
from kdae.errors import UserError
from kdae.evaluate import evaluate
from kdae.evaluate.measure import noisy_examples
from kdae.tables import markdown

SIDE = 256  # of the middle of each picture
VARIANTS = ("float32", "weights8", "int8")


def _grain(sigma: float, smooth: float) -> dict[str, Any]:
    return {"grain": {"sigma": sigma, "smooth": smooth, "colour": 0, "middle": 0}}


KINDS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "colour, sigma 25": (3, {"gaussian": {"sigma": 25}}),
    "grey, sigma 25": (1, {"gaussian": {"sigma": 25}}),
    "grey, sigma 10": (1, {"gaussian": {"sigma": 10}}),
    "brightness, sigma 10": (3, _grain(10, 0)),
    "soft grain, sigma 6": (3, _grain(6, 1)),
}
"""Channels of the pictures and spec of the noise, by the name of the kind."""


def measure_rounding(
    models: Sequence[str], exports: Path, data: Path, kinds: Sequence[str] = tuple(KINDS)
) -> list[dict[str, Any]]:
    """Compares the files in 8 bits with the float32 file on the middles of pictures.

    Args:
        models: The names of shipped models.
        exports: The folder of the exports, with a folder for each model.
        data: A folder of clean pictures of at least 256x256 pixels.
        kinds: Keys of `KINDS`.

    Returns:
        One row per model, kind and file: `model`, `kind`, `variant`, `images`, `psnr` in dB,
        and `loss`, how many dB it is behind the float32 file.

    Raises:
        UserError: If a file or the folder is missing.
    """
    rows: list[dict[str, Any]] = []
    for model in models:
        colours = load_card(locate_model(model)[1] or "")["channels"]
        engines = {variant: load(_file(exports, model, variant)) for variant in VARIANTS}
        for kind in kinds:
            channels, noise = KINDS[kind]
            if channels > colours:
                continue
            pictures = load_pictures(str(data), "test", channels, None, SIDE).arrays
            best = 0.0
            for variant, engine in engines.items():
                examples = noisy_examples(pictures, noise, clip=True)
                result = evaluate(engine.denoise_float, examples, str(data), kind)
                if variant == "float32":
                    best = result["psnr"]
                figures = {key: result[key] for key in ("images", "psnr")}
                loss = {"loss": best - result["psnr"]}
                rows.append({"model": model, "kind": kind, "variant": variant} | figures | loss)
    return rows


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Formats the losses as a Markdown table, one line per model and file in 8 bits."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    lines = [["file", *kinds]]
    for model, variant in dict.fromkeys((row["model"], row["variant"]) for row in rows):
        if variant == "float32":
            continue
        found = {
            row["kind"]: f"{row['loss']:.2f}"
            for row in rows
            if (row["model"], row["variant"]) == (model, variant)
        }
        lines.append([f"{model}-{variant}", *(found.get(kind, "-") for kind in kinds)])
    return markdown(lines)


def _file(exports: Path, model: str, variant: str) -> str:
    path = exports / model / "tflite" / f"{model}-{variant}.tflite"
    if not path.is_file():
        raise UserError(
            f"--exports {exports}: expected {path}; python -m kdae.export --model {model} "
            "--format tflite makes it"
        )
    return str(path)
