"""Commands in processes of their own that find TensorFlow imported already.

That import takes ten seconds of work. Here a server does it, once for all tests of a process,
and forks for each command (the forkserver of `multiprocessing`). TensorFlow has started nothing
before the fork, so a command can still choose its devices and threads. Two things differ from
`python ARGUMENTS`: what happens while a command imports TensorFlow, and how Python ends. Tests
of these start Python themselves.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

# A module that is missing here is only imported later, by the command.
PRELOADED = [
    "tensorflow",
    "keras",
    "kdae.tune.run",
    "kdae.train.run",
    "kdae.engine.keras_model",
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: exit status, negative for a signal.
        out: what it printed.
        err: what it printed on stderr.
    """

    code: int
    out: str
    err: str


class Command:
    """Runs `python ARGUMENTS`, which are `-m MODULE ...` or `-c CODE ...`; leaving kills it.

    Args:
        arguments: see above.
        cwd: the folder to run in; this process' where it is None.
    """

    def __init__(self, *arguments: str | Path, cwd: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kdae-warm-")
        self._files = [Path(self._folder.name, name) for name in ("out", "err")]
        words = [str(argument) for argument in arguments]
        self._process = _context.Process(
            target=run, args=(words, dict(os.environ), *self._files, cwd or Path.cwd())
        )
        self._process.start()

    @property
    def code(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.exitcode

    def send(self, number: int) -> None:
        """Sends a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def ended(self, timeout: float = 300) -> Ended:
        """Waits for the end; fails after so many seconds."""
        self._process.join(timeout)
        code = self._process.exitcode
        out, err = (path.read_text(errors="replace") for path in self._files)
        assert code is not None, f"still running after {timeout} s:\n{out}{err}"
        return Ended(code, out, err)

    def __enter__(self) -> "Command":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._folder.cleanup()


def ended(*arguments: str | Path, cwd: Path | None = None, timeout: float = 300) -> Ended:
    """Runs a command to its end."""
    with Command(*arguments, cwd=cwd) as command:
        return command.ended(timeout)


def run(
    words: Sequence[str], environment: Mapping[str, str], out: Path, err: Path, cwd: Path
) -> None:
    """Turns this process, just forked, into a command."""
    # Whoever runs the tests in the background has them ignore it, and what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for path, descriptor in ((out, 1), (err, 2)):
        with open(path, "wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    option, what, *rest = words
    if option == "-m":
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [option, *rest]
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
