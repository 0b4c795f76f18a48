"""How fast training is, and how much of that the input pipeline costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import tensorflow as tf

from kdae.config import Config
from kdae.pipeline import training_batches
from kdae.sources import load_pictures
from kdae.step import build_state, build_step

ROUNDS = 10  # in which both are timed in turn, so that a machine that slows down slows both
WARM_UP = 20  # steps of each round: tracing, and the buffers' first filling, which is faster


@dataclass(frozen=True)
class Waiting:
    """Where the time of a training step goes.

    Attributes:
        step: mean seconds per step.
        wait: mean seconds of it in which the step waited for its batch.
        alone: mean seconds of the same step with its batch already in memory.
    """

    step: float
    wait: float
    alone: float

    @property
    def share(self) -> float:
        """The share of a training step spent waiting for data."""
        return self.wait / self.step

    @property
    def efficiency(self) -> float:
        """Training pictures per second over those with all data already in memory."""
        return self.alone / self.step

    def __str__(self) -> str:
        return (
            f"{1000 * self.step:.1f} ms per training step, of which {1000 * self.wait:.2f} ms "
            f"({100 * self.share:.1f} %) waiting for data; {1000 * self.alone:.1f} ms with the "
            f"batch already in memory: {100 * self.efficiency:.1f} % of that speed"
        )


def measure_pipeline(config: Config, steps: int) -> Waiting:
    """Trains for a moment and times the wait for each batch.

    Args:
        config: of the run; its first batch and patch size are used.
        steps: how many to time, in rounds of a tenth.
    """
    data, train = config.data, config.train
    pictures = load_pictures(data.source, "train", data.channels, data.limit, train.patch)
    strategy = tf.distribute.get_strategy()
    state = build_state(config, strategy)
    step = build_step(config, state, strategy)
    rounds = min(ROUNDS, steps)
    timed = [
        _time_round(
            training_batches(
                pictures, config.noise, config.augment,
                batch=train.batch, patch=train.patch, seed=train.seed + number,
                steps=range(WARM_UP + steps),
            ),
            step,
            steps // rounds,
        )
        for number in range(rounds)
    ]  # fmt: skip
    return Waiting(*map(statistics.median, zip(*timed, strict=True)))


def _time_round(
    batches: tf.data.Dataset, step: Callable[[Any], tuple[Any, ...]], steps: int
) -> tuple[float, float, float]:
    """Mean seconds per step, of it waiting, and of the step alone."""
    iterator: Iterator[Any] = iter(batches)
    for batch in islice(iterator, WARM_UP):
        float(step(batch)[0])
    wait = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(iterator)
        wait += time.perf_counter() - asked
        float(step(batch)[0])
    total = time.perf_counter() - start
    # What else would fill its buffers meanwhile.
    del iterator
    start = time.perf_counter()
    for _ in range(steps):
        float(step(batch)[0])
    alone = time.perf_counter() - start
    return total / steps, wait / steps, alone / steps
