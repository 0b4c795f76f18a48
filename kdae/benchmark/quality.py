"""Measures PSNR and time of kdae's models and of classical methods on the same noise.

Every method sees the same noisy pictures. kdae's models are not told the noise level. The
classical methods are given sigma, or on pairs of real pictures the sigma that scikit-image
estimates. The time is measured in a separate process that may use one or two processors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kdae.benchmark.earlier import Row, rows_of
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
GRID, TILE_SIDE = 3, 256  # the timed picture is made of 3x3 of the shipped test tiles
SPEED_SIGMA = 25.0
LEAST_SECONDS = 2.0  # a method is timed for at least so long
SLOW = "BM3D"


@dataclass(frozen=True)
class PictureSet:
    """A folder of pictures and how it is used.

    Attributes:
        name: The name of the folder.
        channels: 1 (grey) or 3 (RGB).
        model: The shipped model that is meant for it.
        pairs: Patterns of noisy and clean pictures. None means that Gaussian noise is added.
        slow_limit: The number of pictures that BM3D is measured on. None means all.
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


def measure_quality(
    data: Path, sets: Sequence[PictureSet] = SETS, earlier: Sequence[Row] = ()
) -> list[Row]:
    """Measures every method on every set.

    Args:
        data: The folder that holds the folders of the sets.
        sets: The sets to measure on.
        earlier: Rows of an earlier measurement. Classical methods in it are not measured again.

    Returns:
        One row per set, noise and method: `method`, `data`, `noise`, `images`, `psnr_noisy` and
        `psnr` in dB, `ssim_noisy`, `ssim`. The times of a method are measured on one picture:
        `cpu_seconds_per_megapixel` with one thread, and by the clock
        `seconds_per_megapixel_1_thread` and `seconds_per_megapixel_2_threads`. Where BM3D is
        measured on fewer pictures, kdae's model has a second row on the same pictures.

    Raises:
        UserError: If a folder or a shipped model is missing.
    """
    for one in sets:
        if not (data / one.name).is_dir():
            raise UserError(f"--data {data}: expected a folder {one.name} in it, found none")
        if one.model not in shipped_models():
            raise UserError(f"the model {one.model} is not in this installation")
    rows: list[Row] = []
    for one in sets:
        for method in (one.model, *METHODS):
            limit = one.slow_limit if method == SLOW else None
            known = rows_of(earlier, method, one.name) if method in METHODS else []
            rows += known or _rows(data, one, method, limit)
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
        del result[
            "seconds_per_megapixel"
        ]  # measured with all processors; `_speed` replaces it
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
    """Returns a method as `evaluate` takes it. A `sigma` of None is estimated per picture."""
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
    """Returns the function to time, after doing what happens only once, such as tracing.

    Args:
        method: A shipped model or one of `METHODS`.
        channels: 1 (grey) or 3 (RGB).
    """
    tiles = load_pictures(KDAE_PHOTOS, "test", channels, GRID**2, TILE_SIDE).arrays
    rows = [np.concatenate(tiles[k : k + GRID], axis=1) for k in range(0, GRID**2, GRID)]
    spec = {"gaussian": {"sigma": SPEED_SIGMA}}
    noisy, _ = next(noisy_examples([np.concatenate(rows)], spec))
    denoise = _denoise(method, SPEED_SIGMA)
    denoise(noisy[:64, :64])
    return lambda: denoise(noisy)
