"""The noises of the comparison, and the files that they are written to."""

import numpy as np
import pytest

from kdae.benchmark.alone import CASES, MASK, PHOTONS, WIDTH, along_rows, gaussian
from kdae.train.config import load_config

GREY = np.full((400, 400, 1), 0.5)


def test_noise_along_rows_is_shared_by_the_width_and_no_further() -> None:
    noise = along_rows(GREY, np.random.default_rng(0)) - 0.5
    assert noise.std() * 255 == pytest.approx(25, rel=0.02)
    for reach in range(WIDTH + 1):
        pair = noise[:, reach:].ravel(), noise[:, : 400 - reach].ravel()
        expected = max(0, 1 - reach / WIDTH)
        assert np.corrcoef(*pair)[0, 1] == pytest.approx(expected, abs=0.02)
    assert abs(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]) < 0.02
    # The mask covers all that shares noise with its centre.
    assert MASK == [1, 2 * (WIDTH - 1) + 1]
    assert (gaussian(GREY, np.random.default_rng(0)) - 0.5).std() * 255 == pytest.approx(
        25, 0.02
    )


def test_files_of_photons() -> None:
    file = PHOTONS.file(GREY, np.random.default_rng(0))
    assert file.dtype == np.uint16
    # 15 photons, seven for each: variance 49 x 15.
    assert file.mean() == pytest.approx(1000 + 7 * 15, rel=0.001)
    assert file.std() == pytest.approx(7 * np.sqrt(15), rel=0.02)
    assert set(np.unique(file % 7)) == {1000 % 7}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_is_a_config(case: object) -> None:
    settings = [f"train.{key}={value}" for key, value in case.train.items()]  # type: ignore[attr-defined]
    source = "{repeats: [a, b]}" if "supervision=repeats" in str(settings) else "a"
    load_config("configs/noisy-alone.yaml", [*settings, f"data.source={source}"])
