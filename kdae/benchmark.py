"""Measures kdae on this machine: `python -m kdae.benchmark pipeline [--config FILE]`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import tensorflow as tf

from kdae.config import Config, load_config
from kdae.errors import UserError, run_main
from kdae.pipeline import training_batches
from kdae.sources import load_pictures
from kdae.step import build_state, build_step

WARM_UP = 20  # steps: tracing, and filling the buffers


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


def measure_pipeline(config: Config, steps: int) -> Waiting:
    """Trains for a moment and times the wait for each batch.

    Args:
        config: of the run; its first batch and patch size are used.
        steps: how many to time.
    """
    data, train = config.data, config.train
    pictures = load_pictures(data.source, "train", data.channels, data.limit, train.patch)
    strategy = tf.distribute.get_strategy()
    state = build_state(config, strategy)
    step = build_step(config, state, strategy)
    batches = training_batches(
        pictures, config.noise, config.augment,
        batch=train.batch, patch=train.patch, seed=train.seed, steps=range(WARM_UP + steps),
    )  # fmt: skip
    iterator: Iterator[Any] = iter(batches)
    kept = next(iterator)
    for batch in islice(iterator, WARM_UP - 1):
        float(step(batch)[0])
    wait = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(iterator)
        wait += time.perf_counter() - asked
        float(step(batch)[0])
    total = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(steps):
        float(step(kept)[0])
    alone = time.perf_counter() - start
    return Waiting(total / steps, wait / steps, alone / steps)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m kdae.benchmark", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    pipeline = verbs.add_parser("pipeline", help="the share of a step spent waiting for data")
    pipeline.add_argument("--config", metavar="FILE", default="configs/quickstart.yaml")
    pipeline.add_argument("--steps", type=int, default=300, help="steps to time (300)")
    args = parser.parse_args(argv)
    if args.steps < 1:
        raise UserError(f"--steps: expected at least 1, got {args.steps}")
    timed = measure_pipeline(load_config(args.config), args.steps)
    print(
        f"{1000 * timed.step:.1f} ms per training step, of which {1000 * timed.wait:.2f} ms "
        f"({100 * timed.share:.1f} %) waiting for data; "
        f"{1000 * timed.alone:.1f} ms with the batch already in memory"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
