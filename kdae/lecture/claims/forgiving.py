"""Claim 2: errors in an overcomplete representation."""

from __future__ import annotations

import numpy as np

from kdae.lecture.exhibits import curves, pictures
from kdae.lecture.filters import Bank, level
from kdae.lecture.lab import Lab
from kdae.lecture.report import Outcome

TITLE = "Overcomplete representations forgive errors"
CLAIM = (
    "With more responses than pixels the picture is in the representation several times over: "
    "when a share of the responses is wrong, least squares outvotes them, and the more filters "
    "there are, the better. Given a noisy picture, the same least squares shows what a "
    "representation keeps and loses."
)
READ = ("kdae/lecture/filters.py",)
SIGMA = 25 / 255


def run(lab: Lab) -> Outcome:
    """Corrupts the responses to photographs, and thresholds the responses to noisy ones."""
    side, rounds = lab.pick((128, 30), (48, 8))
    photos = [p[64 : 64 + side, 64 : 64 + side, 0] for p in lab.photos(lab.pick(6, 2))]
    photos = photos[2:] + photos[:2]  # the page shows the first; this one is full of edges
    counts, shares = [4, 8, 16, 36], [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4]
    plain = np.zeros((len(counts), len(photos), len(shares)))
    trusting = np.zeros_like(plain)
    shown: list[tuple[str, np.ndarray]] = []
    for row, count in enumerate(counts):
        neurons = Bank(count, side)
        for place, photo in enumerate(photos):
            rng = np.random.default_rng(place)
            clean = neurons.respond(photo)
            for column, share in enumerate(shares):
                # A wrong response is the response at another place, so it has a plausible size.
                strangers = rng.permuted(clean.reshape(count, -1), axis=1).reshape(clean.shape)
                wrong = np.where(rng.random(clean.shape) < share, strangers, clean)
                images = neurons.recover(wrong), neurons.recover_trusting(wrong, rounds)
                plain[row, place, column] = level(images[0], photo)
                trusting[row, place, column] = level(images[1], photo)
                if place == 0 and share == 0.1 and count in (counts[0], counts[-1]):
                    ways = ("all believed", "outliers set aside")
                    shown += [
                        (f"{count} filters, {way}: {level(image, photo):.1f} dB", image)
                        for way, image in zip(ways, images, strict=True)
                    ]
    few, many = plain[0, :, 3].mean(), plain[-1, :, 3].mean()
    few_t, many_t = trusting[0, :, 3].mean(), trusting[-1, :, 3].mean()

    thresholds = [k / 2 for k in range(9)]
    neurons = Bank(36, side)
    kept = np.zeros((2, len(photos), len(thresholds)))
    strips: list[tuple[str, np.ndarray]] = []
    for place, photo in enumerate(photos):
        noisy = photo + np.random.default_rng(99 + place).normal(0, SIGMA, photo.shape)
        for column, threshold in enumerate(thresholds):
            got = [_thresholded(neurons, image, threshold * SIGMA) for image in (noisy, photo)]
            kept[:, place, column] = [level(image, photo) for image in got]
            if place == 0 and threshold == 2:
                strips = [
                    ("clean", photo), (f"noisy: {level(noisy, photo):.1f} dB", noisy),
                    (f"recovered: {kept[0, 0, column]:.1f} dB", got[0]),
                    ("what was taken away, around grey", 0.5 + noisy - got[0]),
                ]  # fmt: skip
    noisy_level, best = kept[0, :, 0].mean(), kept[0].mean(axis=0).max()
    at = thresholds[int(kept[0].mean(axis=0).argmax())]
    lost = kept[1, :, thresholds.index(at)].mean()

    outcome = Outcome(
        "At the same share of wrong responses a larger bank gives a better picture; once the "
        "outvoted responses are set aside it is nearly untouched."
    )
    outcome.check(
        bool((np.diff(plain[:, :, 3].mean(axis=1)) > 0).all()),
        f"with 10 % of the responses wrong, least squares gives {few:.1f} dB with {counts[0]} "
        f"filters and {many:.1f} dB with {counts[-1]}",
    )
    outcome.check(
        many_t > many + 3,
        f"setting outliers aside, that is {few_t:.1f} dB with {counts[0]} and {many_t:.1f} dB "
        f"with {counts[-1]}",
    )
    outcome.check(
        best > noisy_level + 2,
        f"of a noisy picture, without threshold, least squares keeps all the noise "
        f"({noisy_level:.1f} dB); responses below {at:g} sigma silenced, {best:.1f} dB",
    )
    outcome.check(
        lost < 35,
        f"the same threshold costs fine texture: a clean picture comes back at {lost:.1f} dB",
    )
    labels = {"ylabel": "PSNR (dB)"}
    percent = [100 * share for share in shares]
    outcome.exhibits = [
        curves(
            "All responses believed",
            "Errors are averaged away, the better the more filters there are. Bands: "
            "range over the photographs.",
            {f"{c} filters": (percent, plain[i]) for i, c in enumerate(counts)},
            xlabel="wrong responses (%)", ylim=(8, 58), **labels,
        ),
        curves(
            "Outliers set aside",
            "Redundancy also tells which responses are wrong, as long as they are a minority.",
            {f"{c} filters": (percent, trusting[i]) for i, c in enumerate(counts)},
            xlabel="wrong responses (%)", ylim=(8, 58), **labels,
        ),
        pictures("One response in ten wrong", "Recovered from 4 and from 36 filters.", shown),
        curves(
            "A noisy picture",
            "Silencing weak responses removes noise first, then texture. Sigma 25 of 255.",
            {"noisy picture": (thresholds, kept[0]), "clean picture": (thresholds, kept[1])},
            xlabel="threshold of the responses (sigma)", ylim=(15, 45), **labels,
        ),
        pictures(
            "What is kept and lost",
            "At 2 sigma: edges stay, the noise goes, and with it what looks like it.", strips,
        ),
    ]  # fmt: skip
    outcome.numbers = {
        "filters": counts, "wrong": shares, "psnr": plain.mean(axis=1),
        "psnr_outliers_set_aside": trusting.mean(axis=1),
        "threshold": thresholds, "psnr_noisy_and_clean": kept.mean(axis=1),
    }  # fmt: skip
    return outcome


def _thresholded(neurons: Bank, image: np.ndarray, threshold: float) -> np.ndarray:
    """Recovers a picture from thresholded responses.

    Each response moves towards 0 by `threshold`, and becomes 0 if it is smaller than that. This
    is what two ReLUs do, one for positive and one for negative responses.
    """
    linear = neurons.respond(image)
    kept = np.maximum(linear - threshold, 0) - np.maximum(-linear - threshold, 0)
    kept[0] = linear[0]  # the spot carries the brightness and detects nothing
    return neurons.recover(kept)
