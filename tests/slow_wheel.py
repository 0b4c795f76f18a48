"""The wheel installed into an empty environment: `make test-wheel`.

Nothing is downloaded that `make install` has left in uv's cache, but for what other versions of
Python need.
"""

from pathlib import Path

import pytest

from tests.wheels import ROOT, build_wheel, check_denoises, uv

MOST = 300e6  # bytes: the whole environment, without Python itself


def test_it_installs_and_denoises_without_tensorflow(tmp_path: Path) -> None:
    wheel, place, work = build_wheel(tmp_path), tmp_path / "place", tmp_path / "work"
    work.mkdir()
    uv("venv", "--quiet", place)
    python = place / "bin" / "python"
    # The lock tells which versions only: what is installed is what the wheel asks for.
    lock = ROOT / "requirements.lock"
    uv("pip", "install", "--quiet", "--python", python, "--constraint", lock, wheel)
    installed = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in installed) < MOST
    packages = {path.name for path in place.glob("lib/python*/site-packages/*")}
    assert not packages & {"tensorflow", "keras", "pydantic", "matplotlib"}
    check_denoises(python, work, place, {})


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_it_resolves_for_every_python(version: str, tmp_path: Path) -> None:
    """`pip install kdae` from wheels alone; kdae[train] where TensorFlow has wheels."""
    wanted = {"core": ["--only-binary", ":all:"], "train": ["--extra", "train"]}
    if version == "3.14":
        del wanted["train"]
    for name, options in wanted.items():
        out = tmp_path / f"{name}.txt"
        uv(
            "pip",
            "compile",
            "--quiet",
            "--python-version",
            version,
            *options,
            "pyproject.toml",
            "-o",
            out,
        )
        text = out.read_text()
        assert "ai-edge-litert==" in text and ("tensorflow==" in text) == (name == "train")
