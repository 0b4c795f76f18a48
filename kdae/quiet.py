"""Keeps what native libraries print off the terminal, unless something goes wrong."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back everything written to stdout and stderr, also by C++; an error releases it."""
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


def _restore(saved: list[tuple[int, int]]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor, copy in saved:
        os.dup2(copy, descriptor)
        os.close(copy)
