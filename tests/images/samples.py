"""Small pictures that the tests of files share, and what they are compared by."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kdae.images import Picture

RGB = np.random.default_rng(1).integers(0, 256, (21, 34, 3), np.uint8)
RGB16 = np.random.default_rng(2).integers(0, 65536, (21, 34, 3), np.uint16)
ALPHA = np.random.default_rng(3).integers(0, 256, (21, 34), np.uint8)
ALPHA16 = np.random.default_rng(4).integers(0, 65536, (21, 34), np.uint16)
SMOOTH = np.add.outer(np.arange(21) * 5, np.arange(34) * 3).astype(np.uint8)
PROFILE = b"not a real profile, but carried as it is" * 5


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def same(picture: Picture, pixels: np.ndarray, alpha: np.ndarray | None = None) -> None:
    assert picture.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(picture.pixels, pixels)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None
        assert picture.alpha.dtype == alpha.dtype
        np.testing.assert_array_equal(picture.alpha, alpha)


# What others write is read.


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path
