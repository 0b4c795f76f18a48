"""Errors for the user, what their messages have in common, and how commands end on them."""

import difflib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from numbers import Real
from types import FrameType
from typing import NoReturn

from kdae.quiet import quiet_libraries

EXTRAS = {
    "train": ("keras", "matplotlib", "pydantic", "tensorflow", "tensorflow_datasets", "yaml"),
    "bench": ("bm3d", "cv2", "pywt", "skimage"),
    "client": ("grpc", "open_inference"),
    "lecture": ("jinja2", "sklearn"),
    "onnx": ("onnx", "onnxruntime"),
    "tensorboard": ("tensorboard",),
    "tfjs": ("tensorflowjs",),
    "tune": ("optuna",),
}
"""By extra of the installation the packages, by their names in Python, that it brings."""

_FEW = 30  # names that a message can list
_INTERRUPTED = 130  # the status that shells report after Ctrl-C: 128 + SIGINT
_signals: list[int] = []  # those by which the running command was asked to stop


class UserError(ValueError):
    """A mistake that the user can correct: a wrong argument, file or data set.

    The message names the argument or file, what was expected and what came instead. Commands
    print it as one line without a traceback.
    """


def did_you_mean(name: object, known: Collection[str]) -> str:
    """Returns the end of a message about an unknown name.

    Args:
        name: The unknown name.
        known: The known names.

    Returns:
        `, did you mean 'NAME'?` with the closest known name, or nothing if none is close; then
        ` (known: ...)` with all of them, if they are few.
    """
    close = difflib.get_close_matches(str(name), known, n=1)
    meant = f", did you mean {close[0]!r}?" if close else ""
    return meant + f" (known: {', '.join(known) or 'none'})" * (len(known) <= _FEW)


def check_share(name: str, value: float) -> None:
    """Makes sure that a share, such as the strength of the denoising, is from 0 to 1.

    Args:
        name: The name of the argument, for the error message.
        value: Its value.

    Raises:
        UserError: If the value is not from 0 to 1.
    """
    if not isinstance(value, Real):
        raise UserError(f"{name}: expected 0 to 1, got {value!r}")
    if not 0.0 <= value <= 1.0:
        raise UserError(f"{name}: expected 0 to 1, got {value:g}")


def check_threads(name: str, threads: int | None) -> None:
    """Makes sure that a number of threads is at least 1; None stands for one per processor.

    Raises:
        UserError: Names what is wrong, for which `name` stands, and the value.
    """
    if threads is not None and threads < 1:
        raise UserError(f"{name}: expected at least 1, got {threads}")


def missing_package(error: ModuleNotFoundError) -> UserError | None:
    """Returns what to tell a user about a package that an extra brings; None of any other."""
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return UserError(
                f"the package {package} is missing; pip install 'kdae[{extra}]' brings it"
            )
    return None


def first_line(error: BaseException, message: str | None = None) -> str:
    """Returns the first line of an error's message that is not blank.

    Args:
        error: The error.
        message: Its message, where that is not `str(error)`.

    Returns:
        The line without spaces around it, or the name of the error's class if there is none.
    """
    text = str(error) if message is None else message
    lines = (line.strip() for line in text.splitlines())
    return next(filter(None, lines), type(error).__name__)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Stops a command; a handler of signals for `signal.signal`.

    `run_main` then ends with status 130 even where the exception is lost: if it comes while
    TensorFlow converts an argument, TensorFlow raises a `TypeError` that tells nothing of it.

    Args:
        number: The signal.
        frame: What Python was at.

    Raises:
        KeyboardInterrupt: Always.
    """
    _signals.append(number)
    raise KeyboardInterrupt


def run_main(main: Callable[[Sequence[str] | None], int]) -> NoReturn:
    """Runs a command's `main(argv) -> exit status` and ends the process with that status.

    A `UserError` is printed as one line `error: ...` on stderr and ends with status 2 (as
    argparse does for bad arguments), and so does a missing package that an extra brings. Ctrl-C
    ends with status 130, without a traceback, and so does any exception after it. Any other
    exception is a bug: its traceback is printed, and the status is 1.

    If `main` imports TensorFlow and nothing did so before, the lines that it prints when it
    starts are held back, and it calculates with oneDNN, unless the user has set
    `TF_ENABLE_ONEDNN_OPTS`.

    Args:
        main: The command. It is called with None, so that it reads `sys.argv`.

    Raises:
        SystemExit: Always.
    """
    quiet_libraries()
    _signals.clear()
    # A process that someone has ignore Ctrl-C goes on ignoring it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    # TensorFlow leaves it off on processors without AVX-512, which train faster with it, too
    # (docs/speed.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        status = main(None)
    except UserError as error:
        status = _refused(error)
    except KeyboardInterrupt:
        status = _interrupted()
    except Exception as error:
        if _signals:
            sys.exit(_interrupted())
        told = missing_package(error) if isinstance(error, ModuleNotFoundError) else None
        if told:
            sys.exit(_refused(told))
        # An exception that leaves `main` would keep its frames alive until Python ends. A batch
        # that `tf.data` makes for one of them can then no longer call Python, and the process
        # would wait for it for ever.
        traceback.print_exc()
        status = 1
    sys.exit(status)


def _interrupted() -> int:
    """Says that the command was stopped; returns the exit status."""
    print("interrupted", file=sys.stderr)
    return _INTERRUPTED


def _refused(error: UserError) -> int:
    """Prints an error of the user's; returns the exit status."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 2
