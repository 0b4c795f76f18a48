"""`import kdae`: the public names, and that it changes nothing in its process."""

import subprocess
import sys

import pytest

import kdae

SCRIPT = """
import contextlib, io, os, sys
def loaded(*names):
    print(*[name for name in names if name in sys.modules], sep=",")
def state():
    streams = [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (1, 2)]
    return list(sys.meta_path), list(sys.path_hooks), dict(os.environ), streams
before = state()
import kdae
assert state() == before
loaded("tensorflow", "keras", "numpy")
import kdae.cards, kdae.client, kdae.denoise.__main__, kdae.engine, kdae.images
import kdae.client.__main__, kdae.train.__main__, kdae.evaluate.__main__
loaded("tensorflow", "keras")
import kdae.__main__
with contextlib.redirect_stdout(io.StringIO()) as help, contextlib.suppress(SystemExit):
    kdae.__main__.main(["-h"])
assert "denoise" in help.getvalue()
loaded("tensorflow", "keras")
"""


def test_public_names() -> None:
    from kdae.engine import Denoiser, Strength, load
    from kdae.model import build_denoiser
    from kdae.train.losses import L1L2Loss

    names = [kdae.Denoiser, kdae.L1L2Loss, kdae.Strength, kdae.build_denoiser, kdae.load]
    assert names == [Denoiser, L1L2Loss, Strength, build_denoiser, load]
    with pytest.raises(AttributeError, match="module 'kdae' has no attribute 'other'"):
        kdae.other  # noqa: B018


def test_the_import_leaves_its_process_alone_and_what_is_light_stays_light() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    # Nothing after `import kdae`, after the modules that need no TensorFlow, after the help.
    assert done.stdout == "\n" * 3
