"""The training step, the same for one device, many devices and many machines.

Stock `fit()` fails on several machines with Keras 3, so the step is our own: each replica
takes its share of the batch, the gradients are averaged over all replicas in one exchange,
and the moving average of the weights is updated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kdae.engine.machine import has_bfloat16
from kdae.model import build_denoiser
from kdae.model.quantization import rounded_layers, with_ranges
from kdae.train.config import Config
from kdae.train.objectives import data_term
from kdae.train.optimizers import build_optimizer


@dataclass(frozen=True)
class State:
    """Everything that changes in training.

    Attributes:
        model: the network being trained, under the run's precision.
        averaged: the same network in float32 with the exponential moving average of the
            weights, which is validated and saved.
        optimizer: with its moments.
        step: int64 scalar variable, the steps taken.
        seconds: float64 scalar variable, the time spent training, before and after resuming.
        ranges: float32 [n, 2] variable, lowest and highest value of each of the model's
            `rounded_layers`; all 0 until training in 8 bits begins.
    """

    model: keras.Model
    averaged: keras.Model
    optimizer: keras.optimizers.Optimizer
    step: tf.Variable
    seconds: tf.Variable
    ranges: tf.Variable

    def variables(self) -> list[tf.Variable]:
        """Returns all variables, in a fixed order."""
        kept = [*self.model.variables, *self.averaged.variables, *self.optimizer.variables]
        return [*(variable.value for variable in kept), self.step, self.seconds, self.ranges]

    def checkpoint(self) -> tf.train.Checkpoint:
        """Returns a checkpoint of everything that a resumed run needs to go on bit for bit."""
        return tf.train.Checkpoint(
            weights=[v.value for v in self.model.variables],
            averaged=[v.value for v in self.averaged.variables],
            optimizer=[v.value for v in self.optimizer.variables],
            step=self.step,
            seconds=self.seconds,
            ranges=self.ranges,
        )


def resolve_precision(precision: str) -> str:
    """Returns the dtype policy of Keras for a `train.precision`.

    For `auto` that is mixed_float16 where there is a GPU, else mixed_bfloat16 where the
    processors have instructions for it, else float32.
    """
    if precision != "auto":
        return precision
    if tf.config.list_logical_devices("GPU"):
        return "mixed_float16"
    return "mixed_bfloat16" if has_bfloat16() else "float32"


def build_state(config: Config, strategy: tf.distribute.Strategy) -> State:
    """Builds a network with random filters and its optimizer, on the devices of `strategy`."""
    precision = resolve_precision(config.train.precision)
    channels, decay, seed = config.data.channels, config.train.weight_decay, config.train.seed
    with strategy.scope():
        model = build_denoiser(config.model, channels, decay, precision, seed)
        averaged = build_denoiser(config.model, channels)
        optimizer = build_optimizer(config.train)
        # Keras would clip the gradient of each replica and then add them up. The step passes
        # the whole gradient, which is clipped as on one device and exchanged only once.
        optimizer._all_reduce_sum_gradients = lambda gradients: gradients
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
        step = tf.Variable(0, dtype=tf.int64, trainable=False)
        seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        ranges = tf.Variable(tf.zeros([len(rounded_layers(model)), 2]), trainable=False)
    averaged.set_weights(model.get_weights())
    return State(model, averaged, optimizer, step, seconds, ranges)


def build_step(
    config: Config,
    state: State,
    strategy: tf.distribute.Strategy,
    *,
    eight_bits: bool = False,
) -> Callable[[Iterator[Any]], tuple[tf.Tensor, tf.Tensor]]:
    """Builds the function that takes one step.

    Args:
        config: the whole run.
        state: what is trained.
        strategy: the devices.
        eight_bits: rounds tensors to 8 bits within `state.ranges`.

    Returns:
        A function of an iterator over (distributed) batches, for `config.supervision`. It takes
        the next batch, updates `state`, and returns the data term and the regularization term
        of the loss as float32 scalars. All of `state` changes in one call, so that an interrupt
        cannot leave it half changed.
    """
    replicas = strategy.num_replicas_in_sync
    loss, supervision = config.loss, config.supervision
    model, optimizer = state.model, state.optimizer
    scale = getattr(optimizer, "scale_loss", lambda value: value)

    def forward(noisy: tf.Tensor) -> tf.Tensor:
        if not eight_bits:
            return model(noisy, training=True)
        bounds = (tf.unstack(pair) for pair in tf.unstack(state.ranges))
        ranges = dict(zip(rounded_layers(model), bounds, strict=True))
        return with_ranges(model, ranges, whole=False)(noisy)

    def replica_step(*batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        progress = tf.cast(state.step, tf.float32) / config.train.steps
        with tf.GradientTape() as tape:
            data = data_term(forward, batch, supervision, loss, progress)
            penalty = tf.add_n(model.losses) if model.losses else tf.zeros([])
            scaled = scale(data + penalty)
        gradients = tape.gradient(scaled, model.trainable_variables)
        if replicas > 1:
            # The loss is averaged with the gradients, so that there is one exchange per step.
            context = tf.distribute.get_replica_context()
            data, penalty, *gradients = context.all_reduce(
                tf.distribute.ReduceOp.MEAN, [data, penalty, *gradients]
            )
        optimizer.apply(gradients, model.trainable_variables)
        return data, penalty

    # Without AutoGraph, which is not needed: to translate the source would take seconds.
    @tf.function(autograph=False)
    def step(batches: Iterator[Any]) -> tuple[tf.Tensor, tf.Tensor]:
        # Taken in here, a batch does not pass through Python, which would cost 2 ms on 2 cores.
        terms = strategy.run(replica_step, args=next(batches))
        data, penalty = (strategy.experimental_local_results(term)[0] for term in terms)
        state.step.assign_add(1)
        # Shorter at first, so that the average soon forgets the initial filters.
        taken = tf.cast(state.step, tf.float32)
        keep = tf.minimum(config.train.ema, (1.0 + taken) / (10.0 + taken))
        for mean, now in zip(state.averaged.variables, state.model.variables, strict=True):
            mean.value.assign(keep * mean.value + (1.0 - keep) * now.value)
        return data, penalty

    return step
