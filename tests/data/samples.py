"""Pictures in folders that the tests of sources share."""

from pathlib import Path
from typing import Any

import numpy as np

from kdae.data import Pictures, load_pictures
from kdae.images import Picture, write_image


def pixels(seed: int, height: int = 20, width: int = 24, deep: bool = False) -> np.ndarray:
    high, dtype = (65536, np.uint16) if deep else (256, np.uint8)
    return np.random.default_rng(seed).integers(0, high, (height, width, 3)).astype(dtype)


def fill(folder: Path, count: int, **options: Any) -> list[np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = [pixels(seed, **options) for seed in range(count)]
    for place, array in enumerate(arrays):
        suffix = ".png" if array.dtype == np.uint8 else ".tif"
        write_image(folder / f"p{place:02}{suffix}", Picture(array))
    return arrays


def load(source: Any, split: str = "train", channels: int = 3, **options: Any) -> Pictures:
    return load_pictures(source, split, channels, **options)
