"""The wheel installed into an empty environment: `make test-wheel`.

Takes about a minute, most of it TensorFlow's files being compiled when they are first imported.
Nothing is downloaded that `make install` has left in uv's cache.
"""

from pathlib import Path

from tests.wheels import ROOT, build_wheel, check_denoises, uv


def test_it_installs_and_denoises(tmp_path: Path) -> None:
    wheel, place, work = build_wheel(tmp_path), tmp_path / "place", tmp_path / "work"
    work.mkdir()
    uv("venv", "--quiet", place)
    python = place / "bin" / "python"
    # The lock tells which versions only: what is installed is what the wheel asks for.
    lock = ROOT / "requirements.lock"
    uv("pip", "install", "--quiet", "--python", python, "--constraint", lock, wheel)
    check_denoises(python, work, place, {})
