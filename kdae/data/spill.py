"""Keeps many arrays: in memory up to a limit, the rest in a temporary file."""

import tempfile
from typing import IO

import numpy as np

from kdae.errors import UserError

RAM_LIMIT = 2 << 30  # bytes
_ALIGNMENT = 16  # bytes: enough for any dtype


class Store:
    """Takes arrays one by one and returns them all, read-only, at the end.

    The temporary file has no name and disappears with the last array. All arrays in it share
    one mapping, as a mapping for each would use up the open files that a process may have.

    Args:
        ram_limit: bytes to keep in memory; all arrays after the first that does not fit go to
            the file.
    """

    def __init__(self, ram_limit: int) -> None:
        self._room = ram_limit
        self._file: IO[bytes] | None = None
        self._entries: list[np.ndarray | tuple[int, tuple[int, ...], np.dtype]] = []

    def add(self, array: np.ndarray) -> None:
        """Takes an array of any shape and type.

        Raises:
            UserError: the temporary file cannot be written.
        """
        if array.nbytes <= self._room:
            self._room -= array.nbytes
            array = np.ascontiguousarray(array)
            array.flags.writeable = False
            self._entries.append(array)
            return
        self._room = 0
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()
            self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT))
            self._entries.append((self._file.tell(), array.shape, array.dtype))
            self._file.write(np.ascontiguousarray(array).data)
        except OSError as error:
            raise UserError(
                f"pictures beyond the memory limit go to a temporary file in "
                f"{tempfile.gettempdir()}, which cannot be written ({error.strerror}): "
                f"set TMPDIR to a larger disk, or data.limit"
            ) from error

    def arrays(self) -> list[np.ndarray]:
        """Returns all arrays in the order of `add`, which must not be called afterwards."""
        if self._file is None:
            return [entry for entry in self._entries if isinstance(entry, np.ndarray)]
        with self._file:  # the mapping holds the file open for itself
            self._file.flush()
            mapped = np.memmap(self._file, np.uint8, mode="r")
        result = []
        for entry in self._entries:
            if not isinstance(entry, np.ndarray):
                start, shape, dtype = entry
                end = start + int(np.prod(shape)) * dtype.itemsize
                entry = mapped[start:end].view(dtype).reshape(shape)
            result.append(entry)
        return result
