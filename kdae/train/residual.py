"""Looks at what a network removes: noise, or also parts of the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

_LIKE_PICTURE = 0.1
_LIKE_NEIGHBORS = 0.2
"""Correlations from which a warning is given.

A network leaves the coarse part of independent noise, so neighbours in what it removes are
slightly anticorrelated: by -0.05 to -0.14 in eight networks that were trained on it. Of noise
that neighbours share it removes what they do not tell; with the best linear prediction that is
correlated by -0.17 to -0.8.
"""


_STEP = 0.1
"""By how much of the removed noise a picture is changed to see what of it stays."""


class Residual(NamedTuple):
    """Statistics of noisy less denoised pictures, means over the pictures.

    Attributes:
        sigma: standard deviation, in the units of the pictures: an estimate of the noise that
            was removed.
        with_picture: correlation with the denoised picture, less what it is for the best
            denoiser. Near 0 where noise alone was removed.
        along_rows: correlation of horizontal neighbours. Near 0, and mostly negative, for
            independent noise.
        along_columns: correlation of vertical neighbours.
    """

    sigma: float
    with_picture: float
    along_rows: float
    along_columns: float

    def warnings(self) -> list[str]:
        """Returns what a user should know, one sentence for each suspicious figure."""
        found = []
        if abs(self.with_picture) > _LIKE_PICTURE:
            found.append(
                f"what was removed is correlated with the picture ({self.with_picture:+.2f}): "
                "detail was removed with the noise"
            )
        for where, value, mask in (
            ("rows", self.along_rows, "[1, 9]"),
            ("columns", self.along_columns, "[9, 1]"),
        ):
            if abs(value) > _LIKE_NEIGHBORS:
                found.append(
                    f"what was removed is correlated along {where} ({value:+.2f}), so the "
                    "noise of neighbours is not independent: try "
                    f"train.supervision=blind_spot with train.blind_mask={mask}, or repeats "
                    "of the same scene"
                )
        return found


def measure_residual(
    pictures: Sequence[np.ndarray], denoise: Callable[[np.ndarray], np.ndarray]
) -> Residual:
    """Measures what is removed from noisy pictures.

    Args:
        pictures: noisy ones, float `[1, H, W, C]`, at least one.
        denoise: the network.
    """
    rows = []
    for noisy in pictures:
        noisy, denoised = np.asarray(noisy), np.asarray(denoise(noisy), np.float64)
        removed = noisy - denoised
        rows.append(
            (
                removed.std(),
                _correlation(removed, denoised) - _of_best(noisy, denoised, denoise),
                _correlation(removed[:, :, 1:], removed[:, :, :-1]),
                _correlation(removed[:, 1:], removed[:, :-1]),
            )
        )
    return Residual(*(float(mean) for mean in np.mean(rows, axis=0)))


def _of_best(
    noisy: np.ndarray, denoised: np.ndarray, denoise: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Returns how much the best denoiser's result would be correlated with what it removes.

    It leaves some of a pixel's noise, which correlates the two, the more so the flatter the
    picture is: their covariance is the variance of the noise times the derivative `kept` of the
    result with respect to its own pixel (Stein 1981). A small change of random signs measures
    `kept` (Ramani et al. 2008), and what was removed is the rest of the noise.
    """
    removed = noisy - denoised
    signs = np.random.default_rng(0).choice((-1.0, 1.0), noisy.shape)
    change = _STEP * signs * removed
    moved = np.asarray(denoise((noisy + change).astype(noisy.dtype)), np.float64) - denoised
    power, scale = np.mean(removed**2), removed.std() * denoised.std()
    if not scale:
        return 0.0
    kept = float(np.mean(change * moved) / (_STEP**2 * power))
    return float(power * kept / (1 - kept) / scale) if kept < 1 else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the correlation of two arrays of the same shape; 0 where one is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt(np.mean(a * a) * np.mean(b * b))
    return float(np.mean(a * b) / scale) if scale > 0 else 0.0
