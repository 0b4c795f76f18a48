"""Fills the run folder, which holds everything that training leaves to the other verbs.

RUN/model.keras       the averaged weights, float32
    model-card.json   the facts about the model that every consumer reads
    config.yaml       every setting, with the defaults
    history.csv       one row per validation
    curves.png  samples.png  checkpoints/  tensorboard/ (on request)

One process alone writes it; where there are several workers, it is the chief.
"""

from __future__ import annotations

import csv
import functools
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kdae.cards import CARD, MODEL, write_card
from kdae.data import Learned, Pictures
from kdae.errors import UserError, first_line
from kdae.files import replace_file
from kdae.model import describe, save_model
from kdae.train.config import Config, to_dict
from kdae.train.objectives import noisy_pictures, validate
from kdae.train.plots import panels, plot_curves, plot_samples
from kdae.train.residual import Residual, measure_residual
from kdae.train.step import State

CONFIG, HISTORY = "config.yaml", "history.csv"
CHECKPOINTS = "checkpoints"
MARGIN = 16
"""Pixels by which a network that has seen mirrored borders wants pictures to be continued."""

OnValidation = Callable[[int, float, keras.Model], object]
HISTORY_COLUMNS = ("step", "loss", "regularization", "psnr", "learning_rate", "seconds")


class Record:
    """The run folder while it is being filled.

    Args:
        config: the whole run.
        out: the run folder.
        state: what is trained.
        pictures: the pictures trained on.
        examples: held-out pictures, from `validation_batches`, for
            `config.held_out_supervision`.
        command: the command that repeats the run, for the model card.
        on_validation: see `kdae.train.train`.
    """

    def __init__(
        self,
        config: Config,
        out: Path,
        state: State,
        pictures: Pictures,
        examples: list[Learned],
        command: str,
        on_validation: OnValidation | None = None,
    ) -> None:
        self.on_validation = on_validation
        self.config, self.out, self.state = config, out, state
        self.pictures, self.examples, self.command = pictures, examples, command
        self.supervision = config.held_out_supervision
        self.shown = [self._shown(example) for example in examples]
        self.manager = tf.train.CheckpointManager(
            state.checkpoint(), str(out / CHECKPOINTS), max_to_keep=2
        )
        self.rows: list[dict[str, Any]] = []
        self.writer = None
        if config.train.tensorboard:
            self.writer = tf.summary.create_file_writer(str(out / "tensorboard"))

    def restore(self) -> None:
        """Loads the last checkpoint, if any, and the history up to it."""
        if self.manager.latest_checkpoint:
            self.manager.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
        step = int(self.state.step.numpy())
        history = self.out / HISTORY
        if history.is_file():
            with open(history, newline="", encoding="utf-8") as file:
                self.rows = [r for r in csv.DictReader(file) if int(r["step"]) <= step]
        if step == 0:
            self.save()

    def validate(self, step: int, data: float, penalty: float) -> None:
        """Measures the PSNR and adds a row to the history.

        Args:
            step: the steps taken.
            data: mean data term of the loss since the last validation.
            penalty: mean regularization term of the loss since then.
        """
        row: dict[str, Any] = {
            "step": step,
            "loss": f"{data:.6g}",
            "regularization": f"{penalty:.6g}",
            "psnr": f"{self._psnr():.4f}",
            "learning_rate": f"{float(self.state.optimizer.learning_rate):.6g}",
            "seconds": f"{float(self.state.seconds.numpy()):.1f}",
        }
        self.rows.append(row)
        replace_file(self.out / HISTORY, self._write_history)
        if not sys.stderr.isatty():
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        if self.writer:
            with self.writer.as_default(step):
                for key, value in row.items():
                    tf.summary.scalar(key, float(value))
                for noisy, clean in self.shown[:2]:
                    shown = [image for _, image in panels(self.state.averaged, noisy, clean)]
                    strip = tf.clip_by_value(tf.concat(shown, axis=2), 0, 1)
                    last = "clean" if clean is not None else "removed"
                    tf.summary.image(f"noisy, denoised, {last}", strip)
        if self.on_validation:
            self.on_validation(step, float(row["psnr"]), self.state.averaged)

    def _write_history(self, path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HISTORY_COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)

    def save(self) -> None:
        """Writes a checkpoint; the one before is kept until this one is complete.

        Raises:
            UserError: it cannot be written.
        """
        step = int(self.state.step.numpy())
        try:
            self.manager.save(checkpoint_number=step)
        except (OSError, tf.errors.OpError) as error:
            kept = self.manager.latest_checkpoint
            reason = first_line(error)
            raise UserError(
                f"{self.out}: the checkpoint of step {step} could not be written ({reason}); "
                f"the last one, {Path(kept).name if kept else 'none'}, is intact: free some "
                "space and go on with --resume"
            ) from error

    def go_back(self) -> str:
        """Makes the weights of the last checkpoint the result, and says which they are."""
        self.manager.checkpoint.restore(self.manager.latest_checkpoint)
        self.finish()
        return f"{self.out} holds the last good weights, of step {self.state.step.numpy()}"

    def finish(self) -> None:
        """Writes the model, its card and the pictures."""
        save_model(self.state.averaged, self.out / MODEL)
        residual = self._residual() if self.config.supervision.alone else None
        write_card(self._card(residual), self.out / CARD)
        if self.rows:
            plot_curves(self.out / HISTORY, self.out / "curves.png")
        plot_samples(self.state.averaged, self.shown, self.out / "samples.png")

    def clear(self) -> None:
        """Removes the checkpoints: two thirds of the folder, not needed after the run."""
        shutil.rmtree(self.out / CHECKPOINTS)

    def _shown(self, example: Learned) -> tuple[Any, Any]:
        """Returns the noisy picture of an example, and the clean one or None."""
        clean = None if self.supervision.alone else example[1]
        return noisy_pictures(example, self.supervision), clean

    def _psnr(self) -> float:
        forward = functools.partial(self.state.averaged, training=False)
        return validate(forward, self.examples, self.supervision)

    def _residual(self) -> Residual:
        """Measures what the network removes, and says it."""
        forward = functools.partial(self.state.averaged, training=False)
        residual = measure_residual([noisy for noisy, _ in self.shown], forward)
        sigma = residual.sigma * self._unit()
        print(f"the noise that was removed has a standard deviation of {sigma:.4g}")
        for warning in residual.warnings():
            print(f"warning: {warning}", file=sys.stderr)
        return residual

    def _unit(self) -> float:
        """The span of values from 0 to 1 of the network, in values of the files."""
        levels = self.pictures.levels
        return levels.high - levels.low if levels else 255.0

    def _card(self, residual: Residual | None) -> dict[str, Any]:
        config, pictures, examples = self.config, self.pictures, self.examples
        validated = config.data.validation or config.data.source
        trained: dict[str, Any] = {"kind": config.noise.kind, "quantize": config.noise.quantize}
        measured = {
            "data": f"validation: {validated}",
            "noise": noise_of(validated, config.validation.noise or config.noise.kind),
            "images": len(examples),
            "psnr_noisy": round(validate(lambda noisy: noisy, examples, self.supervision), 3),
            # Measured anew, since a run may end between two validations.
            "psnr": round(self._psnr(), 3),
            "command": self.command,
        }
        if residual:
            # An estimate, with which exports to 8 bits choose their ranges.
            sigma = min(round(255 * residual.sigma, 2), 255.0)
            trained = {"kind": {"gaussian": {"sigma": sigma}}, "quantize": 0.0}
        if self.supervision.alone:
            measured["noise"] = "of the pictures"
            measured["note"] = "PSNR against noisy targets, not against clean pictures"
        card = describe(self.state.averaged, self.out.resolve().name)
        if config.augment.mirrored:
            card["margin"] = -(-MARGIN // card["size_multiple"]) * card["size_multiple"]
        card |= {
            "model": to_dict(config.model),
            "training": {
                "command": self.command,
                "steps": int(self.state.step.numpy()),
                "seconds": round(float(self.state.seconds.numpy()), 1),
                "source": str(config.data.source),
                "pictures": len(pictures),
                "licenses": pictures.license_summary,
                "supervision": config.supervision.kind,
                "noise": trained if residual else noise_of(config.data.source, trained),
            },
            "results": [measured],
        }
        if pictures.levels:
            card["levels"] = list(pictures.levels)
        if residual:
            figures = residual._replace(sigma=residual.sigma * self._unit())._asdict()
            card["removed"] = {name: round(value, 4) for name, value in figures.items()}
        return card


def noise_of(source: Any, added: Any) -> Any:
    """Returns what a card says of the noise of a source.

    Args:
        source: As in the config, `data.source`.
        added: The noise that is added to clean pictures.

    Returns:
        `added`; for pairs, which have their own noise, `{"pairs": source}`.
    """
    return {"pairs": dict(source)} if isinstance(source, Mapping) else added
