"""The noises of the comparison, and the files that they are written to."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdae.benchmark import alone
from kdae.benchmark.alone import CASES, MASK, PHOTONS, WIDTH, along_rows, gaussian
from kdae.errors import UserError
from kdae.train.config import load_config
from tests.data.samples import fill, load

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


def test_a_stopped_comparison_goes_on_with_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "photos", 1, height=64, width=64)
    begun: list[tuple[str, int]] = []

    def trained(one: alone.Case, seed: int, *_: Any) -> Path:
        if len(begun) == 9:
            begun.append(("stopped", seed))
            raise KeyboardInterrupt
        begun.append((one.name, seed))
        return tmp_path

    # 30 dB with clean pictures, and 0.1 dB less with each way that follows.
    levels = {one.name: 30 - place / 10 for place, one in enumerate(CASES)}
    monkeypatch.setattr(alone, "_pace", lambda *_: 0.5)
    monkeypatch.setattr(alone, "_train", trained)
    monkeypatch.setattr(alone, "load", lambda _: None)
    monkeypatch.setattr(alone, "_measure", lambda one, *_: (20.0, levels[one.name], -0.003))

    def measure(seconds: float = 10) -> str:
        photos = str(tmp_path / "photos")
        config = "configs/noisy-alone.yaml"
        return alone.measure_alone(tmp_path / "out", config, [], photos, photos, 2, seconds)

    with pytest.raises(KeyboardInterrupt):
        measure()
    # The first seed is whole, and the table of what is finished is there.
    lines = (tmp_path / "out" / "table.txt").read_text().splitlines()
    assert len(lines) == 1 + len(CASES)
    text = measure()
    names = [(one.name, seed) for seed in range(2) for one in CASES]
    assert [own for own in begun if own[0] != "stopped"] == names
    assert "-0.10 dB to clean pictures, at least -0.15: holds" in text
    assert "-0.20 dB to clean pictures, at least -0.15: FAILS" in text
    assert "-0.30 dB to clean pictures, at least -0.50: holds" in text
    assert "-0.10 dB to noise along rows: blind_spot, at least +3.00: FAILS" in text
    assert "mean within 0.2%: FAILS" in text
    with pytest.raises(UserError, match="begun with other settings"):
        measure(seconds=11)


def test_a_stack_has_all_pictures_as_pages(tmp_path: Path) -> None:
    pages = [np.full((16, 16 + 4 * n, 1), n, np.uint16) for n in range(3)]
    alone._write(tmp_path / "a", iter(pages), stack=True)
    read = load(tmp_path / "a", channels=1, whole=True)
    assert [array.shape for array in read.arrays] == [page.shape for page in pages]
