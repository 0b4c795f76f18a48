"""Claim 7: which noise to train with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_nl_means

from kdae.lecture.exhibits import mean_range, pictures, table
from kdae.lecture.lab import Lab
from kdae.lecture.report import Outcome
from kdae.noise import build_noise

TITLE = "Which noise to train with"
CLAIM = (
    "A net removes the noise it was trained with, and little else; trained with a mixture it "
    "removes all of it, each a little less well than the specialist. Both beat filters that "
    "were designed by hand."
)
READ = ("kdae/noise/noises.py", "kdae/noise/blocks.py", "kdae/evaluate/measure.py")
SIDE = 192  # side of the test pictures in pixels

Filter = Callable[[np.ndarray], np.ndarray]


def _blocks(side: int) -> dict[str, Any]:
    """Returns the spec of knocked-out blocks, as dense on every size of picture."""
    return {"blocks": {"count": round(4 * side**2 / 48**2), "size": [3, 8]}}


def _noises(side: int) -> dict[str, dict[str, Any]]:
    single: dict[str, dict[str, Any]] = {
        "gaussian": {"gaussian": {"sigma": 25}},
        "poisson": {"poisson": {"peak": 30}},
        "blocks": _blocks(side),
    }
    return single | {"mixture": {"choice": list(single.values())}}


def run(lab: Lab) -> Outcome:
    """Trains with each noise and tests on each; compares with classical filters."""
    side = lab.pick(SIDE, 32)
    tests = _noises(side) | {"salt and pepper": {"salt_pepper": {"amount": 0.05}}}
    figures: dict[str, dict[str, list[float]]] = {}
    nets = {}
    for kind, spec in _noises(lab.pick(48, 32)).items():
        runs = [lab.train({"noise": {"kind": spec}}, seed=seed) for seed in lab.seeds]
        nets[kind] = runs[0].denoiser.denoise_float
        figures[f"net, {kind}"] = {
            name: [lab.measure(r.denoiser.denoise_float, test, side=side)["psnr"] for r in runs]
            for name, test in tests.items()
        }
    noisy = {n: lab.measure(lambda x: x, t, side=side)["psnr_noisy"] for n, t in tests.items()}
    for name, filters in _classical(lab).items():
        figures[name] = {
            test: [max(lab.measure(f, spec, side=side)["psnr"] for f in filters)]
            for test, spec in tests.items()
        }
    means = {k: {t: float(np.mean(v)) for t, v in row.items()} for k, row in figures.items()}

    outcome = Outcome(
        "Read the table down a column: the best figure is on the diagonal, and the mixture is "
        "never far from it."
    )
    trained = list(_noises(48))
    for kind in trained[:3]:
        column = {f"net, {k}": means[f"net, {k}"][kind] for k in trained}
        best = max(column, key=lambda k: column[k])
        outcome.check(
            best == f"net, {kind}",
            f"test noise {kind}: best is the {best} ({column[best]:.2f} dB); trained with "
            f"{kind} {mean_range(figures[f'net, {kind}'][kind])} dB, with the mixture "
            f"{mean_range(figures['net, mixture'][kind])} dB",
        )
    worst = {k: min(means[f"net, {k}"][t] - means[f"net, {t}"][t] for t in trained[:3])
             for k in trained}  # fmt: skip
    outcome.check(
        max(worst, key=lambda k: worst[k]) == "mixture",
        f"the mixture is the safest: at worst {-worst['mixture']:.2f} dB behind a specialist, "
        f"the specialists at worst {min(-worst[k] for k in trained[:3]):.2f} dB",
    )
    classical = {t: max(means[name][t] for name in _classical(lab)) for t in tests}
    beaten = [t for t in trained[:3] if means[f"net, {t}"][t] > classical[t]]
    outcome.check(
        len(beaten) == 3,
        "the specialist against the best classical filter, in dB: "
        + "; ".join(
            f"{t} {means[f'net, {t}'][t]:.2f} : {classical[t]:.2f}" for t in trained[:3]
        ),
    )
    unseen = "salt and pepper"
    by_nets = max(means[f"net, {k}"][unseen] for k in trained)
    outcome.check(
        by_nets < classical[unseen],
        f"on noise no net has seen ({unseen}), the best net reaches {by_nets:.2f} dB, the best "
        f"classical filter {classical[unseen]:.2f} dB",
    )
    crop = lab.photos(7)[2][64:160, 96:192]
    shown: list[tuple[str, Any]] = []
    for name, spec in _noises(96).items():
        if name != "mixture":
            bad = np.asarray(build_noise(spec)(crop, np.array([1, 2], np.int32)))
            shown.append((f"{name} noise", bad))
            for kind in (name, "gaussian" if name == "blocks" else "blocks", "mixture"):
                shown.append((f"net trained with {kind}", nets[kind](bad)))
    outcome.exhibits = [
        table(
            "Train noise by test noise",
            "PSNR in dB, mean over the seeds, held-out photographs. Gaussian: "
            "sigma 25; Poisson: 30 photons at white; blocks: black squares of 3 to 8 pixels; "
            "salt and pepper: 5 %. The filters' strengths are the best for each column.",
            ("", *tests), [("noisy", *noisy.values()),
                           *[(name, *row.values()) for name, row in means.items()]],
        ),
        pictures(
            "Seen and unseen noise",
            "A noise, then nets trained with that noise, with another, and with the mixture.",
            shown, 150,
        ),
    ]  # fmt: skip
    outcome.numbers = {"psnr": figures, "noisy": noisy}
    return outcome


def _classical(lab: Lab) -> dict[str, list[Filter]]:
    """Returns classical filters, each in several strengths. The best strength counts."""

    def median(size: int) -> Filter:
        return lambda image: median_filter(image, (size, size, 1))

    def gaussian(sigma: float) -> Filter:
        return lambda image: gaussian_filter(image, (sigma, sigma, 0))

    def means(strength: float) -> Filter:
        def apply(image: np.ndarray) -> np.ndarray:
            options = {"patch_size": 5, "patch_distance": 6, "h": strength, "sigma": strength}
            return np.asarray(denoise_nl_means(image[..., 0], **options), np.float32)[..., None]

        return apply

    count = lab.pick(None, 1)
    return {
        "median filter": [median(size) for size in (3, 5)][:count],
        "Gaussian filter": [gaussian(sigma) for sigma in (0.7, 1.0, 1.4)][:count],
        "non-local means": [means(s / 255) for s in (15.0, 25.0)][:count],
    }
