"""Replaces files whole or not at all, locks them, and computes their digests."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

TEMPORARY = ".kdae-*.tmp*"
"""Pattern of what `replace_file` leaves beside its target if the process is killed."""


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Writes a file under a temporary name in the same folder, then renames it to `path`.

    If the process is killed or the power fails, `path` holds either the old content or the
    new content, never a part of the new one.

    Args:
        path: The file to make or to replace. Its folder must exist.
        write: Is called with the temporary path, which has the suffix of `path`, and writes the
            file there.

    Raises:
        OSError: If the file cannot be written. `path` is then unchanged. What `write` raises is
            passed on.
    """
    temporary = path.with_name(f".kdae-{secrets.token_hex(8)}.tmp{path.suffix}")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def locked(path: Path) -> AbstractContextManager[object]:
    """Returns a context manager that holds a lock file, after waiting for it.

    Args:
        path: The lock file, which is made if it does not exist and stays. The lock ends with
            the process that holds it, however the process ends.
    """
    # Imported here, as most commands lock nothing, and it takes as long as reading a picture.
    from filelock import FileLock

    return FileLock(path)


def try_lock(path: Path) -> ExitStack | None:
    """Takes a lock file without waiting for it.

    Args:
        path: The lock file, see `locked`.

    Returns:
        A context manager that holds the lock until it is left or closed, or None if the lock is
        held elsewhere.

    Raises:
        OSError: If the lock file cannot be made, or the file system has no locks.
    """
    from filelock import FileLock, Timeout

    held = ExitStack()
    try:
        held.enter_context(FileLock(path, blocking=False))
    except Timeout:
        return None
    return held


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
