"""The benchmark of a folder counts the time that the model waits for reading and writing."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdae.benchmark.__main__ import main
from kdae.benchmark.folder import measure_folder
from kdae.denoise import stream
from kdae.errors import UserError
from kdae.images import Picture, write_image
from tests.helpers import blurred_photos, tiny_run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_run(tmp_path_factory.mktemp("models") / "run"))


def test_the_lines_it_prints(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    blurred_photos(tmp_path, 4)
    write_image(tmp_path / "large.png", Picture(np.zeros((500, 1000, 1), np.uint8)))
    (tmp_path / "broken.png").write_text("not a picture")
    assert main(["folder", "--data", str(tmp_path), "--model", model]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "5 pictures, 0.5 megapixels:"
    for line, end in zip(lines, ("alone", "% of that rate", "%"), strict=True):
        assert re.search(r"\d\.\d\d s +\d+\.\d/s +\d+\.\d\d megapixels/s  .*" + end, line)


def test_folders_without_pictures(tmp_path: Path, model: str) -> None:
    with pytest.raises(UserError, match="no picture in this folder"):
        measure_folder(model, tmp_path)
    (tmp_path / "broken.png").write_text("not a picture")
    with pytest.raises(UserError, match="no picture in this folder can be read"):
        measure_folder(model, tmp_path)


@pytest.mark.alone
def test_slow_reading_or_writing_lowers_the_rate(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blurred_photos(tmp_path, 8)
    read_image = stream.read_image

    def slow(path: Path) -> Any:
        time.sleep(0.2)
        return read_image(path)

    monkeypatch.setattr(stream, "read_image", slow)
    rates = measure_folder(model, tmp_path, 1)
    assert rates.one_by_one > 8 * 0.2 > rates.alone
    assert rates.folder > 2 * 0.2  # with at most four threads
    assert rates.folder < rates.one_by_one and rates.share < 0.5
    assert rates.megapixels == pytest.approx(8 * 48 * 48 / 1e6)
