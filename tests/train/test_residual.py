"""What was removed, for noise and denoisers whose figures are known."""

import numpy as np
import pytest

from kdae.train.residual import Residual, measure_residual

RNG = np.random.default_rng(0)
SMOOTH = np.add.outer(np.sin(np.arange(256) / 20), np.cos(np.arange(256) / 30))[None, ..., None]
WHITE = RNG.normal(0, 0.1, (1, 256, 256, 1))


def mean_of_nine(noisy: np.ndarray) -> np.ndarray:
    near = (-1, 0, 1)
    rolled = [np.roll(noisy, (y, x), axis=(1, 2)) for y in near for x in near]
    return np.asarray(np.mean(rolled, axis=0))


def test_independent_noise_is_not_suspicious() -> None:
    residual = measure_residual([SMOOTH + WHITE], lambda _: SMOOTH)
    assert residual.sigma == pytest.approx(0.1, rel=0.01)
    assert max(map(abs, residual[1:])) < 0.02
    assert residual.warnings() == []


def test_the_coarse_part_of_the_noise_may_stay() -> None:
    residual = measure_residual([WHITE], mean_of_nine)
    # Variance 1 - 2/9 + 9/81 of the noise, covariance -2/9 + 6/81: a sixth.
    assert residual.along_rows == pytest.approx(-1 / 6, abs=0.02)
    assert not any("along" in warning for warning in residual.warnings())


def test_noise_that_stays_is_not_taken_for_detail() -> None:
    # Half the noise stays, which alone correlates the two by 0.7.
    faint = 0.05 * SMOOTH
    residual = measure_residual([faint + WHITE], lambda noisy: faint + 0.5 * (noisy - faint))
    assert residual.with_picture == pytest.approx(0, abs=0.02)
    assert residual.warnings() == []


def test_detail_is_told_apart_from_noise_that_stays() -> None:
    waves = np.broadcast_to(np.sin(2 * np.pi * np.arange(256) / 8), (1, 256, 256))[..., None]
    residual = measure_residual([waves + WHITE], mean_of_nine)
    # The mean keeps 0.805 of the waves and a ninth of the noise, of which 8/9 are removed.
    kept = (1 + np.sqrt(2)) / 3
    waves_removed, waves_kept = 0.5 * (1 - kept) ** 2, 0.5 * kept**2
    removed, denoised = waves_removed + 0.01 * 8 / 9, waves_kept + 0.01 / 9
    of_best = removed * (1 / 9) / (8 / 9)
    expected = (0.5 * kept * (1 - kept) - of_best) / np.sqrt(removed * denoised)
    assert residual.with_picture == pytest.approx(expected, abs=0.02)
    assert any("correlated with the picture" in warning for warning in residual.warnings())


def test_what_the_best_prediction_from_neighbours_leaves_is_told() -> None:
    shared = (WHITE + np.roll(WHITE, 1, axis=2)) / 2
    # Correlations 1, 1/2, 0, 0, ...: of a pixel, the two neighbours tell half their sum.
    told = (np.roll(shared, 1, axis=2) + np.roll(shared, -1, axis=2)) / 2
    residual = measure_residual([shared], lambda _: told)
    assert residual.along_rows == pytest.approx(-1 / 4, abs=0.02)
    [warning] = residual.warnings()
    assert "along rows (-0.2" in warning


def test_noise_along_rows_is_told() -> None:
    # The mean of two independent neighbours: neighbours share one of two, correlation 1/2.
    shared = (WHITE + np.roll(WHITE, 1, axis=2)) / 2
    residual = measure_residual([SMOOTH + shared], lambda _: SMOOTH)
    assert residual.along_rows == pytest.approx(0.5, abs=0.02)
    assert abs(residual.along_columns) < 0.02
    [warning] = residual.warnings()
    assert "along rows (+0.50)" in warning
    assert "blind_mask=[1, 9]" in warning
    assert "repeats" in warning


def test_removed_parts_of_the_picture_are_told() -> None:
    residual = measure_residual([SMOOTH + WHITE], lambda _: 0.5 * SMOOTH)
    deviation = 0.5 * SMOOTH.std()
    expected = deviation / np.hypot(deviation, 0.1)
    assert residual.with_picture == pytest.approx(expected, abs=0.01)
    assert any("correlated with the picture" in warning for warning in residual.warnings())


def test_nothing_removed() -> None:
    assert measure_residual([WHITE], lambda noisy: noisy) == Residual(0, 0, 0, 0)
