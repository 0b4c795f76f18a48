"""Keeps the output of native libraries off the terminal, unless an error occurs."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back the output of Python and C++, and prints it if an error occurs."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    with tempfile.TemporaryFile() as held:
        try:
            for descriptor, _ in saved:
                os.dup2(held.fileno(), descriptor)
            yield
        except BaseException:
            _restore(saved)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        else:
            _restore(saved)


_in_command = False


def start_up() -> contextlib.AbstractContextManager[None]:
    """Returns a context manager in which a native library is started.

    In a command it is `quiet`. In a program that uses kdae it holds nothing back.
    """
    return quiet() if _in_command else contextlib.nullcontext()


class QuietImport(importlib.abc.MetaPathFinder):
    """Makes the first import of a package quiet, when it is put first in `sys.meta_path`.

    Args:
        name: The name of the package.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Finds the package, and makes its code run inside `quiet`."""
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                with quiet():
                    run(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def quiet_libraries() -> None:
    """Keeps the start-up lines of TensorFlow and LiteRT off the terminal of a command.

    This changes how the process imports TensorFlow, and its environment, unless the user has
    set the variable. Therefore only commands call it.
    """
    global _in_command
    _in_command = True
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow prints some lines before it reads this variable.
    hooked = any(isinstance(finder, QuietImport) for finder in sys.meta_path)
    if "tensorflow" not in sys.modules and not hooked:
        sys.meta_path.insert(0, QuietImport("tensorflow"))


def _restore(saved: list[tuple[int, int]]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor, copy in saved:
        os.dup2(copy, descriptor)
        os.close(copy)
