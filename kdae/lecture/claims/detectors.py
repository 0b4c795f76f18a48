"""Claim 1: filters with ReLU as pattern detectors."""

from __future__ import annotations

import numpy as np

from kdae.lecture.exhibits import curves, pictures
from kdae.lecture.filters import Bank, bank, level
from kdae.lecture.lab import Lab
from kdae.lecture.report import Outcome

TITLE = "Filter + ReLU is a pattern detector, and roughly invertible"
CLAIM = (
    "A filter followed by a ReLU answers where its pattern is. From the answers of a bank of "
    "filters the image is recovered by deconvolution in the Fourier domain, and from the ReLU "
    "outputs by least squares: find the image whose representation is closest to the one "
    "observed."
)
READ = ("kdae/lecture/filters.py",)


def run(lab: Lab) -> Outcome:
    """Recovers photographs from the responses of fewer and fewer filters."""
    side, rounds = lab.pick((128, 150), (48, 20))
    photos = [p[64 : 64 + side, 64 : 64 + side, 0] for p in lab.photos(lab.pick(6, 2))]
    photos = photos[2:] + photos[:2]  # the page shows the first; this one is full of edges
    filters = bank()
    counts = [1, 2, 4, 8, 16, 24, len(filters)]
    ways = ("deconvolution of linear responses", "least squares from ReLU outputs",
            "ReLU outputs taken for linear ones")  # fmt: skip
    levels = {way: np.zeros((len(photos), len(counts))) for way in ways}
    shown: list[tuple[str, np.ndarray]] = [("photograph", photos[0])]
    exact = []
    for place, photo in enumerate(photos):
        for column, count in enumerate(counts):
            neurons = Bank(count, side)
            linear = neurons.respond(photo)
            stored, rectified = _stored(linear), _stored(np.maximum(linear, 0))
            recovered = (
                neurons.recover(stored),
                neurons.recover_rectified(rectified, rounds),
                neurons.recover(rectified),
            )
            for way, image in zip(ways, recovered, strict=True):
                levels[way][place, column] = level(image, photo)
            if place == 0 and count in (2, 8, len(filters)):
                shown.append((f"{count} filters, ReLU: {level(recovered[1], photo):.1f} dB",
                              recovered[1]))  # fmt: skip
        exact.append(level(neurons.recover(linear, 0.0), photo))
    own = np.stack([kernel.ravel() for _, kernel in filters])
    finds_itself = int((np.argmax(own @ own.T, axis=1) == np.arange(len(filters))).sum())

    outcome = Outcome(
        "A dozen filters are enough for a picture one can hardly tell from the photograph, "
        "though the ReLU threw half of every answer away."
    )
    means = {way: values.mean(axis=0) for way, values in levels.items()}
    linear_way, squares, naive = (means[way] for way in ways)
    outcome.check(
        finds_itself == len(filters),
        f"of {len(filters)} patterns of equal contrast, a filter answers most to its own: "
        f"true of {finds_itself}",
    )
    outcome.check(
        min(exact) > 60,
        f"deconvolution of exact responses is exact: {min(exact):.0f} dB or more",
    )
    outcome.check(
        squares[-1] > 35,
        f"from ReLU outputs rounded to 8 bits, least squares gives {squares[-1]:.1f} dB with "
        f"{counts[-1]} filters (linear responses: {linear_way[-1]:.1f} dB)",
    )
    outcome.check(
        squares[-1] > naive[-1] + 5,
        f"least squares is needed: ReLU outputs taken for linear ones give {naive[-1]:.1f} dB",
    )
    outcome.check(
        bool((np.diff(squares) > -0.3).all() and squares[0] < squares[-1] - 5),
        f"it falls as filters are removed: {squares[-3]:.1f} dB with {counts[-3]}, "
        f"{squares[2]:.1f} dB with {counts[2]}, {squares[0]:.1f} dB with 1",
    )
    chosen = [0, 1, 2, 5, 17, len(filters) - 1]
    responses = np.maximum(Bank(len(filters), side).respond(photos[0]), 0)
    outcome.exhibits = [
        pictures(
            "Filters of the bank", "Grey is 0, white positive, black negative; 15x15 pixels.",
            [(filters[k][0], 0.5 + filters[k][1] / 2 / np.abs(filters[k][1]).max())
             for k in chosen], 88,
        ),
        pictures(
            "Where they find their pattern",
            "ReLU outputs (white: largest): edges and bars of one direction light up, "
            "the other half of each response is gone.",
            [("photograph", photos[0])]
            + [(filters[k][0], responses[k] / responses[k].max()) for k in chosen[1:]],
        ),
        pictures("Recovered from ReLU outputs", "From few filters and from all.", shown),
        curves(
            "Quality against the number of filters",
            f"Mean of {len(photos)} photographs of {side}x{side} pixels, responses rounded to "
            "8 bits. The band is the range over the photographs.",
            {way: (counts, values) for way, values in levels.items()},
            xlabel="filters", ylabel="PSNR (dB)", xscale="log",
        ),
    ]  # fmt: skip
    outcome.numbers = {"filters": counts, "psnr": means, "exact": exact}
    return outcome


def _stored(responses: np.ndarray) -> np.ndarray:
    """Rounds responses to 256 levels between 0 and the largest."""
    unit = np.abs(responses).max() / 255
    return np.asarray(np.rint(responses / unit) * unit)
