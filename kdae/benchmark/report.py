"""Writes the files of `benchmark quality`: quality.csv, .json, .md and .png."""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from kdae.benchmark.earlier import Row
from kdae.benchmark.methods import METHODS
from kdae.benchmark.quality import SIGMAS
from kdae.cards import load_card, locate_model
from kdae.files import replace_file
from kdae.tables import markdown

PANELS = (
    ("Set12", "gaussian:25", "Set12, grey, sigma 25"),
    ("BSD68", "gaussian:25", "BSD68, grey, sigma 25"),
    ("CBSD68", "gaussian:25", "CBSD68, colour, sigma 25"),
    ("CC15", "real", "CC15, real camera noise"),
)

PUBLISHED: dict[str, dict[str, Any]] = {
    # PSNR at sigma 15, 25 and 50, and FLOP per pixel in grey and in colour, from
    # Zhang et al., arXiv:1608.03981; arXiv:1710.04026; arXiv:2008.13751.
    "DnCNN-B": {
        "Set12": (32.68, 30.36, 27.21),
        "BSD68": (31.61, 29.16, 26.23),
        "CBSD68": (33.89, 31.23, 27.92),
        "flop_per_pixel": {"Set12": 1_340e3, "BSD68": 1_340e3, "CBSD68": 1_340e3},
    },
    "FFDNet": {
        "Set12": (32.75, 30.43, 27.32),
        "BSD68": (31.63, 29.19, 26.29),
        "CBSD68": (33.87, 31.21, 27.96),
        "flop_per_pixel": {"Set12": 241e3, "BSD68": 241e3, "CBSD68": 424e3},
    },
    "DRUNet": {
        "Set12": (33.25, 30.94, 27.90),
        "BSD68": (31.91, 29.48, 26.59),
        "CBSD68": (34.30, 31.69, 28.51),
        "flop_per_pixel": {"Set12": 4_240e3, "BSD68": 4_240e3, "CBSD68": 4_240e3},
    },
}


def write_report(rows: Sequence[Row], folder: Path, command: str) -> str:
    """Writes the four files.

    Args:
        rows: The result of `measure_quality`.
        folder: The folder of the files. It is made if it does not exist.
        command: The command that measured, for the JSON file.

    Returns:
        The table in Markdown.
    """
    machine = {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
    }
    table = format_table(rows)
    facts = {"command": command, "machine": machine, "rows": list(rows)}
    write_files(folder / "quality", facts, table, _plot)
    return table


def write_files(
    stem: Path,
    facts: Mapping[str, Any],
    table: str,
    plot: Callable[[Sequence[Row], Path], None],
) -> None:
    """Writes STEM.json, .csv, .md and .png. Their folder is made if it does not exist.

    Args:
        stem: The path of the files without their endings.
        facts: The content of the JSON file; its `rows` are those of the CSV file and the plot.
        table: The content of the Markdown file.
        plot: Draws the rows into a file.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    rows, text = facts["rows"], json.dumps(facts, indent=2)
    replace_file(stem.with_suffix(".json"), lambda path: path.write_text(text + "\n"))
    replace_file(stem.with_suffix(".csv"), lambda path: _write_csv(rows, path))
    replace_file(stem.with_suffix(".md"), lambda path: path.write_text(table + "\n"))
    replace_file(stem.with_suffix(".png"), lambda path: plot(rows, path))


def format_table(rows: Sequence[Row]) -> str:
    """Formats one line per method as a Markdown table.

    The line holds the PSNR at sigma 15 / 25 / 50 on the sets with Gaussian noise, and the CPU
    seconds per megapixel in grey and in colour. Where a method was measured on a part of a set,
    the number of pictures follows the PSNR.
    """
    sets = list(dict.fromkeys(row["data"] for row in rows))
    most = {name: max(r["images"] for r in rows if r["data"] == name) for name in sets}
    lines = [["method", *sets, "CPU s per megapixel"]]
    kdae = [m for m in dict.fromkeys(row["method"] for row in rows) if m not in METHODS]
    for method in (*kdae, *METHODS):
        ours = [row for row in rows if row["method"] == method]
        cells = [_cell([r for r in ours if r["data"] == name], most[name]) for name in sets]
        times = dict.fromkeys(_two_digits(row["cpu_seconds_per_megapixel"]) for row in ours)
        name = f"**kdae {method}**" if method in kdae else method
        lines.append([name, *cells, ", ".join(times)])
    for method, figures in PUBLISHED.items():
        cells = [
            " / ".join(f"{value:.2f}" for value in figures[name]) if name in figures else "-"
            for name in sets
        ]
        lines.append([f"{method} (published)", *cells, "-"])
    return markdown(lines)


def _two_digits(value: float) -> str:
    """Rounds to two digits and writes the number without an exponent."""
    return f"{float(f'{value:.2g}'):g}"


def _cell(rows: Sequence[Row], most: int) -> str:
    """Writes the PSNR of a method on a set, for each number of pictures it was measured on."""
    parts = []
    for images in sorted({row["images"] for row in rows}, reverse=True):
        values = " / ".join(f"{r['psnr']:.2f}" for r in rows if r["images"] == images)
        parts.append(values if images == most else f"{values} (first {images})")
    return "; ".join(parts) or "-"


def _write_csv(rows: Sequence[Row], path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
            for row in rows
        )


def _plot(rows: Sequence[Row], path: Path) -> None:
    figure, grid = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for axes, (name, noise, title) in zip(grid.flat, PANELS, strict=True):
        chosen = [row for row in rows if (row["data"], row["noise"]) == (name, noise)]
        if not chosen:
            axes.set_visible(False)
            continue
        _panel(axes, chosen, name)
        axes.set(
            title=title, xscale="log",
            xlabel="CPU seconds per megapixel, one thread", ylabel="PSNR (dB)",
        )  # fmt: skip
        axes.margins(x=0.2, y=0.12)
        axes.grid(alpha=0.3)
    figure.suptitle("circles: PSNR as published, time from FLOP at kdae's rate", size=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(axes: Any, rows: Sequence[Row], name: str) -> None:
    most = max(row["images"] for row in rows)
    points: list[tuple[float, float, str, dict[str, str]]] = []  # x, y, label, style
    for row in rows:
        mine, whole = row["method"] not in METHODS, row["images"] == most
        label = f"kdae {row['method']}" if mine else row["method"]
        label += "" if whole else f" (first {row['images']})"
        colour = ("tab:red" if whole else "salmon") if mine else "tab:blue"
        points.append((row["cpu_seconds_per_megapixel"], row["psnr"], label, {"color": colour}))
    # The published methods were not run here. Their time is calculated from their FLOP and the
    # FLOP/s of kdae.
    kdae = next(row for row in rows if row["method"] not in METHODS)
    card = load_card(locate_model(kdae["method"])[1] or "")
    rate = card["flop_per_pixel"] / kdae["cpu_seconds_per_megapixel"]
    for method, figures in PUBLISHED.items():
        if name in figures:
            seconds = figures["flop_per_pixel"][name] / rate
            style = {"color": "none", "edgecolors": "grey"}
            points.append((seconds, figures[name][SIGMAS.index(25)], method, style))
    height = max(y for _, y, *_ in points) - min(y for _, y, *_ in points)
    for x, y, label, style in points:
        axes.scatter([x], [y], s=45, zorder=3, **style)
        # The label is above the point, unless another point is there.
        crowded = any(
            0 < other - y < 0.12 * height and 1 / 2.5 < x / at < 2.5 for at, other, *_ in points
        )
        axes.annotate(
            label, (x, y), xytext=(0, -14 if crowded else 7), textcoords="offset points",
            ha="center", size=8,
        )  # fmt: skip


def _processor() -> str:
    """Returns the name of the processor that Linux reports."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
