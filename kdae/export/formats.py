"""The export formats and what their exporters have in common.

An exporter writes a float32 model for another runtime. To add one, write
`kdae/export/NAME/exporter.py` with `REQUIRES` (the modules it needs and the command that
installs each), `export` and `run` (see `Exporter`), and add NAME to `FORMATS`.
`kdae.export.parity` compares its artifacts with Keras and refuses those that miss their bounds.
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

FORMATS = ("savedmodel", "tflite", "tfjs", "onnx")

MAX_PIXELS = 2**25
"""The number of pixels of the largest picture that a server decodes, by default."""

FLOAT32_BOUND = 1e-5
"""Largest difference from Keras of a float32 artifact, on the [0, 1] scale."""

THREADS = (1, 2)
"""Numbers of threads that runtimes are timed with."""


@dataclass(frozen=True)
class ExportRequest:
    """The arguments of an exporter.

    Attributes:
        name: The name of the model, which is used in file names.
        model: The model, from [N, H, W, C] float32 to the same shape. H and W are multiples of
            `size_multiple` in the card.
        card: The model card.
        folder: An empty folder to write into.
        max_pixels: The number of pixels of the largest picture that a server decodes.
    """

    name: str
    model: keras.Model
    card: Mapping[str, Any]
    folder: Path
    max_pixels: int

    @property
    def clipped(self) -> bool:
        """Whether an output below 0 or above 1 is clipped.

        With `levels` in the card 0 and 1 are percentiles, beyond which values are real.
        """
        return "levels" not in self.card


@dataclass(frozen=True)
class Bounds:
    """By how much an artifact may differ from Keras. None means that there is no bound.

    Attributes:
        difference: The largest absolute difference of a value, on the [0, 1] scale.
        psnr_loss: The loss of mean PSNR at sigma 25, in dB.
    """

    difference: float | None = None
    psnr_loss: float | None = None


@dataclass(frozen=True)
class Artifact:
    """An exported file or folder.

    Attributes:
        variant: Its name in the report.
        path: The file or folder.
        bounds: By how much it may differ from Keras.
        multiple: Heights and widths must be multiples of this number.
        side: The height and width of an artifact of fixed size, else None.
        margin: What it continues a picture by on each side itself, in pixels.
        clipped: Whether the output is clipped to [0, 1].
        signature: The signature to run, if `path` has several.
    """

    variant: str
    path: Path
    bounds: Bounds
    multiple: int = 1
    side: int | None = None
    margin: int = 0
    clipped: bool = True
    signature: str = ""


class Run(NamedTuple):
    """The results of an artifact in its own runtime.

    Attributes:
        outputs: One [H, W, C] float32 per input.
        milliseconds: The time of the first input by number of threads, the shortest of several
            runs.
        runtime: The name and version of the runtime.
    """

    outputs: list[np.ndarray]
    milliseconds: dict[int, float]
    runtime: str


class NotRun(Exception):
    """The runtime is not installed. The message says what is missing and how to install it."""


class Exporter(Protocol):
    """A module of this package that writes one format."""

    REQUIRES: Mapping[str, str]

    def export(self, request: ExportRequest) -> list[Artifact]:
        """Writes the artifacts of a model into `request.folder`."""

    def run(
        self, artifacts: Sequence[Artifact], pictures: Sequence[Sequence[np.ndarray]]
    ) -> list[Run]:
        """Runs artifacts in their own runtime.

        Args:
            artifacts: Some of the artifacts that `export` returned.
            pictures: The pictures of each artifact, [H, W, C] float32 in [0, 1], of sizes that
                it accepts.

        Raises:
            NotRun: If the runtime is not installed.
        """


def find_exporter(name: str) -> Exporter:
    """Imports the exporter of a format, after checking that its modules are installed.

    Raises:
        UserError: If the format is unknown, or an extra is not installed.
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
