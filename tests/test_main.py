"""`kdae VERB ...`: the list of verbs, and that each is run with its arguments."""

from pathlib import Path

import pytest

import kdae
from kdae.__main__ import VERBS, main


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    packages = Path(kdae.__file__).parent.glob("*/__main__.py")
    for verb in {path.parent.name for path in packages} | set(VERBS):
        assert sum(line.startswith(f"  {verb} ") for line in lines) == 1


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
