"""Runs every artifact in its own runtime, compares it with Keras, and writes the report.

The inputs are noisy photographs of 256x256 pixels and two parts of one, of an odd and of a tiny
size. They are padded by reflection to a size that the artifact accepts, as its user must do.
The reference is the result of Keras on the same input.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.export.formats import Artifact, Exporter, ExportRequest, NotRun, Run
from kdae.export.graph import reflected
from kdae.export.photographs import SIGMA, Photograph
from kdae.metrics import psnr
from kdae.tables import columns

REPORT = "export-report.json"
CUTS = ((201, 135), (7, 5))  # height and width


def measure(
    exporter: Exporter,
    request: ExportRequest,
    artifacts: Sequence[Artifact],
    pictures: Sequence[Photograph],
) -> list[dict[str, Any]]:
    """Runs the artifacts of one format and compares them with Keras.

    Args:
        exporter: The exporter that wrote them.
        request: The model that they were made from.
        artifacts: The artifacts to measure.
        pictures: Noisy and clean photographs, from `examples`.

    Returns:
        One row per artifact: `file` (relative to the folder of all formats), `variant`,
        `bytes`, `bounds`, `runtime`, `max_difference` from Keras on the [0, 1] scale,
        `psnr_keras` and `psnr` in dB, `psnr_change`, `milliseconds` by number of threads, and
        `failures`, a list of sentences on missed bounds. If the runtime is not installed, the
        row has `not_run`, the reason, instead of the measured figures.
    """
    noisy = [example.noisy for example in pictures]
    noisy += [noisy[0][:height, :width] for height, width in CUTS]
    inputs = [[continued(image, artifact) for image in noisy] for artifact in artifacts]
    rows = [_row(artifact, request) for artifact in artifacts]
    try:
        runs = exporter.run(artifacts, inputs)
    except NotRun as reason:
        return [row | {"not_run": str(reason), "failures": []} for row in rows]
    reference = Reference(request.model, int(request.card["size_multiple"]))
    clean = [example.clean for example in pictures]
    return [
        row | _compare(artifact, images, run, clean, reference)
        for row, artifact, images, run in zip(rows, artifacts, inputs, runs, strict=True)
    ]


class Reference:
    """The results of Keras, each of which is calculated once.

    Args:
        model: The model, from [N, H, W, C] float32 to the same shape.
        multiple: The number that H and W must be multiples of.
    """

    def __init__(self, model: keras.Model, multiple: int) -> None:
        self.model, self.multiple = model, multiple
        self.known: dict[tuple[tuple[int, ...], int, bytes], np.ndarray] = {}

    def __call__(self, image: np.ndarray, margin: int = 0) -> np.ndarray:
        """Returns the result of the model for [H, W, C] of any size, not clipped.

        Args:
            image: The picture.
            margin: What it is continued by on each side, in pixels.
        """
        key = image.shape, margin, image.tobytes()
        if key not in self.known:
            padded = _to_multiple(image, self.multiple, margin)
            result = self.model(padded[np.newaxis], training=False).numpy()[0]
            inner = (slice(margin, margin + length) for length in image.shape[:2])
            self.known[key] = result[tuple(inner)]
        return self.known[key]


def continued(image: np.ndarray, artifact: Artifact) -> np.ndarray:
    """Pads a picture by reflection, right and below, to a size that an artifact accepts."""
    return _to_multiple(image, artifact.side or artifact.multiple)


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Formats the rows as a table, followed by the missed bounds and what was not run."""
    head = (
        "file (variant)",
        "kB",
        "max diff",
        "dB",
        "ms 1 thread",
        "2 threads",
        "within bounds",
    )
    lines: list[tuple[str, ...]] = [head]
    notes: list[str] = []
    for row in rows:
        name = f"{row['file']} ({row['variant']})"
        size = f"{row['bytes'] / 1000:,.0f}"
        if "not_run" in row:
            lines.append((name, size, "-", "-", "-", "-", "not run"))
            notes.append(f"not run: {row['not_run']}")
            continue
        times = [row["milliseconds"].get(str(n)) for n in (1, 2)]
        lines.append(
            (
                name,
                size,
                f"{row['max_difference']:.1e}",
                f"{row['psnr_change']:+.3f}",
                *("-" if ms is None else f"{ms:.0f}" for ms in times),
                "no" if row["failures"] else "yes",
            )
        )
        notes += [f"missed: {name}: {failure}" for failure in row["failures"]]
    return "\n".join([columns(lines, right=range(1, 6)), *dict.fromkeys(notes)])


def report(
    request: ExportRequest, pictures: Sequence[Photograph], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Returns the content of `export-report.json`; see `measure` for the arguments."""
    return {
        "model": request.name,
        "photographs": [example.name for example in pictures],
        "sizes": ["256x256", *(f"{width}x{height}" for height, width in CUTS)],
        "noise": f"gaussian sigma {SIGMA}, clipped, 8 bits",
        "machine": {"processor": platform.machine(), "system": platform.system()},
        "versions": request.card["versions"],
        "artifacts": rows,
    }


def _to_multiple(image: np.ndarray, multiple: int, margin: int = 0) -> np.ndarray:
    lengths = map(tf.constant, image.shape[:2])
    rows, columns = (reflected(length, multiple, margin).numpy() for length in lengths)
    return image[rows][:, columns]


def _psnr(result: np.ndarray, clean: np.ndarray) -> float:
    """Of the part of a result that is the picture; the rest of a tile is its continuation."""
    inner = result[: clean.shape[0], : clean.shape[1]]
    return float(psnr(inner[np.newaxis], clean[np.newaxis])[0])


def _row(artifact: Artifact, request: ExportRequest) -> dict[str, Any]:
    return {
        "file": artifact.path.relative_to(request.folder.parent).as_posix(),
        "variant": artifact.variant,
        "bytes": _size(artifact.path),
        "bounds": {
            "max_difference": artifact.bounds.difference,
            "psnr_loss": artifact.bounds.psnr_loss,
        },
    }


def _compare(
    artifact: Artifact,
    images: Sequence[np.ndarray],
    run: Run,
    clean: Sequence[np.ndarray],
    reference: Reference,
) -> dict[str, Any]:
    expected = [reference(image, artifact.margin) for image in images]
    if artifact.clipped:
        expected = [np.clip(image, 0.0, 1.0) for image in expected]
    pairs = list(zip(run.outputs, expected, strict=True))
    difference = max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)
    ours, theirs = (
        float(np.mean([_psnr(x, y) for x, y in zip(some, clean)]))  # noqa: B905
        for some in (run.outputs, expected)
    )
    failures = []
    bounds = artifact.bounds
    # With `not <=` a difference of NaN fails.
    if bounds.difference is not None and not difference <= bounds.difference:
        failures.append(
            f"differs from Keras by {difference:.2e}, allowed are {bounds.difference:.1e}"
        )
    if bounds.psnr_loss is not None and not theirs - ours <= bounds.psnr_loss:
        failures.append(
            f"loses {theirs - ours:.3f} dB at sigma {SIGMA}, allowed are {bounds.psnr_loss} dB"
        )
    return {
        "runtime": run.runtime,
        "max_difference": difference,
        "psnr_keras": theirs,
        "psnr": ours,
        "psnr_change": ours - theirs,
        "milliseconds": {str(n): round(ms, 1) for n, ms in run.milliseconds.items()},
        "failures": failures,
    }


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
