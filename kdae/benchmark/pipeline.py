"""Compares the speed of training with that of the same steps without an input pipeline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kdae.data import load_pictures, training_batches
from kdae.train import Config
from kdae.train.step import build_state, build_step

ROUNDS = 10  # both are timed in turn, so that a machine that slows down slows both
WARM_UP = 20  # untimed steps: tracing, and batches that were made before the timing began


@dataclass(frozen=True)
class Speed:
    """The cost of the input pipeline.

    Attributes:
        step: The time of a training step in seconds.
        alone: The time of the same step with its batch already in memory, in seconds.
        efficiency: The rate of training divided by that with the batch already in memory.
    """

    step: float
    alone: float
    efficiency: float

    def __str__(self) -> str:
        return (
            f"{1000 * self.step:.1f} ms per training step, {1000 * self.alone:.1f} ms with the "
            f"batch already in memory: {100 * self.efficiency:.1f} % of that speed"
        )


def measure_pipeline(config: Config, steps: int) -> Speed:
    """Times training steps with batches from the input pipeline and with one in memory.

    Args:
        config: The config of the run. Its first batch and patch size are used.
        steps: The number of steps of each kind to time, in rounds of a tenth.

    Returns:
        The medians over the rounds.
    """
    data, train = config.data, config.train
    pictures = load_pictures(data.source, "train", data.channels, data.limit, train.patch)
    strategy = tf.distribute.get_strategy()
    state = build_state(config, strategy)
    step = build_step(config, state, strategy)
    rounds = min(ROUNDS, steps)
    each = steps // rounds
    timed = []
    for number in range(rounds):
        made = training_batches(
            pictures, config.noise, config.augment,
            batch=train.batch, patch=train.patch, seed=train.seed + number,
            steps=range(WARM_UP + steps),
        )  # fmt: skip
        in_memory = tf.data.Dataset.from_tensors(next(iter(made))).repeat()
        whole, alone = (seconds_per_step(step, batches, each) for batches in (made, in_memory))
        # The efficiency of each round is computed by itself, because the pace of the machine
        # changes between rounds.
        timed.append((whole, alone, alone / whole))
    return Speed(*map(statistics.median, zip(*timed, strict=True)))


def seconds_per_step(
    step: Callable[..., tuple[Any, ...]], batches: tf.data.Dataset, steps: int
) -> float:
    """Returns the mean time of a step in seconds, after `WARM_UP` steps.

    Args:
        step: The function from `kdae.train.step.build_step`.
        batches: At least `WARM_UP` + `steps` batches. Their iterator, which fills its buffers
            beside the steps, ends with the measurement.
        steps: The number of steps to time.
    """
    iterator = iter(batches)
    for _ in range(WARM_UP):
        float(step(iterator)[0])
    start = time.perf_counter()
    for _ in range(steps):
        float(step(iterator)[0])
    return (time.perf_counter() - start) / steps
