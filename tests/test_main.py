"""`kdae VERB ...`: the list of verbs, and that each is run with its arguments."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kdae
from kdae.__main__ import VERBS, main

QUIET = """
import sys
from kdae.errors import run_main
def command(argv):
    import tensorflow
    print(tensorflow.constant(3).numpy())
    return 0
run_main(command)
"""


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    packages = Path(kdae.__file__).parent.glob("*/__main__.py")
    for verb in {path.parent.name for path in packages} | set(VERBS):
        assert sum(line.startswith(f"  {verb} ") for line in lines) == 1


def test_help_needs_no_tensorflow() -> None:
    script = "import sys, kdae.__main__ as m\ntry: m.main(['-h'])\nexcept SystemExit: pass\n"
    script += "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_an_unknown_verb_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["denois"])
    assert ended.value.code == 2
    assert "unknown verb 'denois', did you mean 'denoise'?" in capsys.readouterr().err


def test_a_verb_gets_its_arguments(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["denoise", str(tmp_path / "none.png"), "-o", str(tmp_path)])
    assert ended.value.code == 2
    assert "none.png: no such file or folder" in capsys.readouterr().err


def test_a_command_imports_tensorflow_quietly() -> None:
    # TensorFlow, imported by other tests before, leaves its own level of talk behind.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", QUIET]
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
