"""Files are replaced whole or not at all; locks exclude others; digests."""

import subprocess
import sys
from pathlib import Path

import pytest

from kdae.files import TEMPORARY, digest, locked, replace_file, try_lock


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_file(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_leaves_matches_the_pattern(tmp_path: Path) -> None:
    path = tmp_path / "file.png"
    seen: list[Path] = []

    def write(temporary: Path) -> None:
        temporary.write_text("new")
        seen.extend(tmp_path.glob(TEMPORARY))
        assert seen == [temporary] and temporary.suffix == ".png"

    replace_file(path, write)
    assert seen and list(tmp_path.iterdir()) == [path] and path.read_text() == "new"


def test_a_lock_excludes_others_and_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        assert try_lock(path) is None
    held = try_lock(path)
    assert held is not None and try_lock(path) is None
    held.close()
    script = (
        "import os, sys, pathlib, kdae.files\n"
        "held = kdae.files.try_lock(pathlib.Path(sys.argv[1]))\n"
        "print(held is not None, flush=True); sys.stdin.read(); os._exit(1)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"True\n"
        assert try_lock(path) is None
        other.kill()
        other.wait()
    with locked(path):
        pass


def test_digest(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert digest(tmp_path / "empty").startswith("e3b0c44298fc1c14")
