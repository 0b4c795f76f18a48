"""Exporters: one folder per format, each taking a float32 model into another runtime.

To add a format, write `kdae/export/NAME/exporter.py` with `REQUIRES` (modules, and what
brings them), `export` and `run` (see `Exporter`), and add NAME to `FORMATS`.
`kdae.export.parity` measures it, holds it to its bounds and reports.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from kdae.errors import UserError

if TYPE_CHECKING:
    import keras

FORMATS = ("savedmodel", "tflite", "tfjs")

MAX_PIXELS = 2**25
"""Of the largest picture that a server decodes, by default."""

FLOAT32_BOUND = 1e-5
"""Largest difference from Keras of a float32 artifact, on the [0, 1] scale."""

THREADS = (1, 2)
"""Numbers of threads that runtimes are timed with."""


@dataclass(frozen=True)
class Job:
    """What an exporter is given.

    Attributes:
        name: of the model, used in file names.
        model: float32, [N, H, W, C] to the same shape; H and W multiples of `size_multiple`.
        card: the model card.
        folder: an empty folder to write into.
        max_pixels: of a picture that a server decodes.
    """

    name: str
    model: keras.Model
    card: Mapping[str, Any]
    folder: Path
    max_pixels: int


@dataclass(frozen=True)
class Bounds:
    """What an artifact may lose against Keras; None: not bounded.

    Attributes:
        difference: largest absolute difference of a value, on the [0, 1] scale.
        psnr_loss: fall of the mean PSNR at sigma 25, in dB.
    """

    difference: float | None = None
    psnr_loss: float | None = None


@dataclass(frozen=True)
class Artifact:
    """One thing to deploy.

    Attributes:
        variant: what it is called in the report.
        path: a file or a folder.
        bounds: see `Bounds`.
        multiple: heights and widths must be multiples of it; 1: anything goes.
        side: the one height and width of a fixed-size artifact.
        clipped: whether the output is clipped to [0, 1].
        signature: which way in is meant, where `path` has several.
    """

    variant: str
    path: Path
    bounds: Bounds
    multiple: int = 1
    side: int | None = None
    clipped: bool = True
    signature: str = ""


class Run(NamedTuple):
    """What an artifact's own runtime made of some pictures.

    Attributes:
        outputs: one [H, W, C] float32 for each input.
        milliseconds: for the first input, by number of threads; the least of several runs.
        runtime: name and version.
    """

    outputs: list[np.ndarray]
    milliseconds: dict[int, float]
    runtime: str


class NotRun(Exception):
    """The runtime is not here; the message says what is missing and what brings it."""


class Exporter(Protocol):
    """A module of this package that writes one format."""

    REQUIRES: Mapping[str, str]

    def export(self, job: Job) -> list[Artifact]:
        """Writes the artifacts of a model into `job.folder`."""

    def run(
        self, artifacts: Sequence[Artifact], pictures: Sequence[Sequence[np.ndarray]]
    ) -> list[Run]:
        """Runs artifacts in their own runtime.

        Args:
            artifacts: some of those that `export` gave.
            pictures: for each artifact, [H, W, C] float32 in [0, 1], of sizes it takes.

        Raises:
            NotRun: the runtime is not here.
        """


def find_exporter(name: str) -> Exporter:
    """Imports the exporter of a format, after a look for what it needs.

    Raises:
        UserError: for an unknown format, or when an extra is not installed.
    """
    if name not in FORMATS:
        raise UserError(f"--format: expected one of {', '.join(FORMATS)}, got {name!r}")
    exporter: Any = importlib.import_module(f"kdae.export.{name}.exporter")
    for module, command in exporter.REQUIRES.items():
        if importlib.util.find_spec(module) is None:
            raise UserError(
                f"--format {name}: the package {module} is missing; {command} brings it"
            )
    found: Exporter = exporter
    return found
