"""The values of a file that a network sees as 0 and 1, where these are not black and white."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_PERCENTILES = (0.1, 99.9)
_SAMPLE = 10_000_000  # values looked at: bounds the memory


class Levels(NamedTuple):
    """Two values of a file: `low` is 0 to the network and `high` is 1."""

    low: float
    high: float

    def to_float(self, pixels: np.ndarray) -> np.ndarray:
        """Turns values of a file, of any type, into float32; [low, high] becomes [0, 1]."""
        if _wide(pixels.dtype):
            # In float32 a small range of large values would lose its digits.
            values = (pixels - self.low) / (self.high - self.low)
            return np.asarray(values, np.float32)
        values = pixels.astype(np.float32) - np.float32(self.low)
        return values / np.float32(self.high - self.low)

    def from_float(self, image: np.ndarray, dtype: np.typing.DTypeLike) -> np.ndarray:
        """Turns floats back into values of a file.

        Args:
            image: floats of any shape, as from `to_float`.
            dtype: of the file; values are rounded and clipped to the range of an integer type.
        """
        dtype = np.dtype(dtype)
        precise: type[np.floating] = np.float64 if _wide(dtype) else np.float32
        values = image * precise(self.high - self.low) + precise(self.low)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        return values.astype(dtype)


def _wide(dtype: np.dtype) -> bool:
    """Whether a type has values that float32 does not tell apart."""
    return dtype.itemsize > 4 or (dtype.kind in "iu" and dtype.itemsize > 2)


def measure_levels(arrays: Sequence[np.ndarray]) -> Levels:
    """Returns the percentiles 0.1 and 99.9 of the values of all arrays, which have one type.

    Args:
        arrays: of finite values.

    Raises:
        ValueError: the arrays are of several types, or nearly all values are equal.
    """
    types = {array.dtype for array in arrays}
    if len(types) > 1:
        raise ValueError(f"arrays: expected one type, got {sorted(map(str, types))}")
    every = max(1, sum(array.size for array in arrays) // _SAMPLE)
    # Copies, as a view would keep the whole array in memory.
    values = np.concatenate([array.reshape(-1)[::every].copy() for array in arrays])
    # In the precision of 16-bit floats the percentiles would be coarse.
    percentiles = np.percentile(values.astype(np.float64), _PERCENTILES)
    low, high = (float(value) for value in percentiles)
    if low == high:
        raise ValueError(f"arrays: expected several values, nearly all are {low:g}")
    return Levels(low, high)
