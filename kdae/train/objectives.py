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

_CONSISTENCY = 0.1
"""Weight of the regularizer of `neighbors`; see `data_term`."""

RENEW_FROM = 0.25
"""From which share of training on a network learns from its own results, too."""

_RENEWED = 3.0
"""Weight of the error on these; see `data_term`."""

_RANKS = 64
"""How many ranks of brightness removed noise is moved by."""

_AROUND = 7
"""Side in pixels of what the spread around a pixel is taken from."""

_FLOOR = 0.01
"""What is added to that spread: about the error in flat areas, of values in [0, 1]."""


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

    A squared error counts most at edges, where it is largest, which makes L2 learn slower than
    L1. With noisy targets, where L2 is needed, errors are therefore divided by the spread of
    the result around the pixel. A weight that does not depend on the target's noise does not
    change what is learned in the end.

    The regularizer of `neighbors` (Huang et al. 2021) corrects for the small difference between
    neighbours: what the network makes of an input must differ from its target as input and
    target taken from its result for the whole picture do. That result has some of the noise of
    the input, which the network is then taught to leave: a mode of the picture with the power S
    is multiplied by S / (S + sigma^2 / (1 + weight)), not by the S / (S + sigma^2) of Wiener's
    filter. Their weight of 2 is therefore too much (docs/experiments.md).

    A network that learned from half-size pictures, or from pictures with pixels replaced, has
    not learned what it is for: whole pictures with all their pixels. So after `RENEW_FROM` it
    also learns to undo noise that is put onto its own results, as in Iterative Data Refinement
    (Zhang et al. 2022). The noise is what it removed, moved between pixels; see `renew`.

    Args:
        forward: the network.
        batch: from `training_batches`.
        supervision: for which the batch was made.
        loss: the weights of the norms.
        progress: the share of training that is done, 0 to 1.
    """
    restored, target, counted = compare(forward, batch, supervision)
    if not supervision.alone:
        return _cost(target, restored, None, loss)
    weight = _evened(restored, counted)
    term = _cost(target, restored, weight, loss)
    if not supervision.independent:
        return term

    def renewed() -> tf.Tensor:
        noisy = noisy_pictures(batch, supervision)
        whole = tf.stop_gradient(tf.cast(forward(noisy), tf.float32))
        again = tf.cast(forward(renew(noisy, whole)), tf.float32)
        more = _RENEWED * _cost(whole, again, _evened(again, None), loss)
        if supervision.kind == "neighbors":
            first, second = take_cells(whole, batch[1])
            more += _CONSISTENCY * _cost(first - second, restored - target, weight, loss)
        return more

    late = tf.cast(progress, tf.float32) >= RENEW_FROM
    return term + tf.cond(late, renewed, lambda: tf.zeros([]))


def renew(noisy: tf.Tensor, clean: tf.Tensor) -> tf.Tensor:
    """Puts the noise that was removed from pictures back onto other pixels of the result.

    Each pixel gets the noise of one that is about as bright, as noise depends on brightness.
    What neighbours share, such as removed detail, is torn apart by that.

    Args:
        noisy: float32 `[N, H, W, C]`.
        clean: what the network made of it, the same shape.

    Returns:
        Pictures of the same shape, `clean` with noise; no gradient flows through them.
    """
    _, height, width, channels = noisy.shape
    brightness = tf.reshape(tf.reduce_mean(clean, axis=-1), [-1, height * width])
    order = tf.argsort(brightness, axis=1)
    ranks = tf.argsort(order, axis=1)
    source = tf.gather(tf.roll(order, _RANKS, axis=1), ranks, batch_dims=1)
    removed = tf.reshape(noisy - clean, [-1, height * width, channels])
    moved = tf.reshape(tf.gather(removed, source, batch_dims=1), tf.shape(clean))
    return tf.stop_gradient(clean + moved)


def _cost(
    target: tf.Tensor, restored: tf.Tensor, weight: tf.Tensor | None, loss: LossConfig
) -> tf.Tensor:
    """Returns the mean of `l1_l2`, each error times the root of its weight."""
    if weight is not None:
        root = tf.sqrt(weight)
        target, restored = root * target, root * restored
    return tf.reduce_mean(l1_l2(target, restored, loss.l1, loss.l2, loss.reduction))


def _evened(restored: tf.Tensor, counted: tf.Tensor | None) -> tf.Tensor:
    """Returns weights that make errors in busy areas count no more than others.

    Args:
        restored: float32 `[N, H, W, C]`.
        counted: 1 at pixels that count and 0 elsewhere, `[N, H, W, 1]`; None: all count.

    Returns:
        Float32 `[N, H, W, C]` with a mean of 1: pixels that count stand for those that do not.
    """
    restored = tf.stop_gradient(restored)

    def around(values: tf.Tensor) -> tf.Tensor:
        return tf.nn.avg_pool2d(values, _AROUND, strides=1, padding="SAME")

    # Rounding can make a variance of 0 negative.
    spread = tf.sqrt(tf.maximum(around(restored**2) - around(restored) ** 2, 0.0))
    weight = (1.0 if counted is None else counted) / (spread + _FLOOR)
    return tf.math.divide_no_nan(weight, tf.reduce_mean(weight))


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
