"""What was removed, for noise and denoisers whose figures are known."""

import numpy as np
import pytest

from kdae.train.residual import Residual, measure_residual

RNG = np.random.default_rng(0)
SMOOTH = np.add.outer(np.sin(np.arange(256) / 20), np.cos(np.arange(256) / 30))[None, ..., None]
WHITE = RNG.normal(0, 0.1, (1, 256, 256, 1))


def test_independent_noise_is_not_suspicious() -> None:
    residual = measure_residual([SMOOTH + WHITE], lambda _: SMOOTH)
    assert residual.sigma == pytest.approx(0.1, rel=0.01)
    assert max(map(abs, residual[1:])) < 0.02
    assert residual.warnings() == []


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
