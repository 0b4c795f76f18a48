"""Plots of a run or a search: curves, and held-out pictures before and after denoising."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from kdae.files import replace_file
from kdae.metrics import psnr


def plot_curves(history: str | Path, out: str | Path) -> None:
    """Draws loss, regularization and PSNR against the step.

    Args:
        history: a `history.csv` with at least one row.
        out: the PNG to write.
    """
    with open(history, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    column = {key: [float(row[key]) for row in rows] for key in rows[0]}
    # Fixed margins: to fit them to the labels takes longer than to draw.
    margins = {"left": 0.08, "right": 0.98, "bottom": 0.15, "top": 0.96, "wspace": 0.2}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), gridspec_kw=margins)
    left.plot(column["step"], column["loss"], marker=".", label="data term")
    if any(column["regularization"]):
        left.plot(column["step"], column["regularization"], marker=".", label="regularization")
    left.set(xlabel="step", ylabel="loss", yscale="log")
    left.legend(frameon=False)
    right.plot(column["step"], column["psnr"], marker=".", color="tab:green")
    right.set(xlabel="step", ylabel="PSNR on held-out pictures (dB)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    _save(figure, out)


def plot_samples(
    model: keras.Model, examples: list[tuple[Any, Any]], out: str | Path, count: int = 4
) -> None:
    """Draws rows of a noisy and the denoised picture, and the clean one or what was removed.

    Args:
        model: the denoiser.
        examples: (noisy, clean), each [1, H, W, C] in [0, 1]; clean may be None.
        out: the PNG to write.
        count: largest number of rows, spread evenly over the examples.
    """
    picks = np.linspace(0, len(examples) - 1, min(count, len(examples))).round().astype(int)
    margins = {"left": 0.01, "right": 0.99, "bottom": 0.01, "wspace": 0.02, "hspace": 0.1}
    figure, grid = plt.subplots(
        len(picks), 3, figsize=(9, 3.2 * len(picks)), squeeze=False,
        gridspec_kw=margins | {"top": 1 - 0.1 / len(picks)},
    )  # fmt: skip
    for axes, index in zip(grid, picks, strict=True):
        for ax, (title, image) in zip(axes, panels(model, *examples[index]), strict=True):
            pixels = np.clip(np.asarray(image)[0], 0, 1)
            # matplotlib draws a grey picture only without a channel axis.
            pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
            ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set_title(title, fontsize=10)
            ax.axis("off")
    _save(figure, out)


def panels(model: keras.Model, noisy: Any, clean: Any | None) -> list[tuple[str, Any]]:
    """Returns titles and pictures: noisy, denoised, and clean or else what was removed.

    Where nothing was removed, the last one is grey.
    """
    denoised = model(noisy, training=False)
    if clean is None:
        return [("noisy", noisy), ("denoised", denoised), ("removed", noisy - denoised + 0.5)]
    return [
        (f"noisy, {float(psnr(noisy, clean)[0]):.2f} dB", noisy),
        (f"denoised, {float(psnr(denoised, clean)[0]):.2f} dB", denoised),
        ("clean", clean),
    ]


def plot_search(
    rows: list[dict[str, Any]],
    curves: dict[int, dict[int, float]],
    keys: list[str],
    out: str | Path,
) -> None:
    """Draws the PSNR of the trials of a search against each setting, and against the step.

    Args:
        rows: see `kdae.tune.trials.Search.rows`.
        curves: see `kdae.tune.trials.Search.curves`.
        keys: the searched settings.
        out: the PNG to write.
    """
    figure, grid = plt.subplots(
        1, len(keys) + 1, figsize=(4.4 * (len(keys) + 1), 3.6), layout="constrained"
    )
    measured = [row for row in rows if curves[row["trial"]]]
    for axes, key in zip(grid, keys, strict=False):
        values = [row[key] for row in measured]
        fill = ["tab:green" if row["state"] == "complete" else "none" for row in measured]
        levels = [row["psnr"] for row in measured]
        axes.scatter(values, levels, c=fill, edgecolors="tab:green")
        if any(isinstance(value, int | float) for value in values):  # a range
            axes.set_xscale("log")
        axes.set(xlabel=f"{key} (hollow: ended early)", ylabel="PSNR on held-out pictures (dB)")
    for row in measured:
        curve = sorted(curves[row["trial"]].items())
        style = "-" if row["state"] == "complete" else ":"
        grid[-1].plot(*zip(*curve, strict=True), style, marker=".", label=str(row["trial"]))
    if len(measured) <= 12:
        grid[-1].legend(title="trial", frameon=False)
    grid[-1].set(xlabel="step (dotted: ended early)", ylabel="PSNR on held-out pictures (dB)")
    for axes in grid:
        axes.grid(alpha=0.3)
    _save(figure, out)


def _save(figure: Any, out: str | Path) -> None:
    replace_file(Path(out), lambda temporary: figure.savefig(temporary, dpi=110))
    plt.close(figure)
