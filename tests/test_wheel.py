"""The wheel: complete, and enough by itself. `slow_wheel.py` installs it, with all it needs."""

import sys
import zipfile
from pathlib import Path

import pytest

from tests.wheels import ROOT, build_wheel, check_denoises


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_all_of_the_package_is_in_it_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path for path in (ROOT / "kdae").rglob("*") if path.is_file())
    ours = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert inside == ours


def test_it_denoises_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    unpacked, work = tmp_path / "unpacked", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(unpacked)
    work.mkdir()
    check_denoises(Path(sys.executable), work, unpacked, {"PYTHONPATH": str(unpacked)})
