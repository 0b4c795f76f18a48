"""`import kdae`: the public names, and that it changes nothing in its process."""

import subprocess
import sys

import pytest

import kdae

IMPORT = """
import os, sys
def state():
    streams = [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (1, 2)]
    return list(sys.meta_path), list(sys.path_hooks), dict(os.environ), streams
before = state()
import kdae
assert state() == before
print([name for name in ("tensorflow", "keras", "numpy") if name in sys.modules])
"""
LIGHT = """
import sys
import kdae.cards, kdae.client, kdae.denoise.__main__, kdae.engine, kdae.images
import kdae.client.__main__, kdae.train.__main__, kdae.evaluate.__main__
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""


def said(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_public_names() -> None:
    from kdae.engine import Denoiser, load
    from kdae.model import build_denoiser
    from kdae.train.losses import L1L2Loss

    names = [kdae.Denoiser, kdae.L1L2Loss, kdae.build_denoiser, kdae.load]
    assert names == [Denoiser, L1L2Loss, build_denoiser, load]
    with pytest.raises(AttributeError, match="module 'kdae' has no attribute 'other'"):
        kdae.other  # noqa: B018


def test_the_import_leaves_its_process_alone() -> None:
    assert said(IMPORT) == "[]"


def test_what_needs_no_tensorflow_does_not_import_it() -> None:
    assert said(LIGHT) == "[]"
