import contextlib
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdae.errors import (
    EXTRAS,
    UserError,
    check_share,
    did_you_mean,
    first_line,
    interrupt,
    run_main,
)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_a_share_is_from_0_to_1(value: float) -> None:
    check_share("--strength", 0)
    check_share("--strength", 1.0)
    with pytest.raises(UserError, match=f"--strength: expected 0 to 1, got {value}"):
        check_share("--strength", value)


def test_the_nearest_name_and_all_if_they_are_few() -> None:
    assert did_you_mean("adm", ["sgd", "adam"]) == ", did you mean 'adam'? (known: sgd, adam)"
    assert did_you_mean("zzz", ["adam"]) == " (known: adam)"
    assert did_you_mean("n7x", [f"n{i}" for i in range(100)]) == ", did you mean 'n7'?"


@pytest.mark.parametrize(
    ("raised", "status", "printed"),
    [
        (
            ModuleNotFoundError("No module named 'keras.x'", name="keras.x"),
            2,
            "error: the package keras is missing; pip install 'kdae[train]' brings it\n",
        ),
        (UserError("a.png: broken\n  at byte 3"), 2, "error: a.png: broken at byte 3\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_ends_with_one_line(
    raised: BaseException, status: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: object) -> int:
        raise raised

    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert ended.value.code == status
    assert capsys.readouterr().err == printed


@pytest.mark.parametrize("status", [0, 1])
def test_passes_the_status_on(status: int) -> None:
    seen = []

    def main(argv: object) -> int:
        seen.append(argv)
        return status

    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert ended.value.code == status
    assert seen == [None]


def test_did_you_mean() -> None:
    assert (
        did_you_mean("stps", ["steps", "seed"])
        == ", did you mean 'steps'? (known: steps, seed)"
    )
    assert did_you_mean("x", ["steps"]) == " (known: steps)"
    assert did_you_mean("x", []) == " (known: none)"


def test_first_line() -> None:
    assert first_line(ValueError("\n  one \ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"
    assert first_line(ValueError("one"), "two\nthree") == "two"


def test_a_bug_ends_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: object) -> int:
        raise KeyError("bug")

    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert ended.value.code == 1
    assert "in main" in (printed := capsys.readouterr().err) and "KeyError: 'bug'" in printed


@pytest.fixture
def handlers() -> Iterator[None]:
    """Python's own handlers of signals, also where whoever runs the tests ignores Ctrl-C."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_that_tensorflow_reports_as_an_error(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: object) -> int:
        signal.signal(signal.SIGTERM, interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        raise TypeError("Binding inputs to tf.function failed")

    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            run_main(main)
        assert ended.value.code == 130
        assert capsys.readouterr().err == "interrupted\n"
    with pytest.raises(SystemExit) as ended:
        run_main(lambda _: 1 // 0)
    assert ended.value.code == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.usefixtures("handlers")
def test_a_process_that_ignores_ctrl_c_goes_on() -> None:
    def main(argv: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert ended.value.code == 0


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("0", "0")])
def test_calculates_with_onednn_unless_told_otherwise(
    given: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if given:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given)
    with pytest.raises(SystemExit):
        run_main(lambda _: 0)
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == used


_BUG_AMID_BATCHES = """
from kdae.errors import run_main

def main(argv):
    import numpy as np
    import tensorflow
    print(tensorflow.constant(3).numpy())
    from kdae.data import AugmentConfig, Pictures, training_batches
    from kdae.noise import NoiseConfig
    pictures = Pictures(["0"], ["CC0-1.0"], [np.zeros((64, 64, 3), np.uint8)], None, "test")
    batches = iter(training_batches(
        pictures, NoiseConfig(), AugmentConfig(windows=64), batch=64, patch=48, seed=0,
        steps=range(10**6),
    ))
    next(batches)
    raise KeyError("bug")

run_main(main)
"""


def test_tensorflow_is_imported_quietly_and_a_bug_amid_batches_ends_too() -> None:
    # TensorFlow, imported by other tests before, leaves its own level of talk behind.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", _BUG_AMID_BATCHES]
    ended = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout) == (1, "3\n"), ended.stderr
    assert ended.stderr.startswith("Traceback (most recent call last):\n")
    assert "KeyError: 'bug'" in ended.stderr


def test_the_extras_that_messages_name_are_there() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert set(EXTRAS) <= set(project["project"]["optional-dependencies"])
