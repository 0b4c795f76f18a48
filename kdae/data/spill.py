"""Keeps many arrays: in memory up to a limit, the rest in a temporary file."""

from __future__ import annotations

import functools
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import overload

import numpy as np

from kdae.errors import UserError

RAM_LIMIT = 256 << 20  # bytes
_ALIGNMENT = 16  # bytes: enough for any dtype

Read = Callable[[], np.ndarray]
"""Returns an array."""


class Arrays(Sequence[np.ndarray]):
    """Arrays that are read when they are asked for, and not kept.

    Args:
        reads: a function for each array.
    """

    def __init__(self, reads: Sequence[Read]) -> None:
        self._reads = reads

    def __len__(self) -> int:
        return len(self._reads)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, place: slice) -> Arrays: ...
    def __getitem__(self, place: int | slice) -> np.ndarray | Arrays:
        if isinstance(place, slice):
            return Arrays(self._reads[place])
        return self._reads[place]()


def chained(parts: Iterable[Sequence[np.ndarray]]) -> Arrays:
    """Returns the arrays of all parts, one part after the other; reads none."""
    return Arrays(
        [
            functools.partial(part.__getitem__, place)
            for part in parts
            for place in range(len(part))
        ]
    )


class Store:
    """Takes arrays one by one and returns them all, read-only, at the end.

    An array in the temporary file is mapped into memory only while it is in use: a mapping
    that stays would count as memory of the process, and would hold a file open. The file has
    no name and disappears with the last array.

    Args:
        ram_limit: bytes to keep in memory; all arrays after the first that does not fit go to
            the file.
    """

    def __init__(self, ram_limit: int) -> None:
        self._room = ram_limit
        self._file: _TemporaryFile | None = None
        self._reads: list[Read] = []

    def add(self, array: np.ndarray) -> None:
        """Takes an array of any shape and type.

        Raises:
            UserError: the temporary file cannot be written.
        """
        array = np.ascontiguousarray(array)
        if array.nbytes <= self._room:
            self._room -= array.nbytes
            array.flags.writeable = False
            self._reads.append(lambda: array)
            return
        self._room = 0
        try:
            if self._file is None:
                self._file = _TemporaryFile()
            start = self._file.append(array)
        except OSError as error:
            raise UserError(
                f"pictures beyond the memory limit go to a temporary file in "
                f"{tempfile.gettempdir()}, which cannot be written ({error.strerror}): "
                f"set TMPDIR to a larger disk, or data.limit"
            ) from error
        self._reads.append(
            functools.partial(self._file.mapped, start, array.shape, array.dtype)
        )

    def arrays(self) -> Arrays:
        """Returns all arrays in the order of `add`."""
        return Arrays(self._reads)


class _TemporaryFile:
    """A file without a name, which is closed when nobody uses it any more."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        weakref.finalize(self, self._file.close)

    def append(self, array: np.ndarray) -> int:
        """Writes a contiguous array; returns where it starts."""
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT))
        start = self._file.tell()
        self._file.write(array.data)
        self._file.flush()
        return start

    def mapped(self, start: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Maps an array into memory, read-only, until nobody uses it any more."""
        return np.memmap(self._file, dtype, "r", start, shape)
