"""A network whose answer is known: half of every value. It needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from kdae.engine import Denoiser


class Halving:
    """Takes what a denoiser takes, and counts the pictures that it was shown."""

    levels = None

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def denoise(
        self,
        image: np.ndarray,
        strength: float = 1.0,
        *,
        out: np.ndarray | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> np.ndarray:
        assert image.shape[-1] in (1, 3)
        assert image.dtype in (np.uint8, np.uint16, np.float32)
        if image.dtype == np.float32:
            assert 0 <= image.min() and image.max() <= 1
        self.shown.append(image.copy())
        result = image / 2 if image.dtype == np.float32 else image // 2
        if progress:
            progress(image.shape[0] * image.shape[1])
        if out is None:
            return result
        out[:] = result
        return out


def halving() -> Denoiser:
    return cast("Denoiser", Halving())
