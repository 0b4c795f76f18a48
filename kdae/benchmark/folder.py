"""Compares the speed of denoising a folder with that of the model alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kdae.denoise.journal import Journal, Settings
from kdae.denoise.plan import Job, plan
from kdae.denoise.stream import Result, denoise_file, denoise_files
from kdae.engine import load
from kdae.errors import UserError
from kdae.images import list_images, read_image

REPEATS = 3


@dataclass(frozen=True)
class Rates:
    """Times in seconds for the same pictures, each the shortest of several rounds.

    Attributes:
        pictures: The number of pictures.
        megapixels: The size of all pictures together.
        alone: The time of the model, from memory to memory.
        folder: The time from file to file as `python -m kdae.denoise FOLDER` does it, after the
            model is loaded.
        one_by_one: The time from file to file, one picture after the other.
    """

    pictures: int
    megapixels: float
    alone: float
    folder: float
    one_by_one: float

    @property
    def share(self) -> float:
        """The rate of a folder divided by that of the model alone."""
        return self.alone / self.folder

    def __str__(self) -> str:
        lines = [f"{self.pictures} pictures, {self.megapixels:.1f} megapixels:"]
        for seconds, what in (
            (self.alone, "the model alone"),
            (self.folder, f"a folder, {100 * self.share:.1f} % of that rate"),
            (self.one_by_one, f"one by one, {100 * self.alone / self.one_by_one:.1f} %"),
        ):
            lines.append(
                f"{seconds:7.2f} s {self.pictures / seconds:7.1f}/s "
                f"{self.megapixels / seconds:6.2f} megapixels/s  {what}"
            )
        return "\n".join(lines)


def measure_folder(model: str, data: Path, repeats: int = REPEATS) -> Rates:
    """Denoises the pictures of a folder in each of the three ways in turn, and times them.

    Args:
        model: A model, as for `kdae.load`.
        data: The folder. Its pictures are held in memory, and those that cannot be read are
            left out.
        repeats: The number of rounds that are timed. One more round comes first and is not.

    Returns:
        The times of the fastest rounds.

    Raises:
        UserError: If there is no such model or folder, or no picture can be read.
    """
    denoiser, settings = load(model), Settings.of(model, 1.0)
    files, pictures = [], []
    for file in list_images(data):
        try:
            pictures.append(read_image(file).pixels)
            files.append(file)
        except UserError:
            continue
    if not files:
        raise UserError(f"--data {data}: no picture in this folder can be read")

    def alone(_: Path) -> None:
        for pixels in pictures:
            denoiser.denoise(pixels)

    def jobs(out: Path) -> list[Job]:
        return [job for job in plan([str(data)], str(out)) if job.source in chosen]

    def folder(out: Path) -> None:
        journal = Journal(out, settings)
        with journal.recording():
            denoise_files(denoiser, jobs(out), finished=_check, journal=journal)

    def one_by_one(out: Path) -> None:
        for job in jobs(out):
            denoise_file(denoiser, job)

    chosen = set(files)
    ways: list[Callable[[Path], None]] = [alone, folder, one_by_one]
    rounds = [[_seconds(way) for way in ways] for _ in range(repeats + 1)]
    fastest = [min(times) for times in zip(*rounds[1:], strict=True)]
    megapixels = sum(pixels.shape[0] * pixels.shape[1] for pixels in pictures) / 1e6
    return Rates(len(files), megapixels, *fastest)


def _seconds(way: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        way(Path(out))
        return time.perf_counter() - start


def _check(result: Result) -> None:
    if result.reason:
        raise UserError(result.reason)
