"""Errors meant for the user, and how a command ends on them."""

import difflib
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from numbers import Real
from typing import NoReturn

from kdae.quiet import quiet_tensorflow

_FEW = 30  # names that a message can list
_INTERRUPTED = 130  # what shells report for a command ended by Ctrl-C: 128 + SIGINT


class UserError(ValueError):
    """Something the user can put right: a bad argument, file or data set.

    The message stands alone: it names the argument or file, what was expected and what
    came instead. Commands print it as one line, without a traceback.
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

    Raises:
        UserError: names what is wrong, for which `name` stands, and the value.
    """
    if not isinstance(value, Real):
        raise UserError(f"{name}: expected 0 to 1, got {value!r}")
    if not 0.0 <= value <= 1.0:
        raise UserError(f"{name}: expected 0 to 1, got {value:g}")


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


def run_main(main: Callable[[Sequence[str] | None], int]) -> NoReturn:
    """Runs a command's `main(argv) -> exit status` and ends the process with its status.

    A `UserError` is printed as one line `error: ...` on stderr and ends with status 2 (as
    argparse does for bad arguments); Ctrl-C ends with status 130, without a traceback. Any
    other exception is a bug: its traceback is printed, and the status is 1.

    What TensorFlow prints when it starts is held back, provided that it is imported by `main`
    and not before.

    Args:
      main: called with None, so that it reads `sys.argv`.

    Raises:
      SystemExit: always.
    """
    quiet_tensorflow()
    try:
        status = main(None)
    except UserError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = _INTERRUPTED
    except Exception:
        # Python would keep the frames to its very end. A batch that is being made in one of
        # them can then no longer call Python, and the process would wait for it for ever.
        traceback.print_exc()
        status = 1
    sys.exit(status)
