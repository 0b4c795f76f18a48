"""Claim 9: a loss without a gradient, and a gradient that must be chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from kdae.data import KDAE_PHOTOS, AugmentConfig, load_pictures, training_batches
from kdae.lecture.exhibits import canvas, curves, mean_range, plot
from kdae.lecture.lab import Lab
from kdae.lecture.report import Outcome
from kdae.noise import NoiseConfig

TITLE = "A bad loss gives no gradient"
CLAIM = (
    "Counting mistakes, 1[x < 0] of the margin x, is what one wants to minimize and cannot: "
    "its gradient is zero wherever there is one, and training does nothing. A hinge, "
    "max(0, 1 - x), works. Where L1 has no gradient, at zero, any number in [-1, 1] may be "
    "taken, and nothing breaks."
)
READ = ("kdae/train/losses.py",)
LOSSES: dict[str, Callable[[Any], Any]] = {
    "indicator 1[x < 0]": lambda x: tf.cast(x < 0, x.dtype),
    "hinge max(0, 1 - x)": lambda x: tf.maximum(1 - x, 0.0),
}
CHOICES = (-1.0, 0.0, 1.0)


def run(lab: Lab) -> Outcome:
    """Trains a classifier with both losses, and a filter with three gradients of |x| at 0."""
    steps = lab.pick(300, 20)
    accuracy = {name: np.zeros((len(lab.seeds), steps + 1)) for name in LOSSES}
    moved = {}
    for name, loss in LOSSES.items():
        for row, seed in enumerate(lab.seeds):
            accuracy[name][row], moved[name] = _classify(loss, steps, seed)
    count = lab.pick(400, 20)
    levels: dict[float, list[float]] = {}
    zeros = []
    for choice in CHOICES:
        levels[choice] = []
        for seed in lab.seeds:
            level, share = _filter(choice, count, seed)
            levels[choice].append(level)
            zeros.append(share)
    still, hinge = (values[:, -1] for values in accuracy.values())
    gap = max(map(np.mean, levels.values())) - min(map(np.mean, levels.values()))
    outcome = Outcome("The flat line is a net in training: every step it takes is of length 0.")
    outcome.check(
        moved["indicator 1[x < 0]"] == 0,
        f"with the indicator the weights move by {moved['indicator 1[x < 0]']:g} in {steps} "
        "steps",
    )
    outcome.check(
        (hinge > accuracy["hinge max(0, 1 - x)"][:, 0] + 10).all(),
        f"right at the end: {mean_range(still, 1)} % with the indicator, "
        f"{mean_range(hinge, 1)} % with the hinge",
    )
    outcome.check(
        gap < 0.1,
        "L1 with gradient -1, 0 or 1 at zero trains the same filter: "
        + ", ".join(f"{mean_range(v)} dB" for v in levels.values()),
    )
    outcome.check(
        max(zeros) > 0.01,
        f"the choice was put to the test: up to {100 * max(zeros):.1f} % of the residuals of a "
        "step were exactly 0",
    )
    x = np.linspace(-2, 2, 401)
    axes = canvas(xlabel="margin x (no unit)", ylabel="loss (no unit)")
    for name, loss in LOSSES.items():
        axes.plot(x, loss(tf.constant(x)).numpy(), label=name, marker="")
    outcome.exhibits = [
        plot(axes, "Two losses", "The indicator is flat everywhere: no slope to go down."),
        curves(
            "Telling handwritten 3s from 8s",
            "A linear classifier, plain gradient descent; accuracy on new digits. Bands: range "
            "over the seeds.",
            {n: (range(steps + 1), v) for n, v in accuracy.items()},
            xlabel="step", ylabel="accuracy (%)",
        ),
        curves(
            "The gradient of |x| at x = 0",
            "A 5x5 denoising filter learned with L1 from pictures whose dark parts are "
            "exactly 0, with three choices of the gradient at zero.",
            {"PSNR": (CHOICES, np.array(list(levels.values())).T)},
            xlabel="chosen gradient at zero", ylabel="PSNR (dB)",
        ),
    ]  # fmt: skip
    outcome.numbers = {
        "accuracy": {name: values[:, -1] for name, values in accuracy.items()},
        "psnr_by_gradient_at_zero": levels, "zero_residuals": zeros,
    }  # fmt: skip
    return outcome


def _classify(loss: Callable[[Any], Any], steps: int, seed: int) -> tuple[np.ndarray, float]:
    """Returns the accuracy in % after each step, and the distance that the weights moved."""
    images, labels = load_digits(return_X_y=True)
    chosen = np.isin(labels, (3, 8))
    x = np.concatenate([images[chosen] / 16, np.ones((chosen.sum(), 1))], axis=1)
    y = np.where(labels[chosen] == 8, 1.0, -1.0)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    train, test = order[: len(x) // 2], order[len(x) // 2 :]
    start = rng.normal(0, 0.1, x.shape[1])
    weights = tf.Variable(start)
    right = []
    for step in range(steps + 1):
        right.append(100 * np.mean(y[test] * (x[test] @ weights.numpy()) > 0))
        if step == steps:
            break
        with tf.GradientTape() as tape:
            margin = tf.constant(y[train]) * tf.linalg.matvec(tf.constant(x[train]), weights)
            cost = tf.reduce_mean(loss(margin))
        # TensorFlow returns None if the loss does not depend on the weights in a way that it
        # can differentiate.
        gradient = tape.gradient(cost, weights)
        weights.assign_sub(0.05 * (tf.zeros_like(weights) if gradient is None else gradient))
    return np.array(right), float(np.linalg.norm(weights.numpy() - start))


def _filter(choice: float, count: int, seed: int) -> tuple[float, float]:
    """Learns a 5x5 filter with the L1 loss by gradient descent.

    Args:
        choice: The gradient of |x| at 0.
        count: The number of steps.
        seed: The seed of the pictures and the noise.

    Returns:
        The PSNR in dB on the last 100 batches, and the largest share of residuals that were 0.
    """

    @tf.custom_gradient
    def absolute(x: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            return upstream * tf.where(x == 0, choice, tf.sign(x))

        return tf.abs(x), gradient

    pictures = load_pictures(KDAE_PHOTOS, "train", 1, 12)
    # The pictures are dark and clipped, so the noisy and the clean picture are both exactly 0
    # in many black pixels.
    batches = training_batches(
        pictures, NoiseConfig(kind={"gaussian": {"sigma": 15}}, quantize=1.0), AugmentConfig(),
        batch=4, patch=32, seed=seed, steps=range(count),
    )  # fmt: skip
    kernel = tf.Variable(tf.zeros([5, 5, 1, 1]))
    errors, zeros = [], []
    for step, (noisy, clean) in enumerate(batches):
        noisy, clean = (tf.maximum(part - 0.4, 0.0) for part in (noisy, clean))
        with tf.GradientTape() as tape:
            residual = tf.nn.conv2d(noisy, kernel, 1, "SAME") - clean
            cost = tf.reduce_mean(absolute(residual))
        kernel.assign_sub(0.3 / (1 + step / 50) * tape.gradient(cost, kernel))
        zeros.append(float(tf.reduce_mean(tf.cast(residual == 0, tf.float32))))
        errors.append(float(tf.reduce_mean(tf.square(residual))))
    return float(-10 * np.log10(np.mean(errors[-100:]))), max(zeros)
