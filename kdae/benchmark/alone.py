"""Compares training on noisy pictures alone with training on clean ones, at the same steps.

All networks have the same size and see the same scenes. Noisy pictures are drawn once and
written as 16-bit TIFF files with an offset and a gain, as those of a camera: the network learns
from files, and denoises files.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kdae.data import KDAE_PHOTOS, Pictures, load_pictures
from kdae.engine import Denoiser, load
from kdae.errors import UserError
from kdae.images import Picture, from_float, to_float, write_image
from kdae.metrics import psnr
from kdae.tables import columns
from kdae.train import load_config, train
from kdae.train.config import config_from_dict, to_dict

SIGMA = 25 / 255
PEAK = 30  # photons at white
WIDTH = 5  # pixels of a row that share noise
SIDE = 384  # of what is cut out of the middle of a photograph

Noise = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def gaussian(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds independent noise of sigma 25 to a picture `[H, W, C]` in [0, 1]."""
    return clean + rng.normal(0, SIGMA, clean.shape)


def along_rows(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds noise of sigma 25 that is the mean of `WIDTH` draws beside each other."""
    height, width, channels = clean.shape
    drawn = rng.normal(0, SIGMA, (height, width + WIDTH - 1, channels))
    shifted = (drawn[:, start : start + width] for start in range(WIDTH))
    return clean + sum(shifted) / np.sqrt(WIDTH)


def poisson(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws photons, `PEAK` at white."""
    return rng.poisson(clean * PEAK) / PEAK


class Case(NamedTuple):
    """A way to train, and the files that it is for.

    Attributes:
        name: what the table calls it.
        train: settings of the section `train`.
        noise: draws a noisy picture.
        offset: value of black in the files.
        gain: value of white, less that of black.
    """

    name: str
    train: dict[str, Any]
    noise: Noise = gaussian
    offset: int = 20000
    gain: int = 20000

    def file(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns a noisy picture as it is in a file, uint16."""
        values = self.offset + self.gain * self.noise(clean, rng)
        return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


# An offset of 1000, and seven for each photon.
PHOTONS = Case("photons: neighbors", {"supervision": "neighbors"}, poisson, 1000, 7 * PEAK)
MASK = [1, 2 * (WIDTH - 1) + 1]
CASES = (
    Case("clean pictures", {"supervision": "clean"}),
    Case("repeats", {"supervision": "repeats"}),
    Case("neighbors", {"supervision": "neighbors"}),
    Case("blind_spot", {"supervision": "blind_spot"}),
    Case("noise along rows: blind_spot", {"supervision": "blind_spot"}, along_rows),
    Case(
        f"noise along rows: blind_spot, mask {MASK}",
        {"supervision": "blind_spot", "blind_mask": MASK},
        along_rows,
    ),
    PHOTONS,
)


def measure_alone(
    config: str, settings: Sequence[str], scenes: str, test: str, seeds: int
) -> str:
    """Trains a network for each case and seed; returns a table.

    Args:
        config: the config file of the network and its training.
        settings: changes of it, `key=value`.
        scenes: a folder of clean photographs to train on.
        test: a folder of other photographs to measure on.
        seeds: the number of runs of each case.
    """
    base = to_dict(load_config(config, settings))
    train_on, measured_on = (
        load_pictures(folder, "train", 1, min_size=64, whole=True) for folder in (scenes, test)
    )
    rows = [["trained on", "noisy (dB)", "denoised (dB)", "mean of files", "seconds"]]
    for case in CASES:
        figures = []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                run = _train(case, seed, base, train_on, Path(folder))
                seconds = time.perf_counter() - started
                figures.append([*_measure(case, load(run), measured_on), seconds])
        noisy, denoised, mean, seconds = np.mean(figures, axis=0)
        spread = np.ptp([figure[1] for figure in figures]) / 2
        rows.append(
            [
                case.name,
                f"{noisy:.2f}",
                f"{denoised:.2f} +- {spread:.2f}",
                f"{mean:+.3%}",
                f"{seconds:.0f}",
            ]
        )
        print(columns(rows[-1:]), flush=True)
    return columns(rows)


def write_photons(out: Path) -> int:
    """Writes the photographs in the package as a camera that counts photons would.

    Args:
        out: a folder, which must not exist; 16-bit TIFF files are written into it.

    Returns:
        The number of files.

    Raises:
        UserError: the folder exists.
    """
    if out.exists():
        raise UserError(f"--out {out}: exists already; choose another, or remove it")
    pictures = load_pictures(KDAE_PHOTOS, "train", 1, min_size=64)
    rng = np.random.default_rng(0)
    _write(out, (PHOTONS.file(clean, rng) for clean in _middles(pictures)))
    return len(pictures)


def _write(folder: Path, pictures: Iterable[np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        write_image(folder / f"{number:04}.tif", Picture(pixels))


def _train(
    case: Case, seed: int, base: dict[str, Any], pictures: Pictures, folder: Path
) -> Path:
    """Writes the files of a case and trains on them; returns the run folder."""
    tree = {name: section for name, section in base.items() if name != "loss"}
    tree["train"] = base["train"] | case.train | {"seed": seed}
    tree["noise"] = {"kind": {"gaussian": {"sigma": 25}}, "quantize": 0.0}
    learned = case.train["supervision"]
    places = []
    for shot in range(2 if learned == "repeats" else 1):
        place = folder / f"shot{shot}"
        if learned == "clean":
            _write(place, (from_float(clean, np.uint8) for clean in _middles(pictures)))
        else:
            rng = np.random.default_rng([seed, shot])
            _write(place, (case.file(clean, rng) for clean in _middles(pictures)))
        places.append(str(place))
    tree["data"] = {
        "source": {"repeats": places} if learned == "repeats" else places[0],
        "levels": "file" if learned == "clean" else "percentiles",
    }
    return train(config_from_dict(tree), folder / "run")


def _measure(case: Case, model: Denoiser, pictures: Pictures) -> tuple[float, float, float]:
    """Returns the PSNR of noisy and denoised files, and how far their means differ."""
    figures = []
    for place, clean in enumerate(_middles(pictures)):
        file = case.file(clean, np.random.default_rng([place]))
        noisy = (file - np.float32(case.offset)) / np.float32(case.gain)
        if model.levels:
            result = model.denoise(file)
            mean = float(result.mean() / file.mean() - 1)
            denoised = (result - np.float32(case.offset)) / np.float32(case.gain)
        else:
            denoised = model.denoise_float(noisy)
            mean = float(denoised.mean() / noisy.mean() - 1)
        values = (float(psnr(image[None], clean[None])[0]) for image in (noisy, denoised))
        figures.append((*values, mean))
    noisy_psnr, denoised_psnr, _ = np.mean(figures, axis=0)
    # The largest deviation of a mean, whatever its sign.
    return float(noisy_psnr), float(denoised_psnr), max((f[2] for f in figures), key=abs)


def _middles(pictures: Pictures) -> Iterator[np.ndarray]:
    """Yields the middle of each picture, float32 in [0, 1]."""
    for array in pictures.arrays:
        height, width = (min(side, SIDE) // 16 * 16 for side in array.shape[:2])
        y, x = (array.shape[0] - height) // 2, (array.shape[1] - width) // 2
        yield to_float(array[y : y + height, x : x + width])
