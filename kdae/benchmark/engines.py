"""Times whole commands on both engines: from the start of Python to the last file written."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from kdae.cards import KERAS, LITERT
from kdae.errors import UserError
from kdae.images import Picture, read_image, write_image
from kdae.tables import markdown

ENGINES = {LITERT: (), f"{LITERT} --fast": ("--fast",), KERAS: ("--engine", KERAS)}
"""By name the options of `kdae denoise`."""


@dataclass(frozen=True)
class Taken:
    """What a command took.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of all its threads.
        peak_bytes: The most memory that it had.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Case:
    """Pictures to denoise.

    Attributes:
        name: For the table.
        height: Of each picture, in pixels.
        width: Of each picture, in pixels.
        suffix: Of the files, which decides on their format.
        count: The number of pictures.
        engines: Those that are timed, keys of `ENGINES`.
    """

    name: str
    height: int
    width: int
    suffix: str
    count: int = 1
    engines: Sequence[str] = tuple(ENGINES)


CASES = (
    Case("one PNG of 512x512", 512, 512, ".png"),
    Case("one JPEG of 12 megapixels", 3000, 4000, ".jpg"),
    Case("200 PNG of 256x256", 256, 256, ".png", 200),
    Case("one JPEG of 100 megapixels", 10_000, 10_000, ".jpg", engines=(LITERT,)),
)


def measure_engines(model: str, cases: Sequence[Case] = CASES) -> str:
    """Times `kdae denoise --help` and every case on its engines, in turn.

    Args:
        model: The name of a shipped model.
        cases: What to denoise.

    Returns:
        A Markdown table: seconds, CPU seconds, seconds per megapixel, peak memory, and seconds
        over those of Keras.

    Raises:
        UserError: If a command fails.
    """
    rows: list[tuple[str, ...]] = [
        ("what", "engine", "seconds", "CPU s", "s per megapixel", "peak", "of Keras' time")
    ]
    helped = taken("--help")
    rows.append(
        ("`kdae denoise --help`", "–", *_cells(helped, None), "–")  # noqa: RUF001
    )
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="kdae-") as place:
            source = Path(place) / "in"
            write_pictures(case, source)
            times = {}
            for engine in case.engines:
                options = ["--model", model, *ENGINES[engine]]
                times[engine] = taken(source, "-o", Path(place) / engine, *options)
                print(f"{case.name}, {engine}: {times[engine]}", flush=True)
        megapixels = case.count * case.height * case.width / 1e6
        for engine, took in times.items():
            share = took.seconds / times[KERAS].seconds if KERAS in times else math.nan
            of_keras = "–" if math.isnan(share) else f"{share:.2f}"  # noqa: RUF001
            rows.append((case.name, engine, *_cells(took, megapixels), of_keras))
    return markdown(rows)


def taken(*arguments: str | Path) -> Taken:
    """Runs `kdae denoise` in a process of its own.

    Raises:
        UserError: If it fails; with what it said.
    """
    command = [sys.executable, "-m", "kdae.denoise", *map(str, arguments)]
    watch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("watch.py"))]
    with tempfile.TemporaryFile() as said:
        watched = subprocess.run(
            [*watch, *command], stdout=subprocess.PIPE, stderr=said, check=True, text=True
        )
        code, seconds, cpu_seconds, kilobytes = watched.stdout.split()
        if int(code):
            said.seek(0)
            raise UserError(f"{' '.join(command)}: {said.read().decode(errors='replace')}")
    return Taken(float(seconds), float(cpu_seconds), 1024 * int(kilobytes))


def write_pictures(case: Case, folder: Path) -> None:
    """Writes the pictures of a case: photographs of the package, side by side."""
    folder.mkdir()
    tiles = Path(str(resources.files("kdae") / "data" / "photos" / "tiles"))
    photographs = [read_image(path).pixels for path in sorted(tiles.glob("test-*.png"))[:9]]
    rows = [np.concatenate(photographs[k : k + 3], axis=1) for k in (0, 3, 6)]
    block = np.concatenate(rows)
    repeats = (-(-case.height // block.shape[0]), -(-case.width // block.shape[1]), 1)
    picture = Picture(np.tile(block, repeats)[: case.height, : case.width])
    for number in range(case.count):
        write_image(folder / f"{number:03}{case.suffix}", picture)


def _cells(took: Taken, megapixels: float | None) -> tuple[str, ...]:
    return (
        f"{took.seconds:.2f}",
        f"{took.cpu_seconds:.2f}",
        "–" if megapixels is None else f"{took.seconds / megapixels:.2f}",  # noqa: RUF001
        f"{took.peak_bytes / 1e6:,.0f} MB",
    )
