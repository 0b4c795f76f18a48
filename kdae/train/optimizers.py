"""Learning-rate schedules, and the optimizers that use them."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from kdae.train.config import TrainConfig


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then a constant, step, exponential or cosine schedule.

    Args:
        config: `learning_rate`, `schedule`, `warmup`, `decay`, `decay_steps` and `steps`.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate at `step`, counted from 0, as a float32 scalar."""
        c = self.config
        step = tf.cast(step, tf.float32)
        after = tf.maximum(step - c.warmup, 0.0)
        periods = after / c.decay_steps
        factors = {
            "constant": lambda: tf.ones_like(step),
            "step": lambda: tf.pow(c.decay, tf.floor(periods)),
            "exponential": lambda: tf.pow(c.decay, periods),
            "cosine": lambda: (
                0.5
                + 0.5 * tf.cos(math.pi * tf.minimum(after / max(c.steps - c.warmup, 1), 1.0))
            ),
        }
        # (step + 1) / warmup, so that the first step already changes the weights.
        ramp = tf.minimum((step + 1.0) / max(c.warmup, 1), 1.0)
        return c.learning_rate * ramp * factors[c.schedule]()


class ConvMuon(keras.optimizers.Muon):
    """Keras' Muon, which orthogonalizes matrices, for kernels of convolutions.

    A kernel [k, k, in, out] is treated as the matrix [k * k * in, out] whose columns are the
    filters. Biases and the kernels that read or write the image take AdamW steps (Jordan et
    al. 2024, https://kellerjordan.github.io/posts/muon/).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        rows = math.prod(variable.shape[:-1])
        return (
            len(variable.shape) != 4
            or min(rows, variable.shape[-1]) < 16
            or (variable.shape[-2] <= 3)
        )

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        g = gradient + self.momentum * m if self.nesterov else m
        matrix = tf.reshape(g, [-1, variable.shape[-1]])
        update = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, tf.reshape(update, variable.shape))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Runs Keras' iteration x <- p(x xT) x on the small matrix x xT alone.

        All factors p(x xT) commute, so their product is computed first and applied to x once.
        This takes a third of the arithmetic for the tall matrices that kernels are.
        """
        wide = x.shape[0] <= x.shape[1]
        x = x / (tf.norm(x) + 1e-7)
        gram = tf.matmul(x, x, transpose_a=not wide, transpose_b=wide)
        product = identity = tf.eye(gram.shape[0], dtype=x.dtype)
        for _ in range(steps):
            factor = self.muon_a * identity + self.muon_b * gram + self.muon_c * gram @ gram
            product = factor @ product
            gram = factor @ gram @ factor
        return product @ x if wide else x @ product


def build_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Builds the optimizer of a run.

    Args:
        config: `optimizer`, `momentum`, `clip_norm`, `decoupled_decay` and the schedule.
    """
    common: dict[str, Any] = {"learning_rate": Schedule(config)}
    if config.clip_norm is not None:
        common["global_clipnorm"] = config.clip_norm
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(momentum=config.momentum, **common)
    if config.optimizer == "adam":
        return keras.optimizers.Adam(**common)
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(weight_decay=config.decoupled_decay, **common)
    decay = config.decoupled_decay
    return ConvMuon(weight_decay=decay, adam_weight_decay=decay, **common)
