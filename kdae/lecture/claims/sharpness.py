"""Claim 8: the effect of the L1 and the L2 loss on edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kdae.evaluate.measure import noisy_examples
from kdae.lecture.exhibits import canvas, curves, mean_range, pictures, plot, table
from kdae.lecture.lab import Lab
from kdae.lecture.report import Outcome

TITLE = "L2 blurs, L1 keeps edges"
CLAIM = (
    "Where a net cannot know where an edge is, the squared L2 norm makes it answer with the "
    "mean of all possibilities, which is blurred; the L1 norm with the median, a sharp edge. "
    "L1 also leaves more residuals near zero."
)
READ = ("kdae/train/losses.py",)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
NOISE = {"gaussian": {"sigma": 50}}
# The squared L2 norm is smaller than the L1 norm by about this factor. With it both parts
# matter equally at a weight of one half.
BALANCE = 15.0


def run(lab: Lab) -> Outcome:
    """Trains the same network with losses from pure L2 to pure L1."""
    weights = lab.pick(WEIGHTS, (0.0, 1.0))
    rise = np.zeros((len(lab.seeds), len(weights)))
    near, level = np.zeros_like(rise), np.zeros_like(rise)
    crop = lab.photos(7)[2][64:192, 64:192]
    noisy = crop + np.random.default_rng(0).normal(0, 50 / 255, crop.shape)
    shown = [("clean", crop), ("noisy", noisy)]
    residuals = {}
    for row, seed in enumerate(lab.seeds):
        for column, weight in enumerate(weights):
            loss = {"l1": weight, "l2": (1 - weight) * BALANCE}
            run = lab.train({"noise": {"kind": NOISE}, "loss": loss}, seed=seed)
            denoise = run.denoiser.denoise_float
            rise[row, column] = edge_rise(denoise, 50 / 255, lab.pick(8, 1))
            rest = _residuals(lab, denoise)
            near[row, column] = 100 * np.mean(np.abs(rest) < 1 / 255)
            level[row, column] = lab.measure(denoise, NOISE)["psnr"]
            if row == 0 and weight in (0.0, 0.5, 1.0):
                shown.append((f"L1 weight {weight:g}", denoise(noisy.astype(np.float32))))
                residuals[f"L1 weight {weight:g}"] = rest
    first, last = rise[:, 0], rise[:, -1]
    outcome = Outcome(
        "The rise of an edge from 10 to 90 % takes fewer pixels the more weight L1 has, if the "
        "lecture is right; look at the width of the bands beside the difference."
    )
    outcome.check(
        (last < first).all(),
        f"edges rise within {mean_range(first)} pixels with L2, {mean_range(last)} with L1",
    )
    outcome.check(
        (near[:, -1] > near[:, 0]).all(),
        f"share of residuals below 1/255: {mean_range(near[:, 0], 1)} % with L2, "
        f"{mean_range(near[:, -1], 1)} % with L1",
    )
    outcome.check(
        level[:, 0].mean() >= level[:, -1].mean(),
        f"PSNR, which is the L2 norm, is better with L2: {mean_range(level[:, 0])} dB, with L1 "
        f"{mean_range(level[:, -1])} dB",
    )
    expected = misplaced_edge()
    outcome.check(
        expected["ramp"][1] < expected["sharp"][1]
        and expected["sharp"][0] <= expected["ramp"][0],
        "for an edge at an unknown place, L2 prefers the ramp and L1 is content with the sharp "
        f"edge: mean L2 {expected['ramp'][1]:.4f} (ramp) against {expected['sharp'][1]:.4f}, "
        f"mean L1 {expected['ramp'][0]:.4f} against {expected['sharp'][0]:.4f} (sharp)",
    )
    labels = {"xlabel": "weight of L1 (0: pure L2, 1: pure L1)"}
    axes = canvas(xlabel="residual (of 255)", ylabel="share of the pixels (%)")
    for name, rest in residuals.items():
        counts, edges = np.histogram(255 * rest, np.arange(-30.5, 31))
        axes.plot(edges[:-1] + 0.5, 100 * counts / rest.size, label=name, marker="")
    outcome.exhibits = [
        curves(
            "Sharpness of known edges",
            "Steps of known place and height under noise of sigma 50, denoised.",
            {"rise from 10 to 90 %": (weights, rise)}, ylabel="rise (pixels)", **labels,
        ),
        curves(
            "Residuals near zero", "Held-out photographs, noise of sigma 50.",
            {"residuals below 1/255": (weights, near)}, ylabel="share of the pixels (%)",
            **labels,
        ),
        plot(axes, "Histogram of the residuals", "Seed 0."),
        curves("PSNR", "Held-out photographs, noise of sigma 50.",
               {"PSNR": (weights, level)}, ylabel="PSNR (dB)", **labels),
        pictures("Side by side", "Noise of sigma 50, seed 0.", shown, 180),
        table(
            "An edge in the wrong place",
            "The true edge is anywhere within 8 pixels, each place as likely. Mean loss per "
            "pixel of three answers, computed.", ("answer", "L1", "squared L2"),
            [(name, f"{a:.4f}", f"{b:.4f}") for name, (a, b) in expected.items()],
        ),
    ]  # fmt: skip
    outcome.numbers = {"weights": weights, "rise": rise, "near_zero": near, "psnr": level,
                       "misplaced_edge": expected}  # fmt: skip
    return outcome


def edge_rise(
    denoise: Callable[[np.ndarray], np.ndarray], sigma: float, count: int, side: int = 64
) -> float:
    """Measures how sharp denoised edges are.

    Args:
        denoise: A function from [H, W, 1] float32 to the same shape.
        sigma: The standard deviation of the noise, on the [0, 1] scale.
        count: The number of noisy pictures for each height of the edge.
        side: The height and width of the pictures in pixels.

    Returns:
        The median distance in pixels within which an edge rises from 10 to 90 % of its height,
        or NaN if no edge is left.
    """
    rng = np.random.default_rng(0)
    rises = []
    for height in (0.15, 0.3, 0.5):
        for _ in range(count):
            place = side // 2
            clean = np.full((side, side, 1), 0.5 - height / 2)
            clean[:, place:] += height
            noisy = (clean + rng.normal(0, sigma, clean.shape)).astype(np.float32)
            # The mean of four rows is taken, as a single row is too noisy to cross a level
            # once.
            profiles = denoise(noisy)[..., 0].reshape(side // 4, 4, side).mean(axis=1)
            for profile in profiles[2:-2]:
                low, high = (
                    np.median(profile[8 : place - 6]),
                    np.median(profile[place + 6 : -8]),
                )
                if high - low < height / 2:
                    continue  # the edge was removed
                scaled = (profile - low) / (high - low)
                rises.append(_crossing(scaled, 0.9, place) - _crossing(scaled, 0.1, place))
    return float(np.median(rises)) if rises else float("nan")


def _crossing(profile: np.ndarray, level: float, place: int) -> float:
    """Returns where a rising profile crosses a level nearest to `place`, interpolated."""
    at = np.flatnonzero((profile[:-1] < level) & (profile[1:] >= level))
    if not len(at):
        return float(place)
    spots = at + (level - profile[at]) / (profile[at + 1] - profile[at])
    return float(spots[np.argmin(np.abs(spots - (place - 0.5)))])


def misplaced_edge(spread: int = 8) -> dict[str, tuple[float, float]]:
    """Calculates the losses of answers to an edge at an unknown place.

    The true edge, from 0 to 1, is at each of `spread + 1` places with equal probability.

    Args:
        spread: The distance of the first and the last place in pixels.

    Returns:
        The mean L1 loss and the mean squared L2 loss per pixel, for `sharp` (an edge in the
        middle), `ramp` (the mean of all true edges) and `blurred` (a wider ramp).
    """
    x = np.arange(4 * spread)
    places = np.arange(spread + 1) + 1.5 * spread
    truths = (x >= places[:, None]).astype(float)
    answers = {
        "sharp": truths[spread // 2],
        "ramp": truths.mean(axis=0),
        "blurred": np.clip((x - spread) / (2 * spread), 0, 1),
    }
    return {
        name: (float(np.abs(truths - a).mean()), float(((truths - a) ** 2).mean()))
        for name, a in answers.items()
    }


def _residuals(lab: Lab, denoise: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    clean = [np.rint(255 * p).astype(np.uint8) for p in lab.photos(lab.pick(10, 2))]
    return np.concatenate(
        [(denoise(noisy) - image).ravel() for noisy, image in noisy_examples(clean, NOISE)]
    )
