"""Claim 10: stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.data import KDAE_PHOTOS, load_pictures, training_batches
from kdae.lecture.exhibits import curves, table
from kdae.lecture.lab import Lab, Overrides
from kdae.lecture.report import Outcome
from kdae.train.config import config_from_dict
from kdae.train.losses import l1_l2

TITLE = "Stochastic gradient descent"
CLAIM = (
    "The gradient of a batch estimates that of all examples, with an error that falls as one "
    "over the square root of its size. A step size too small goes nowhere, one too large "
    "diverges; a schedule has the best of both. The gradients themselves are the chain rule, "
    "layer by layer."
)
READ = ("kdae/train/step.py", "kdae/train/optimizers.py", "kdae/data/batches.py")
SGD: Overrides = {
    "model": {"family": "plain", "widths": [16], "blocks": [1], "bias": True},
    "loss": {"l1": 0.0, "l2": 1.0},
    "train": {
        "optimizer": "sgd", "momentum": 0.9, "clip_norm": None, "warmup": 0, "ema": 0.0,
        "steps": 600, "validate_every": 20, "schedule": "constant",
    },
}  # fmt: skip
RATES: dict[str, dict[str, Any]] = {
    "too small: 0.001": {"learning_rate": 0.001},
    "good: 0.05": {"learning_rate": 0.05},
    "bold: 0.2": {"learning_rate": 0.2},
    "bold, warmed up, cosine to 0": {
        "learning_rate": 0.2,
        "warmup": 100,
        "schedule": "cosine",
    },
    "too large: 10": {"learning_rate": 10.0},
}


def run(lab: Lab) -> Outcome:
    """Measures gradients of batches, step sizes, and the chain rule against TensorFlow."""
    sizes, errors = _batch_errors(lab)
    slope = np.polyfit(np.log(sizes), np.log(errors.mean(axis=0)), 1)[0]
    every = lab.pick(20, 2)
    losses: dict[str, tuple[list[int], np.ndarray]] = {}
    ended: dict[str, list[str]] = {}
    for name, changes in RATES.items():
        runs = []
        for seed in lab.seeds:
            settings = {"train": changes}
            runs.append(lab.train(SGD, settings, seed=seed))
        ended[name] = [run.diverged for run in runs]
        rows = [run.history("loss") if not run.diverged else [] for run in runs]
        if all(rows):
            steps = [int(step) for step in runs[0].history("step")]
            losses[name] = (steps, np.array(rows))
    difference = max(chain_rule_difference(seed) for seed in lab.seeds)
    small, good, bold, schedule, large = RATES

    def final(name: str) -> float:
        if name not in losses:
            return float("inf")
        return float(losses[name][1][:, -3:].mean())

    outcome = Outcome(
        "The errors of batch gradients lie on a line of slope -1/2; of the step sizes, one "
        "crawls, one is gone at once."
    )
    outcome.check(
        abs(slope + 0.5) < 0.1,
        f"the error of a batch gradient falls as batch size to the power {slope:.2f} (claimed: "
        "-0.5)",
    )
    outcome.check(
        final(small) > 1.2 * final(good),
        f"step size 0.001: loss {final(small):.5f} at the end, step size 0.05: "
        f"{final(good):.5f}",
    )
    outcome.check(
        all(ended[large]),
        f"step size 10 diverges: {sum(map(bool, ended[large]))} of {len(lab.seeds)} runs ended "
        "with a loss that is not a number",
    )
    outcome.check(
        final(schedule) < min(final(good), final(bold)),
        f"a schedule bears a bold step size and ends lowest: {final(schedule):.5f}; the same "
        f"step size throughout {final(bold):.5f}, the good one {final(good):.5f}",
    )
    outcome.check(
        difference < 1e-10,
        "the chain rule written out equals TensorFlow's gradients to rounding: largest "
        f"relative difference {difference:.0e}",
    )
    outcome.exhibits = [
        curves(
            "Error of a batch gradient",
            "Length of (batch gradient - full gradient) over the full gradient's, plain net, "
            "after a short training. Band: range over the seeds.",
            {"measured": (sizes, errors),
             "slope -1/2": (sizes, errors[:, 0].mean() / np.sqrt(sizes))},
            xlabel="batch size", ylabel="relative error", xscale="log", yscale="log",
        ),
        curves(
            "Step sizes",
            "Training loss, mean of 20 steps. What diverges has left the plot: "
            f"{_first(ended[large])}",
            losses, xlabel="step", ylabel="squared L2 loss", yscale="log",
        ),
        table(
            "How each ended", "Mean over the seeds.",
            ("step size", "last loss", "end"),
            [(n, f"{final(n):.5f}" if n in losses else "-", _first(ended[n]) or "whole")
             for n in RATES],
        ),
    ]  # fmt: skip
    outcome.numbers = {
        "batch": sizes, "error": errors, "slope": slope, "validated_every": every,
        "loss": {name: values for name, (_, values) in losses.items()},
        "diverged": ended, "chain_rule_difference": difference,
    }  # fmt: skip
    return outcome


def _first(messages: list[str]) -> str:
    return messages[0].split(";")[0].removeprefix("train: ") if messages[0] else ""


def _batch_errors(lab: Lab) -> tuple[np.ndarray, np.ndarray]:
    """Returns batch sizes and the relative errors of their gradients, [seeds, sizes]."""
    count = lab.pick(1024, 64)
    sizes = 2 ** np.arange(0, int(np.log2(count)) - 2)
    errors = np.zeros((len(lab.seeds), len(sizes)))
    warm = {"train": {"learning_rate": 0.05, "steps": 100, "validate_every": 100}}
    for row, seed in enumerate(lab.seeds):
        model = lab.train(SGD, warm, seed=seed).model
        each = _gradients(model, lab, count, seed)
        full = each.mean(axis=0)
        rng = np.random.default_rng(seed)
        for column, size in enumerate(sizes):
            picks = [rng.choice(count, size, replace=False) for _ in range(lab.pick(60, 5))]
            gaps = [np.sum((each[pick].mean(axis=0) - full) ** 2) for pick in picks]
            # Batches are drawn without replacement from `count` examples, which makes the error
            # a little smaller. This factor undoes that.
            finite = (count - size) / (count - 1)
            errors[row, column] = np.sqrt(np.mean(gaps) / finite / np.sum(full**2))
    return sizes, errors


def _gradients(model: keras.Model, lab: Lab, count: int, seed: int) -> np.ndarray:
    """Returns the gradient of each of `count` examples, [count, weights]."""
    config = config_from_dict(lab.settings(SGD, seed=seed))
    pictures = load_pictures(KDAE_PHOTOS, "train", 1, config.data.limit)
    examples = training_batches(
        pictures, config.noise, config.augment, batch=1, patch=32, seed=seed, steps=range(count)
    )

    @tf.function(autograph=False)
    def gradient(noisy: Any, clean: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(l1_l2(clean, model(noisy), 0.0, 1.0))
        parts = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return tf.concat([tf.reshape(part, [-1]) for part in parts], 0)

    return np.stack([gradient(*example).numpy() for example in examples]).astype(np.float64)


def chain_rule_difference(seed: int) -> float:
    """Computes gradients by the chain rule and compares them with those of TensorFlow.

    The network has two 3x3 convolutions with bias and ReLU, then a 1x1 convolution. The loss C
    is the mean of squares. If x_k is the output of layer k, then d_k = dC/dx_k follows from
    d_(k+1) by the chain rule.

    Args:
        seed: The seed of the picture and the weights.

    Returns:
        The largest difference of two gradients, divided by the largest gradient.
    """
    rng = np.random.default_rng(seed)
    image, clean = rng.random((2, 12, 12, 1))
    shapes = [(3, 3, 1, 4), (3, 3, 4, 4), (1, 1, 4, 1)]
    kernels = [rng.normal(0, 0.4, shape) for shape in shapes]
    biases = [rng.normal(0, 0.1, shape[-1]) for shape in shapes]

    # Forward: the input of every layer is kept.
    inputs, before_relu, x = [], [], image
    for k, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        windows = _windows(x, kernel.shape[0])
        inputs.append(windows)
        x = np.einsum("hwijc,ijcd->hwd", windows, kernel) + bias
        before_relu.append(x)
        x = np.maximum(x, 0) if k < 2 else x
    # Backward: from dC/dx of the last layer to the first.
    ours: list[np.ndarray] = []
    d = 2 * (x - clean) / x.size
    for k in reversed(range(3)):
        if k < 2:
            d = d * (before_relu[k] > 0)
        ours = [np.einsum("hwijc,hwd->ijcd", inputs[k], d), d.sum(axis=(0, 1)), *ours]
        # Each input value went into the outputs around it, so the same windows are taken and
        # the filter is turned by half a turn.
        turned = kernels[k][::-1, ::-1]
        d = np.einsum("hwijd,ijcd->hwc", _windows(d, turned.shape[0]), turned)

    variables = [tf.Variable(v) for pair in zip(kernels, biases, strict=True) for v in pair]
    with tf.GradientTape() as tape:
        y = tf.constant(image[None])
        for k in range(3):
            y = tf.nn.conv2d(y, variables[2 * k], 1, "SAME") + variables[2 * k + 1]
            y = tf.nn.relu(y) if k < 2 else y
        cost = tf.reduce_mean(tf.square(y - clean))
    theirs = tape.gradient(cost, variables)
    largest = max(np.abs(t).max() for t in theirs)
    return float(max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)) / largest)


def _windows(x: np.ndarray, size: int) -> np.ndarray:
    """Returns the zero-padded window around each pixel of [h, w, c]: [h, w, size, size, c]."""
    edge = size // 2
    padded = np.pad(x, [(edge, edge), (edge, edge), (0, 0)])
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size, x.shape[-1]))
    return np.asarray(view[:, :, 0])
