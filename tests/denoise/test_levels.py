"""Files for a model whose 0 and 1 are values of its training files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kdae.denoise.plan import Job
from kdae.denoise.stream import Result, denoise_file, denoise_files
from kdae.engine import Denoiser
from kdae.errors import UserError

LOW, HIGH = 1000.0, 3000.0


class Halved:
    """Halves what it is shown, which is 0 at LOW and 1 at HIGH."""

    channels = 1
    bytes_per_pixel = 100

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return batch / 2


def halved() -> Denoiser:
    return Denoiser(
        Halved(), {"channels": 1, "size_multiple": 1, "halo": 0, "levels": [LOW, HIGH]}
    )


def written(folder: Path, values: np.ndarray) -> np.ndarray:
    tifffile.imwrite(folder / "a.tif", values)
    denoise_file(halved(), Job(folder / "a.tif", folder / "b.tif"))
    after = tifffile.imread(folder / "b.tif")
    assert after.dtype == values.dtype
    return after


@pytest.mark.parametrize("kind", ["u2", "u4", "i2", "i4", "f2", "f4", "f8"])
def test_values_are_in_the_units_of_the_files(tmp_path: Path, kind: str) -> None:
    # Also below LOW and above HIGH, where nothing is clipped. All are even: halves are whole.
    values = (2 * np.random.default_rng(0).integers(200, 4000, (20, 30))).astype(kind)
    expected = LOW + (values.astype(np.float64) - LOW) / 2
    np.testing.assert_allclose(written(tmp_path, values), expected, rtol=1e-3, atol=0.51)
    assert values.min() < LOW and values.max() > HIGH


def test_what_is_no_number_stays_where_it_is(tmp_path: Path) -> None:
    values = np.full((9, 9), 2000, np.float32)
    values[2, 3], values[4, 5] = np.nan, np.inf
    after = written(tmp_path, values)
    np.testing.assert_array_equal(np.isfinite(after), np.isfinite(values))
    assert np.isnan(after[2, 3]) and after[4, 5] == np.inf
    assert (after[np.isfinite(after)] == 1500).all()


def test_floats_of_another_scale_are_refused(tmp_path: Path) -> None:
    values: Any = np.random.default_rng(0).uniform(size=(9, 9)).astype(np.float32)
    message = r"a\.tif: floats from 0 to 1, but this model .* 1000 to 3000"
    with pytest.raises(UserError, match=message):
        written(tmp_path, values)
    results: list[Result] = []
    job = Job(tmp_path / "a.tif", tmp_path / "b.tif")
    denoise_files(halved(), [job], finished=results.append)
    assert "floats from 0 to 1" in str(results[0].reason)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
