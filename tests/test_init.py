"""`import kdae`: the public names, and what it costs."""

import os
import subprocess
import sys

import pytest

import kdae

SCRIPT = """
import sys
import kdae
heavy = [name for name in ("tensorflow", "keras", "numpy") if name in sys.modules]
print(heavy)
import tensorflow
print(tensorflow.constant(3).numpy())
"""


def test_public_names() -> None:
    from kdae.infer import Denoiser, load
    from kdae.losses import L1L2Loss
    from kdae.model import build_denoiser

    names = [kdae.Denoiser, kdae.L1L2Loss, kdae.build_denoiser, kdae.load]
    assert names == [Denoiser, L1L2Loss, build_denoiser, load]
    with pytest.raises(AttributeError, match="module 'kdae' has no attribute 'other'"):
        kdae.other  # noqa: B018


def test_tensorflow_comes_late_and_quietly() -> None:
    # TensorFlow, imported by other tests before kdae, leaves its own level of talk behind.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n3\n", "")
