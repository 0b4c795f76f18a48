"""Measures kdae's models and classical methods on what people have.

The noises are those of a camera, of a grey picture, of a JPEG file and of film, and there is a
column without any noise, where a method should change nothing. The noisy pictures have 8 bits.
No method is told the noise level: kdae's models need none, and the classical methods are given
the sigma that scikit-image estimates from the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from kdae.benchmark.earlier import Row, rows_of
from kdae.benchmark.methods import METHODS, Method, bilateral, estimated_sigma
from kdae.benchmark.report import write_files
from kdae.cards import shipped_models
from kdae.data import KDAE_PHOTOS, load_pictures
from kdae.engine import load
from kdae.errors import UserError
from kdae.evaluate import evaluate
from kdae.evaluate.measure import noisy_examples, pair_examples
from kdae.metrics import SSIM_MIN_SIZE
from kdae.tables import markdown

SLOW = "BM3D"
CLASSICAL: dict[str, Method] = {
    "OpenCV NLM": METHODS["OpenCV NLM"],
    "skimage NLM": METHODS["skimage NLM"],
    "bilateral": bilateral,
    "wavelets": METHODS["wavelets"],
    SLOW: METHODS[SLOW],
}


@dataclass(frozen=True)
class Kind:
    """A column of the table.

    Attributes:
        title: What it is called in the table.
        folder: The folder of its pictures. None: the test tiles of the package.
        channels: 1 (grey) or 3 (RGB).
        noise: The spec of the noise. None: the folder holds pairs of noisy and clean pictures.
        slow_limit: The number of pictures that BM3D is measured on. None means all.
    """

    title: str
    folder: str | None
    channels: int
    noise: Mapping[str, Any] | None
    slow_limit: int | None = None


_FILE = {"jpeg": {"quality": 92, "full_colour": 0, "twice": 0}}
KINDS = (
    Kind("camera (CC15)", "CC15", 3, None, slow_limit=3),
    Kind("grey, sigma 25 (Set12)", "Set12", 1, {"gaussian": {"sigma": 25}}),
    Kind("sigma 20, as JPEG", None, 3, {"chain": [{"gaussian": {"sigma": 20}}, _FILE]}, 6),
    Kind("film grain", None, 3, {"grain": {"sigma": 12, "smooth": 0.6, "colour": 0.2}}, 6),
    Kind("no noise", None, 3, {"gaussian": {"sigma": 0}}, 6),
)
PAIRS = {"noisy": "*_real.png", "clean": "*_mean.png"}


def measure_real(
    data: Path, kinds: Sequence[Kind] = KINDS, earlier: Sequence[Row] = ()
) -> list[Row]:
    """Measures every shipped model and classical method on every kind of noise.

    Args:
        data: The folder that holds the folders of the sets.
        kinds: The columns.
        earlier: Rows of an earlier measurement. Classical methods in it are not measured again.

    Returns:
        One row per kind and method, as `kdae.evaluate.evaluate` returns them, with `method`
        and without the time. Where BM3D is measured on fewer pictures, the model `photo` has a
        second row on the same pictures.

    Raises:
        UserError: If a folder is missing.
    """
    for kind in kinds:
        if kind.folder and not (data / kind.folder).is_dir():
            raise UserError(f"--data {data}: expected a folder {kind.folder} in it, found none")
    rows: list[Row] = []
    for kind in kinds:
        for method in (*shipped_models(), *CLASSICAL):
            limit = kind.slow_limit if method == SLOW else None
            known = rows_of(earlier, method, kind.title) if method in CLASSICAL else []
            rows += known or [_row(data, kind, method, limit)]
            if limit:
                rows.append(_row(data, kind, "photo", limit))
    return rows


def _row(data: Path, kind: Kind, method: str, limit: int | None) -> dict[str, Any]:
    source: str | dict[str, str] = KDAE_PHOTOS
    if kind.folder:
        source = str(data / kind.folder)
    if kind.folder and kind.noise is None:
        source = {name: str(data / kind.folder / files) for name, files in PAIRS.items()}
    pictures = load_pictures(
        source, "test", kind.channels, limit, SSIM_MIN_SIZE, whole=kind.folder is not None
    )
    examples = (
        pair_examples(pictures)
        if kind.noise is None
        else noisy_examples(pictures.arrays, kind.noise, clip=True)
    )
    result = evaluate(_denoise(method), examples, kind.title, str(kind.noise or "real"))
    del result["seconds_per_megapixel"]  # `benchmark quality` measures it with more care
    print(f"{kind.title} {method}: {result['psnr']:.2f} dB", flush=True)
    return {"method": method} | result


def _denoise(method: str) -> Callable[[np.ndarray], np.ndarray]:
    if method not in CLASSICAL:
        return load(method).denoise_float

    def denoise(noisy: np.ndarray) -> np.ndarray:
        picture = noisy[..., 0] if noisy.shape[-1] == 1 else noisy
        level = estimated_sigma(picture)
        if level < 0.1:  # of 255; some methods divide by it
            return noisy
        return np.asarray(CLASSICAL[method](picture, level), np.float32).reshape(noisy.shape)

    return denoise


def write_real(rows: Sequence[Row], folder: Path, command: str) -> str:
    """Writes `real.csv`, `.json`, `.md` and `.png`.

    Args:
        rows: The result of `measure_real`.
        folder: The folder of the files. It is made if it does not exist.
        command: The command that measured, for the JSON file.

    Returns:
        The table in Markdown.
    """
    table = format_table(rows)
    write_files(folder / "real", {"command": command, "rows": list(rows)}, table, _plot)
    return table


def format_table(rows: Sequence[Row]) -> str:
    """Formats one line per method as a Markdown table of mean PSNR in dB.

    Where a method was measured on a part of the pictures, their number follows the PSNR.
    """
    titles = list(dict.fromkeys(row["data"] for row in rows))
    most = {title: max(r["images"] for r in rows if r["data"] == title) for title in titles}
    before = {
        row["data"]: row["psnr_noisy"] for row in rows if row["images"] == most[row["data"]]
    }
    lines = [["method", *titles], ["noisy", *(_decibels(before[title]) for title in titles)]]
    for method in dict.fromkeys(row["method"] for row in rows):
        ours = [row for row in rows if row["method"] == method]
        cells = [
            "; ".join(
                _decibels(row["psnr"])
                + ("" if row["images"] == most[title] else f" (first {row['images']})")
                for row in sorted(ours, key=lambda row: -row["images"])
                if row["data"] == title
            )
            for title in titles
        ]
        lines.append([method if method in CLASSICAL else f"**kdae {method}**", *cells])
    return markdown(lines)


def _decibels(value: float) -> str:
    return "unchanged" if value > 99 else f"{value:.2f}"


def _plot(rows: Sequence[Row], path: Path) -> None:
    """Draws what each method gains over the noisy picture, one panel per kind of noise."""
    titles, order = (
        list(dict.fromkeys(row[key] for row in rows)) for key in ("data", "method")
    )
    figure, panels = plt.subplots(1, len(titles), figsize=(3 * len(titles), 3.6))
    for axes, title in zip(np.atleast_1d(panels), titles, strict=True):
        first = {row["method"]: row for row in reversed(rows) if row["data"] == title}
        methods = [method for method in order if method in first]
        clean = first[methods[0]]["psnr_noisy"] > 99
        values = [first[m]["psnr"] - (0 if clean else first[m]["psnr_noisy"]) for m in methods]
        colours = ["tab:blue" if method in CLASSICAL else "tab:red" for method in methods]
        axes.barh(methods, values, color=colours)
        axes.set_title(title, size=9)
        axes.set_xlabel("PSNR (dB)" if clean else "gain (dB)", size=8)
        axes.tick_params(labelsize=8)
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
