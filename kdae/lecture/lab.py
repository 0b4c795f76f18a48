"""What the claims share: photographs, small networks trained on them, and measurements."""

from __future__ import annotations

import contextlib
import csv
import functools
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kdae.data import KDAE_PHOTOS, load_pictures
from kdae.engine import Denoiser, load
from kdae.evaluate import evaluate
from kdae.evaluate.measure import noisy_examples
from kdae.images import to_float
from kdae.model import load_model
from kdae.train import train
from kdae.train.config import config_from_dict
from kdae.train.folder import CONFIG, HISTORY
from kdae.train.loop import Diverged

Overrides = Mapping[str, Mapping[str, Any]]
"""Settings of a config that differ from the defaults, by section."""

# This network learns most of what it can in a quarter of a minute. Its filters see brightness,
# as those of textbooks do.
NET: Overrides = {
    "noise": {"kind": {"gaussian": {"sigma": 25}}, "quantize": 0.0},
    "model": {"family": "skip", "widths": [16, 32], "blocks": [1, 1], "bias": False,
              "zero_mean": False},
    "train": {
        "steps": 800, "batch": 8, "patch": 48, "optimizer": "muon", "learning_rate": 3e-3,
        "warmup": 20, "ema": 0.98, "validate_every": 200, "checkpoint_every": 800,
    },
    "validation": {"patch": 128, "limit": 10},
}  # fmt: skip
# A quick lecture begins with this network: it is traced in less than half the time.
QUICK_NET: Overrides = {"model": {"widths": [4, 8]}, "train": {"optimizer": "sgd"}}
QUICK: Overrides = {
    "train": {"steps": 4, "batch": 2, "patch": 32, "warmup": 2, "validate_every": 2,
              "checkpoint_every": 4},
    "validation": {"patch": 32, "limit": 2},
}  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A network whose training has ended.

    Attributes:
        folder: The run folder, see `kdae.train.folder`.
        watched: The figures that `watch` returned at each validation, with the `step`.
        diverged: The error message if the loss was no longer a number, else empty.
    """

    folder: Path
    watched: list[dict[str, float]]
    diverged: str = ""

    @functools.cached_property
    def denoiser(self) -> Denoiser:
        """The network with its model card, ready to denoise pictures."""
        return load(self.folder)

    @functools.cached_property
    def model(self) -> keras.Model:
        """The network."""
        return load_model(self.folder)[0]

    def history(self, column: str) -> list[float]:
        """Returns a column of `history.csv`."""
        with open(self.folder / HISTORY, newline="", encoding="utf-8") as file:
            return [float(row[column]) for row in csv.DictReader(file)]


class Lab:
    """Trains the networks of the claims and measures them.

    Args:
        out: The folder of the report. Training runs are kept in it and used again.
        quick: Whether to cut every experiment to seconds.
    """

    def __init__(self, out: Path, quick: bool) -> None:
        self.out, self.quick = out, quick
        self.seeds = (0,) if quick else (0, 1, 2)

    def pick(self, full: Any, quick: Any) -> Any:
        """Returns `quick` in a quick lecture, else `full`."""
        return quick if self.quick else full

    def settings(self, *changes: Overrides, seed: int = 0) -> dict[str, dict[str, Any]]:
        """Returns `NET` with changes.

        In a quick lecture the changes are made to `QUICK_NET`, and `QUICK` overrides them all.
        """
        merged: dict[str, dict[str, Any]] = {"data": {"limit": self.pick(None, 12)}}
        first, last = self.pick(({}, {}), (QUICK_NET, QUICK))
        for layer in (NET, first, *changes, {"train": {"seed": seed}}, last):
            for section, values in layer.items():
                merged.setdefault(section, {}).update(values)
        return merged

    def folder(self, *parts: object) -> Path:
        """Returns the folder of the run with these settings; others have another folder."""
        text = json.dumps(parts, sort_keys=True)
        return self.out / "runs" / hashlib.sha256(text.encode()).hexdigest()[:12]

    def train(
        self,
        *changes: Overrides,
        seed: int,
        watch: Callable[[keras.Model], dict[str, float]] | None = None,
    ) -> Trained:
        """Trains `NET` with changes, unless this run has been finished before.

        Args:
            changes: Sections of a config. Later ones override earlier ones.
            seed: The seed of the run.
            watch: A function that measures the averaged model, called at each validation.
        """
        settings = self.settings(*changes, seed=seed)
        config = config_from_dict(settings)
        folder = self.folder(settings)
        notes = folder / "watched.json"
        rows: dict[str, dict[str, float]] = {}
        if notes.is_file():
            rows = json.loads(notes.read_text(encoding="utf-8"))

        def note(step: int, psnr: float, model: keras.Model) -> None:
            if watch is not None:
                rows[str(step)] = {"step": step, **watch(model)}
                notes.write_text(json.dumps(rows), encoding="utf-8")

        ended = folder / "diverged.txt"
        if not ended.is_file():
            resume = (folder / CONFIG).is_file()
            try:
                # The lines that training prints would bury those of the lecture.
                with contextlib.redirect_stdout(io.StringIO()):
                    train(config, folder, resume=resume, on_validation=note)
            except Diverged as error:
                ended.write_text(str(error), encoding="utf-8")
        diverged = ended.read_text(encoding="utf-8") if ended.is_file() else ""
        return Trained(folder, list(rows.values()), diverged)

    @functools.cache  # noqa: B019  (a lab lives as long as the process)
    def photos(self, count: int, split: str = "validation", channels: int = 1) -> list[Any]:
        """Returns photographs as float32 [256, 256, channels] in [0, 1].

        Args:
            count: How many at most. They are spread evenly over the split.
            split: "train" or "validation".
            channels: 1 (grey) or 3 (RGB).

        Raises:
            ValueError: If the split is "test", which only claim 12 may use.
        """
        if split == "test":
            raise ValueError("split: the test pictures are for kdae.tune alone")
        arrays = load_pictures(KDAE_PHOTOS, split, channels).arrays
        picks = np.linspace(0, len(arrays) - 1, min(count, len(arrays))).round().astype(int)
        return [to_float(arrays[index]) for index in picks]

    def measure(
        self,
        denoise: Callable[[np.ndarray], np.ndarray],
        noise: Mapping[str, Any],
        count: int = 12,
        side: int = 256,
    ) -> dict[str, Any]:
        """Measures a denoiser on held-out photographs.

        Args:
            denoise: A function from [H, W, 1] float32 to the same shape.
            noise: The spec of the noise, see `kdae.noise`.
            count: The number of photographs.
            side: The height and width to which they are cut, in pixels.

        Returns:
            The result of `kdae.evaluate.evaluate`.
        """
        count, side = self.pick((count, side), (1, 32))
        clean = [np.rint(p[:side, :side] * 255).astype(np.uint8) for p in self.photos(count)]
        return evaluate(denoise, noisy_examples(clean, noise), KDAE_PHOTOS, str(noise))
