"""The training loop: steps, validation and checkpoints.

A run may be killed, interrupted, run out of disk or diverge at any moment. The folder then
holds a complete checkpoint from which it can go on.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from kdae.data import Pictures, shared_batches, training_batches, validation_batches
from kdae.errors import UserError
from kdae.model.quantization import choose_ranges, rounded_layers
from kdae.train.config import Config
from kdae.train.distributed import Workers
from kdae.train.folder import Record
from kdae.train.objectives import noisy_pictures
from kdae.train.step import State, build_step


class Diverged(UserError):
    """The loss of a run has become infinite or NaN."""


class Loop:
    """Takes the steps of a run, on one device, many devices or many machines.

    Args:
        config: the whole run.
        strategy: the devices.
        workers: the machines.
        state: what is trained, on these devices.
        pictures: the pictures to train on.
        record: writes the run folder; None on all workers but the chief.
    """

    def __init__(
        self,
        config: Config,
        strategy: tf.distribute.Strategy,
        workers: Workers,
        state: State,
        pictures: Pictures,
        record: Record | None,
    ) -> None:
        self.config, self.strategy, self.workers = config, strategy, workers
        self.state, self.pictures, self.record = state, pictures, record

    def go(self) -> None:
        """Takes the remaining steps and writes the results; on Ctrl-C writes them at once.

        Raises:
            UserError: the loss is no number, the disk is full, or another worker is gone.
            KeyboardInterrupt: after everything has been saved.
        """
        try:
            self._loop()
        except KeyboardInterrupt:
            self.save()
            if self.record:
                self.record.finish()
            raise
        self.save()
        if self.record:
            self.record.finish()
            self.record.clear()
        # No worker reports success before the folder is whole.
        self.workers.told(self.strategy, [0.0])

    def _loop(self) -> None:
        config, state = self.config.train, self.state
        step_function, rounded = None, round(config.steps * (1 - config.eight_bits))
        batches = self._batches()
        terms: list[tuple[float, float]] = []
        done, silent = int(state.step.numpy()), None if self.record else True
        with tqdm(total=config.steps, initial=done, unit="step", disable=silent) as bar:
            for step in range(done + 1, config.steps + 1):
                with self.workers.together():
                    start = time.perf_counter()
                    batch_size, stage = next(batches)
                    if step_function is None or step - 1 == rounded:
                        step_function = self._step_function(eight_bits=step > rounded)
                    data, penalty = (float(term) for term in step_function(stage))
                    state.seconds.assign_add(time.perf_counter() - start)
                if not np.isfinite(data + penalty):
                    self._diverged(step)
                terms.append((data, penalty))
                if step % config.validate_every == 0 or step == config.steps:
                    if self.record:
                        self.record.validate(step, *np.mean(terms, axis=0))
                    terms = []
                if step % config.checkpoint_every == 0:
                    self.save()
                bar.update()
                rate = bar.format_dict["rate"] or 0
                rows = self.record.rows if self.record else []
                bar.set_postfix(
                    loss=f"{data:.4f}",
                    reg=f"{penalty:.1e}",
                    psnr=f"{float(rows[-1]['psnr']):.2f}" if rows else "-",
                    pictures_per_s=f"{rate * batch_size:.0f}",
                    refresh=False,
                )

    def _step_function(self, eight_bits: bool) -> Any:
        """Returns the function that takes a step; chooses the int8 ranges once, if needed."""
        supervision = self.config.supervision
        if eight_bits and not self.state.ranges.numpy().any():
            examples = validation_batches(
                self.pictures, self.config.noise.kind, patch=self.config.validation.patch,
                seed=self.config.train.seed, limit=self.config.validation.limit,
                multiple=self.config.size_multiple, supervision=supervision,
            )  # fmt: skip
            noisy = [np.clip(noisy_pictures(e, supervision)[0], 0, 1) for e in examples]
            ranges = choose_ranges(self.state.averaged, noisy)
            self.state.ranges.assign(list(map(ranges.get, rounded_layers(self.state.model))))
            # Another kind of machine may round differently.
            self.workers.share(self.strategy, [self.state.ranges])
        return build_step(self.config, self.state, self.strategy, eight_bits=eight_bits)

    def _batches(self) -> Iterator[tuple[int, Any]]:
        """Yields, for every step left, the batch size of all replicas and an iterator."""
        config, done = self.config.train, int(self.state.step.numpy())
        ends = [int(grow.at * config.steps) for grow in config.grow] + [config.steps]
        sizes = [(config.batch, config.patch)] + [(g.batch, g.patch) for g in config.grow]
        start = 0
        for (batch, patch), end in zip(sizes, ends, strict=True):
            if max(start, done) < end:
                make = functools.partial(
                    training_batches, self.pictures, self.config.noise, self.config.augment,
                    batch=batch, patch=patch, seed=config.seed,
                    steps=range(max(start, done), end), supervision=self.config.supervision,
                )  # fmt: skip
                stage = iter(shared_batches(self.strategy, batch, make))
                for _ in range(max(start, done), end):
                    yield batch, stage
            start = end

    def save(self) -> None:
        """Writes a checkpoint, unless a weight is no number.

        The weights are the same on all workers, so that all of them end alike.
        """
        if not all(np.isfinite(value).all() for value in self.state.model.get_weights()):
            self._diverged(int(self.state.step.numpy()))
        if self.record:
            self.record.save()

    def _diverged(self, step: int) -> None:
        kept = self.record.go_back() if self.record else "see what the chief says"
        raise Diverged(
            f"train: the loss is not a number at step {step}; {kept}. Try a smaller "
            "train.learning_rate or train.clip_norm"
        )
