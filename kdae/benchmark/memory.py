"""Measures the memory and time that large pictures take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kdae.benchmark.isolated import measured
from kdae.engine import load
from kdae.tables import markdown

SIDES = (1_000, 3_162, 10_000)  # 1, 10 and 100 megapixels


def measure_memory(model: str, processors: int, sides: Sequence[int]) -> list[dict[str, Any]]:
    """Denoises square 8-bit RGB pictures in place, each size in a process of its own.

    Args:
        model: A model, as for `kdae.load`.
        processors: The number of processors to use.
        sides: The heights and widths of the pictures in pixels.

    Returns:
        One row per size: `megapixels`, `seconds` by the clock, `cpu_seconds`, `peak_bytes` of
        the whole process, and `picture_bytes`, which is the picture's part of these.
    """
    rows = []
    for side in sides:
        usage = measured(processors, denoise_in_place, model, side)
        rows.append(
            {
                "megapixels": side**2 / 1e6,
                "seconds": usage.seconds,
                "cpu_seconds": usage.cpu_seconds,
                "peak_bytes": usage.peak_bytes,
                "picture_bytes": 3 * side**2,
            }
        )
    return rows


def denoise_in_place(model: str, side: int) -> Callable[[], Any]:
    """Returns the function to time, after doing what happens only once, such as tracing.

    Args:
        model: A model, as for `kdae.load`.
        side: The height and width of the picture in pixels.
    """
    denoiser = load(model)
    # The time does not depend on what the pixels show.
    row = np.arange(3 * side, dtype=np.uint8).reshape(1, side, 3)
    picture = np.repeat(row, side, axis=0)
    denoiser.denoise(picture[:64, :64])
    return lambda: denoiser.denoise(picture, out=picture)


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """Formats the rows of `measure_memory` as a Markdown table."""
    lines = [("megapixels", "seconds", "peak memory")]
    for row in rows:
        memory = f"{row['peak_bytes'] / 1e6:,.0f} MB"
        lines.append((f"{row['megapixels']:.0f}", f"{row['seconds']:.1f}", memory))
    return markdown(lines)
