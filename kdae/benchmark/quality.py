"""PSNR against time, of kdae's models and of the classical methods, on the same noise.

Every method sees the same noisy pictures. kdae's models are told nothing; the classical
methods are told sigma, or on pairs of real pictures the sigma that scikit-image estimates.
The clock runs in a process of its own that may use one or two processors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kdae.benchmark.isolated import measured
from kdae.benchmark.methods import METHODS, estimated_sigma
from kdae.cards import shipped_models
from kdae.data import KDAE_PHOTOS, Example, Pictures, load_pictures
from kdae.engine import load
from kdae.errors import UserError
from kdae.evaluate import evaluate
from kdae.evaluate.measure import noisy_examples, pair_examples
from kdae.metrics import SSIM_MIN_SIZE

SIGMAS = (15, 25, 50)
THREADS = (1, 2)
GRID, TILE_SIDE = 3, 256  # the picture that is timed: 3x3 of the shipped test tiles
SPEED_SIGMA = 25.0
LEAST_SECONDS = 2.0  # of measuring, unless one run takes longer
SLOW = "BM3D"


@dataclass(frozen=True)
class PictureSet:
    """A folder of pictures and how it is used.

    Attributes:
        name: of the folder.
        channels: 1 or 3.
        model: the shipped model that is meant for it.
        pairs: patterns of noisy and clean pictures; None: Gaussian noise is added.
        slow_limit: BM3D sees only the first so many pictures; None: all.
    """

    name: str
    channels: int
    model: str
    pairs: tuple[str, str] | None = None
    slow_limit: int | None = None


SETS = (
    PictureSet("Set12", 1, "gray"),
    PictureSet("BSD68", 1, "gray", slow_limit=12),
    PictureSet("CBSD68", 3, "color", slow_limit=6),
    PictureSet("CC15", 3, "photo", pairs=("*_real.png", "*_mean.png"), slow_limit=3),
)


def measure_quality(data: Path, sets: Sequence[PictureSet] = SETS) -> list[dict[str, Any]]:
    """Measures every method on every set.

    Args:
        data: the folder that holds those of the sets.
        sets: to measure on.

    Returns:
        A row for each set, noise and method: `method`, `data`, `noise`, `images`;
        `psnr_noisy`, `psnr` in dB, `ssim_noisy`, `ssim`; and of the method, on a picture
        that is the same for all, `cpu_seconds_per_megapixel` (one thread) and by the clock
        `seconds_per_megapixel_1_thread` and `seconds_per_megapixel_2_threads`. Where BM3D
        sees fewer pictures, a second row of kdae's model has just these.

    Raises:
        UserError: a folder is missing.
    """
    for one in sets:
        if not (data / one.name).is_dir():
            raise UserError(f"--data {data}: expected a folder {one.name} in it, found none")
        if one.model not in shipped_models():
            raise UserError(f"the model {one.model} is not in this installation")
    rows: list[dict[str, Any]] = []
    for one in sets:
        for method in (one.model, *METHODS):
            limit = one.slow_limit if method == SLOW else None
            rows += _rows(data, one, method, limit)
            if limit:
                rows += _rows(data, one, one.model, limit)
    return rows


def _rows(
    data: Path, one: PictureSet, method: str, limit: int | None
) -> Iterator[dict[str, Any]]:
    pictures = _pictures(data, one, limit)
    for sigma in (None,) if one.pairs else SIGMAS:
        noise = "real" if sigma is None else f"gaussian:{sigma}"
        text = f"{one.name} {noise} {method}"
        samples = _samples(one, pictures, sigma)
        bar = tqdm(samples, text, len(pictures), leave=False, disable=None, unit="picture")
        result = evaluate(_denoise(method, sigma), bar, one.name, noise)
        del result["seconds_per_megapixel"]  # not confined: `_speed` measures that
        print(f"{text}: {result['psnr']:.2f} dB", flush=True)
        yield {"method": method} | result | _speed(method, one.channels)


def _samples(one: PictureSet, pictures: Pictures, sigma: float | None) -> Iterator[Example]:
    if one.pairs or sigma is None:
        return pair_examples(pictures)
    return noisy_examples(pictures.arrays, {"gaussian": {"sigma": sigma}})


def _pictures(data: Path, one: PictureSet, limit: int | None) -> Pictures:
    folder = data / one.name
    source: str | dict[str, str] = str(folder)
    if one.pairs:
        noisy, clean = one.pairs
        source = {"noisy": str(folder / noisy), "clean": str(folder / clean)}
    return load_pictures(source, "test", one.channels, limit, SSIM_MIN_SIZE, whole=True)


def _denoise(method: str, sigma: float | None) -> Callable[[np.ndarray], np.ndarray]:
    """A method as `evaluate` takes it; `sigma` None: estimated from each picture."""
    if method not in METHODS:
        return load(method).denoise_float
    classical = METHODS[method]

    def denoise(noisy: np.ndarray) -> np.ndarray:
        grey = noisy.shape[-1] == 1
        picture = noisy[..., 0] if grey else noisy
        level = estimated_sigma(picture) if sigma is None else sigma
        return np.asarray(classical(picture, level), np.float32).reshape(noisy.shape)

    return denoise


@functools.cache
def _speed(method: str, channels: int) -> dict[str, float]:
    """Times a method on one and on two processors."""
    single, double = (
        measured(threads, timed, method, channels, least=LEAST_SECONDS) for threads in THREADS
    )
    megapixels = (GRID * TILE_SIDE) ** 2 / 1e6
    return {
        "cpu_seconds_per_megapixel": single.cpu_seconds / megapixels,
        "seconds_per_megapixel_1_thread": single.seconds / megapixels,
        "seconds_per_megapixel_2_threads": double.seconds / megapixels,
    }


def timed(method: str, channels: int) -> Callable[[], np.ndarray]:
    """What is timed; what is done only once, such as tracing, is done before."""
    tiles = load_pictures(KDAE_PHOTOS, "test", channels, GRID**2, TILE_SIDE).arrays
    rows = [np.concatenate(tiles[k : k + GRID], axis=1) for k in range(0, GRID**2, GRID)]
    spec = {"gaussian": {"sigma": SPEED_SIGMA}}
    noisy, _ = next(noisy_examples([np.concatenate(rows)], spec))
    denoise = _denoise(method, SPEED_SIGMA)
    denoise(noisy[:64, :64])
    return lambda: denoise(noisy)
