"""A part of what `make fuzz` does, and damaged files through the command and through Python."""

import random
from pathlib import Path

import numpy as np
import pytest

import kdae
from kdae.denoise.__main__ import main
from kdae.errors import UserError
from kdae.images import read_image
from tests.denoise.fuzz import damage, first_picture, fuzz, layout, seeds


@pytest.mark.filterwarnings("ignore")
def test_damaged_files(tmp_path: Path) -> None:
    accepted, refused = fuzz(tmp_path, 120, seed=1)
    assert accepted > 20 and refused > 20


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_damaged_files_through_the_command_and_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(2)
    damaged, out = tmp_path / "damaged", tmp_path / "out"
    for folder in (tmp_path / "seeds", damaged):
        folder.mkdir()
    for index, origin in enumerate(seeds(tmp_path / "seeds")):
        (damaged / f"{index}{origin.suffix}").write_bytes(damage(origin.read_bytes(), chance))
    assert main([str(damaged), "-o", str(out), "--model", "gray"]) == 1  # some are broken
    assert "Traceback" not in "".join(capsys.readouterr())
    written = sorted(path for path in out.iterdir() if path.suffix in (".png", ".jpg", ".tif"))
    assert len(written) >= 5
    denoiser = kdae.load("gray")
    for path in written:
        assert layout(path)
        pixels = first_picture(path).pixels
        if pixels.dtype in (np.uint8, np.uint16):
            assert denoiser.denoise(pixels, channels="independent").shape == pixels.shape
    for path in damaged.iterdir():
        try:
            read_image(path)
        except UserError as error:
            assert path.name in str(error)
