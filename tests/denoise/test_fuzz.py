"""A part of what `make fuzz` does."""

from pathlib import Path

import pytest

from tests.denoise.fuzz import fuzz


@pytest.mark.filterwarnings("ignore")
def test_damaged_files(tmp_path: Path) -> None:
    accepted, refused = fuzz(tmp_path, 120, seed=1)
    assert accepted > 20 and refused > 20
