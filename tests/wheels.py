"""Builds the wheel, and denoises a picture with what is in it, away from the checkout."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers import noise_image

ROOT = Path(__file__).parents[1]


def uv(*args: str | Path) -> None:
    """Runs uv, which `make install` puts beside Python; its cache spares the downloads."""
    found = shutil.which("uv")
    assert found, "uv is missing: run `make install`"
    done = subprocess.run([found, *args], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def build_wheel(folder: Path) -> Path:
    """Builds the wheel of the checkout into a folder; returns its path."""
    uv("build", "--quiet", "--wheel", "--out-dir", folder, ".")
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_denoises(python: Path, folder: Path, home: Path, more: Mapping[str, str]) -> None:
    """Denoises a picture with a shipped model, from a folder that is not the checkout.

    Args:
        python: the interpreter that finds the wheel's content.
        folder: an empty one, to work in.
        home: where kdae must have been imported from.
        more: environment variables.
    """
    # `make` and pytest may run with paths that lead back to the checkout.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    Image.fromarray(noise_image(40, 56)).save(folder / "noisy.png")
    script = (
        "import kdae, sys; print(kdae.__file__); from kdae.denoise.__main__ import main; "
        "sys.exit(main(['noisy.png', '-o', 'clean.png', '--model', 'gray']))"
    )
    done = subprocess.run(
        [python, "-c", script],
        cwd=folder,
        env=environment | dict(more),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[0]).is_relative_to(home)
    clean = np.asarray(Image.open(folder / "clean.png")).astype(float)
    noisy = np.asarray(Image.open(folder / "noisy.png")).astype(float)
    assert clean.shape == noisy.shape
    assert clean.std() < noisy.std() / 2  # the weights are there, and trained
