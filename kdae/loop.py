"""The training loop: steps, validation, checkpoints, and an end that always keeps the best.

A run may be killed, interrupted, run out of disk or diverge at any moment; the folder then
holds a whole checkpoint from which it can go on.
"""

from __future__ import annotations

import csv
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from kdae import runs
from kdae.config import Config, to_dict
from kdae.errors import UserError
from kdae.metrics import psnr
from kdae.pipeline import training_batches
from kdae.plots import plot_curves, plot_samples
from kdae.sources import Pictures
from kdae.step import State, build_step, validate

OnValidation = Callable[[int, float, keras.Model], object]
HISTORY_COLUMNS = ("step", "loss", "regularization", "psnr", "learning_rate", "seconds")


class Diverged(UserError):
    """The loss of a run is no longer a number."""


class Loop:
    """Takes the steps of a run and writes its folder: checkpoints, history, results.

    Args:
        config: the whole run.
        out: the run folder.
        strategy: the devices.
        state: what is trained; on them.
        pictures: to train on.
        examples: (noisy, clean) held-out pictures, from `validation_batches`.
        command: how to repeat the run, for the model card.
        on_validation: see `kdae.train.train`.
    """

    def __init__(
        self,
        config: Config,
        out: Path,
        strategy: tf.distribute.Strategy,
        state: State,
        pictures: Pictures,
        examples: list[tuple[tf.Tensor, tf.Tensor]],
        command: str,
        on_validation: OnValidation | None = None,
    ) -> None:
        self.on_validation = on_validation
        self.config, self.out, self.strategy, self.state = config, out, strategy, state
        self.pictures, self.examples, self.command = pictures, examples, command
        self.manager = tf.train.CheckpointManager(
            state.checkpoint(), str(out / runs.CHECKPOINTS), max_to_keep=2
        )
        self.rows: list[dict[str, Any]] = []
        self.writer = None
        if config.train.tensorboard:
            self.writer = tf.summary.create_file_writer(str(out / "tensorboard"))

    def restore(self) -> None:
        """Loads the last checkpoint, if any, and the history up to it."""
        if self.manager.latest_checkpoint:
            self.manager.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
        step = int(self.state.step)
        history = self.out / runs.HISTORY
        if history.is_file():
            with open(history, newline="", encoding="utf-8") as file:
                self.rows = [r for r in csv.DictReader(file) if int(r["step"]) <= step]
        if step == 0:
            self.save()

    def go(self) -> None:
        """Takes the remaining steps, then writes the results; on Ctrl-C writes them at once."""
        try:
            self._loop()
        except KeyboardInterrupt:
            self.save()
            self.finish()
            raise
        self.save()
        self.finish()
        # Two thirds of the folder, and of no use to a finished run.
        shutil.rmtree(self.out / runs.CHECKPOINTS)

    def _loop(self) -> None:
        config, state = self.config.train, self.state
        step_function = build_step(self.config, state, self.strategy)
        terms: list[tuple[float, float]] = []
        with tqdm(
            total=config.steps, initial=int(state.step), unit="step", disable=None
        ) as bar:
            for batch_size, batch in self._batches():
                start = time.perf_counter()
                data, penalty = (float(term) for term in step_function(batch))
                state.seconds.assign_add(time.perf_counter() - start)
                step = int(state.step)
                if not np.isfinite(data + penalty):
                    self._diverged(step)
                terms.append((data, penalty))
                if step % config.validate_every == 0 or step == config.steps:
                    self._validate(step, terms)
                    terms = []
                if step % config.checkpoint_every == 0:
                    self.save()
                bar.update()
                rate = bar.format_dict["rate"] or 0
                bar.set_postfix(
                    loss=f"{data:.4f}",
                    reg=f"{penalty:.1e}",
                    psnr=f"{float(self.rows[-1]['psnr']):.2f}" if self.rows else "-",
                    pictures_per_s=f"{rate * batch_size:.0f}",
                    refresh=False,
                )

    def _batches(self) -> Iterator[tuple[int, Any]]:
        """(batch size, batch) for every step that is left, through all stages."""
        config, done = self.config.train, int(self.state.step)
        ends = [int(grow.at * config.steps) for grow in config.grow] + [config.steps]
        sizes = [(config.batch, config.patch)] + [(g.batch, g.patch) for g in config.grow]
        start = 0
        for (batch, patch), end in zip(sizes, ends, strict=True):
            if max(start, done) < end:
                dataset = training_batches(
                    self.pictures, self.config.noise, self.config.augment,
                    batch=batch, patch=patch, seed=config.seed,
                    steps=range(max(start, done), end),
                )  # fmt: skip
                for element in distribute(dataset, self.strategy):
                    yield batch, element
            start = end

    def _validate(self, step: int, terms: list[tuple[float, float]]) -> None:
        data, penalty = np.mean(terms, axis=0)
        row: dict[str, Any] = {
            "step": step,
            "loss": f"{data:.6g}",
            "regularization": f"{penalty:.6g}",
            "psnr": f"{validate(self.state.averaged, self.examples):.4f}",
            "learning_rate": f"{float(self.state.optimizer.learning_rate):.6g}",
            "seconds": f"{float(self.state.seconds):.1f}",
        }
        self.rows.append(row)
        runs.replace_file(self.out / runs.HISTORY, self._write_history)
        if not sys.stderr.isatty():
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        if self.writer:
            with self.writer.as_default(step):
                for key, value in row.items():
                    tf.summary.scalar(key, float(value))
                for noisy, clean in self.examples[:2]:
                    denoised = self.state.averaged(noisy, training=False)
                    strip = tf.clip_by_value(tf.concat([noisy, denoised, clean], axis=2), 0, 1)
                    tf.summary.image("noisy, denoised, clean", strip)
        if self.on_validation:
            self.on_validation(step, float(row["psnr"]), self.state.averaged)

    def _write_history(self, path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HISTORY_COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)

    def save(self) -> None:
        """Writes a checkpoint; the one before stays whole until this one is."""
        step = int(self.state.step)
        if not all(np.isfinite(value).all() for value in self.state.model.get_weights()):
            self._diverged(step)
        try:
            self.manager.save(checkpoint_number=step)
        except (OSError, tf.errors.OpError) as error:
            kept = self.manager.latest_checkpoint
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{self.out}: the checkpoint of step {step} could not be written ({reason}); "
                f"the last one, {Path(kept).name if kept else 'none'}, is intact: free some "
                "space and go on with --resume"
            ) from error

    def _diverged(self, step: int) -> None:
        """Puts back the last good weights, writes them as the result, and stops."""
        self.manager.checkpoint.restore(self.manager.latest_checkpoint)
        good = int(self.state.step)
        self.finish()
        raise Diverged(
            f"train: the loss is not a number at step {step}; {self.out} holds the last good "
            f"weights, of step {good}. Try a smaller train.learning_rate or train.clip_norm"
        )

    def finish(self) -> None:
        """Writes the model, its card and the pictures."""
        runs.save_model(self.state.averaged, self.out / runs.MODEL)
        runs.write_card(self._card(), self.out / runs.CARD)
        if self.rows:
            plot_curves(self.out / runs.HISTORY, self.out / "curves.png")
        plot_samples(self.state.averaged, self.examples, self.out / "samples.png")

    def _card(self) -> dict[str, Any]:
        config, pictures, examples = self.config, self.pictures, self.examples
        noisy = [float(psnr(noisy, clean)[0]) for noisy, clean in examples]
        measured = {
            "data": f"validation: {config.data.validation or config.data.source}",
            "noise": config.validation.noise or config.noise.kind,
            "images": len(examples),
            "psnr_noisy": round(float(np.mean(noisy)), 3),
            # Not the history's last: a run may end between two validations.
            "psnr": round(validate(self.state.averaged, examples), 3),
            "command": self.command,
        }
        return runs.describe(self.state.averaged, self.out.resolve().name) | {
            "model": to_dict(config.model),
            "training": {
                "command": self.command,
                "steps": int(self.state.step),
                "seconds": round(float(self.state.seconds), 1),
                "source": str(config.data.source),
                "pictures": len(pictures),
                "licenses": pictures.license_summary,
                "noise": {"kind": config.noise.kind, "quantize": config.noise.quantize},
            },
            "results": [measured],
        }


def distribute(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Any:
    """Shares each global batch among the replicas of `strategy`."""
    options = tf.data.Options()
    # Every device takes its share of the same batch, so that the result does not depend on
    # their number.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))
