"""What training makes small, and validation measures, for every kind of supervision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from kdae.data import Learned, Supervision
from kdae.data.alone import take_cells
from kdae.metrics import psnr
from kdae.train.losses import LossConfig, l1_l2

Forward = Callable[[tf.Tensor], tf.Tensor]
"""The network: from noisy pictures to denoised ones, `[N, H, W, C]`."""

_CONSISTENCY = 0.5
"""Weight of the regularizer of `neighbors` at the end of training; see `data_term`."""


class Compared(NamedTuple):
    """What the network made of a batch, and what that is compared with.

    Attributes:
        restored: float32 `[N, H, W, C]`.
        target: the same shape: clean, or noisy where there is no clean picture.
        counted: 1 at the pixels that count and 0 elsewhere, `[N, H, W, 1]`; None: all count.
    """

    restored: tf.Tensor
    target: tf.Tensor
    counted: tf.Tensor | None


def noisy_pictures(batch: Learned, supervision: Supervision) -> tf.Tensor:
    """Returns the whole noisy pictures of a batch, `[N, H, W, C]`, with no pixel replaced."""
    picture: tf.Tensor = batch[1] if supervision.kind == "blind_spot" else batch[0]
    return picture


def compare(forward: Forward, batch: Learned, supervision: Supervision) -> Compared:
    """Runs the network on a batch.

    Args:
        forward: the network.
        batch: from `training_batches` or `validation_batches`.
        supervision: for which the batch was made.
    """
    if supervision.kind == "blind_spot":
        hidden, noisy, counted = batch
        return Compared(tf.cast(forward(hidden), tf.float32), noisy, counted)
    if supervision.kind == "neighbors":
        noisy, target = take_cells(*batch)
    else:
        noisy, target = batch
    return Compared(tf.cast(forward(noisy), tf.float32), target, None)


def data_term(
    forward: Forward,
    batch: Learned,
    supervision: Supervision,
    loss: LossConfig,
    progress: tf.Tensor | float,
) -> tf.Tensor:
    """Returns the data term of the loss, a float32 scalar.

    For `neighbors` it has the regularizer of Huang et al. (2021), which corrects for the small
    difference between neighbours: what the network makes of an input must differ from its
    target as input and target taken from its result for the whole picture do. That result has
    some of the noise of the input, which the network is then taught to leave: a mode of the
    picture with the power S is multiplied by S / (S + sigma^2 / (1 + weight)), not by the
    S / (S + sigma^2) of Wiener's filter. Their weight of 2 is therefore too much here: with
    one neighbour as the target, 1,800 steps of `kdae.benchmark alone` with weights of 0, 0.5
    and 2 led to 29.6, 29.2 and 27.6 dB.

    Args:
        forward: the network.
        batch: from `training_batches`.
        supervision: for which the batch was made.
        loss: the weights of the norms.
        progress: the share of training that is done, 0 to 1.
    """
    restored, target, counted = compare(forward, batch, supervision)
    if counted is not None:
        # Elsewhere there is no difference, which the mean is corrected for.
        restored = tf.where(counted > 0, restored, target)
    term = tf.reduce_mean(l1_l2(target, restored, loss.l1, loss.l2, loss.reduction))
    if counted is not None and loss.reduction == "mean":
        term = tf.math.divide_no_nan(term, tf.reduce_mean(counted))
    if supervision.kind == "neighbors":
        noisy, cells = batch
        whole = tf.stop_gradient(tf.cast(forward(noisy), tf.float32))
        first, second = take_cells(whole, cells)
        usual = first - second
        excess = l1_l2(usual, restored - target, loss.l1, loss.l2, loss.reduction)
        term += _CONSISTENCY * progress * tf.reduce_mean(excess)
    return term


def validate(forward: Forward, examples: list[Learned], supervision: Supervision) -> float:
    """Returns the mean PSNR in dB of held-out examples.

    With noisy targets it is 10 log10(1 / E), E the mean squared error to the target at the
    pixels that count, not clipped. It rises and falls with the PSNR to the clean picture, but
    is far lower: a perfect result would score the PSNR of the noisy target.

    Args:
        forward: the network.
        examples: from `validation_batches`.
        supervision: for which they were made.

    Raises:
        ValueError: there is no example.
    """
    if not examples:
        raise ValueError("examples: expected at least one picture, got none")
    values = [_psnr(compare(forward, batch, supervision), supervision) for batch in examples]
    return sum(values) / len(values)


def _psnr(compared: Compared, supervision: Supervision) -> float:
    restored, target, counted = compared
    if not supervision.alone:
        return float(psnr(target, restored)[0])
    squares: Any = tf.square(restored - target)
    if counted is not None:
        squares = tf.boolean_mask(squares, counted[..., 0] > 0)
    return float(-10.0 / tf.math.log(10.0) * tf.math.log(tf.reduce_mean(squares)))
