"""Compares training on noisy pictures alone with training on clean ones, for the same time.

All networks have the same size and see the same scenes. Noisy pictures are drawn once and
written as 16-bit TIFF files with an offset and a gain, as those of a camera: the network learns
from files, and denoises files.
"""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from kdae.benchmark.book import Book
from kdae.data import KDAE_PHOTOS, Pictures, load_pictures
from kdae.engine import Denoiser, load
from kdae.errors import UserError
from kdae.files import replace_file
from kdae.images import Picture, from_float, to_float, write_image
from kdae.metrics import psnr
from kdae.tables import columns
from kdae.train import load_config, train
from kdae.train.config import config_from_dict, to_dict
from kdae.train.folder import HISTORY

SIGMA = 25 / 255
PEAK = 30  # photons at white
WIDTH = 5  # pixels of a row that share noise
SIDE = 384  # of what is cut out of the middle of a photograph
BESIDE = 20  # seconds of a run beside its training, as a first estimate
_PACE = 50  # steps between the times from which the pace is taken

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
        stack: whether all pictures to learn from are the pages of one file.
        least: the name of another case and by how many dB this one has to be above it.
        mean: by how much the mean of a file may change, as a share of it.
        shots: how many noisy shots there are of each scene.
    """

    name: str
    train: dict[str, Any]
    noise: Noise = gaussian
    offset: int = 20000
    gain: int = 20000
    stack: bool = False
    least: tuple[str, float] | None = None
    mean: float | None = None
    shots: int = 1

    def file(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns a noisy picture as it is in a file, uint16."""
        values = self.offset + self.gain * self.noise(clean, rng)
        return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


# An offset of 1000, and seven for each photon.
PHOTONS = Case(
    "photons: neighbors", {"supervision": "neighbors"}, poisson, 1000, 7 * PEAK, True,
    mean=0.002,
)  # fmt: skip
MASK = [1, 2 * (WIDTH - 1) + 1]
CLEAN, ROWS = "clean pictures", "noise along rows: blind_spot"
CASES = (
    Case(CLEAN, {"supervision": "clean"}),
    Case("repeats, 2 shots", {"supervision": "repeats"}, least=(CLEAN, -0.15), shots=2),
    Case("repeats, 8 shots", {"supervision": "repeats"}, least=(CLEAN, -0.15), shots=8),
    Case("neighbors", {"supervision": "neighbors"}, least=(CLEAN, -0.5)),
    Case("blind_spot", {"supervision": "blind_spot"}, least=(CLEAN, -1.2)),
    Case(ROWS, {"supervision": "blind_spot"}, along_rows),
    Case(
        f"{ROWS}, mask {MASK}",
        {"supervision": "blind_spot", "blind_mask": MASK},
        along_rows,
        least=(ROWS, 3.0),
    ),
    PHOTONS,
)


def measure_alone(
    out: Path,
    config: str,
    settings: Sequence[str],
    scenes: str,
    test: str,
    seeds: int,
    seconds: float,
) -> str:
    """Trains a network for each case and seed; returns a table.

    What is finished is kept in `out`, as `results.json` and `table.txt`, and not done again.

    Args:
        out: a folder.
        config: the config file of the network and its training.
        settings: changes of it, `key=value`. Steps and stages are chosen here.
        scenes: a folder of clean photographs to train on.
        test: a folder of other photographs to measure on.
        seeds: the number of runs of each case.
        seconds: how long to train each network.

    Raises:
        UserError: `out` holds results of other settings.
    """
    base = to_dict(load_config(config, settings))
    about = {"config": base, "train": scenes, "test": test, "seconds": seconds}
    book = Book(out / "results.json", about)
    train_on, measured_on = (
        load_pictures(folder, "train", 1, min_size=64, whole=True) for folder in (scenes, test)
    )
    todo = [
        (case, seed) for seed in range(seeds) for case in CASES if _key(case, seed) not in book
    ]
    spent: list[float] = []
    for case in CASES:
        if case.name not in book:
            pace = _pace(case, base, train_on, out)
            book.add(case.name, {"steps": max(2, round(seconds / pace)), "pace": pace})
            print(
                f"{case.name}: {book[case.name]['steps']} steps, {pace:.4f} s each", flush=True
            )
    for place, (case, seed) in enumerate(todo):
        each = float(np.mean(spent)) if spent else seconds + BESIDE
        minutes = each * (len(todo) - place) / 60
        print(f"{len(todo) - place} runs left, about {minutes:.0f} minutes", flush=True)
        started = time.perf_counter()
        run = _train(case, seed, int(book[case.name]["steps"]), base, train_on, out)
        noisy, denoised, mean = _measure(case, load(run), measured_on)
        spent.append(time.perf_counter() - started)
        row = {"noisy": noisy, "denoised": denoised, "mean": mean, "seconds": spent[-1]}
        book.add(_key(case, seed), row)
        text = _table(book, seeds)
        replace_file(out / "table.txt", lambda path: path.write_text(f"{text}\n", "utf-8"))  # noqa: B023
        print(f"{case.name}, seed {seed}: {denoised:.2f} dB in {spent[-1]:.0f} s", flush=True)
    for scratch in ("files", "run"):
        shutil.rmtree(out / scratch, ignore_errors=True)
    return _table(book, seeds)


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


def _key(case: Case, seed: int) -> str:
    return f"{case.name} / {seed}"


def _table(book: Book, seeds: int) -> str:
    """Returns a line for each case of which a run is finished."""
    rows = [["trained on", "seeds", "noisy (dB)", "denoised (dB)", "mean of files", "s", "bar"]]
    for case in CASES:
        own = _rows(book, case.name, seeds)
        if not own:
            continue
        denoised = [row["denoised"] for row in own]
        mean = max((row["mean"] for row in own), key=abs)
        rows.append(
            [
                case.name,
                str(len(own)),
                f"{own[0]['noisy']:.2f}",
                f"{np.mean(denoised):.2f} +- {np.ptp(denoised) / 2:.2f}",
                f"{mean:+.3%}",
                f"{np.mean([row['seconds'] for row in own]):.0f}",
                _verdict(case, own, _rows(book, case.least[0], seeds) if case.least else []),
            ]
        )
    return columns(rows)


def _rows(book: Book, name: str, seeds: int) -> list[dict[str, Any]]:
    keys = (f"{name} / {seed}" for seed in range(seeds))
    return [book[key] for key in keys if key in book]


def _verdict(case: Case, own: list[dict[str, Any]], other: list[dict[str, Any]]) -> str:
    """Says whether a case is as good as it has to be, or nothing."""
    if case.mean is not None:
        holds = max(abs(row["mean"]) for row in own) <= case.mean
        return f"mean within {case.mean:.1%}: {'holds' if holds else 'FAILS'}"
    if case.least is None or not other:
        return ""
    above = np.mean([row["denoised"] for row in own]) - np.mean([r["denoised"] for r in other])
    verdict = "holds" if above >= case.least[1] else "FAILS"
    return f"{above:+.2f} dB to {case.least[0]}, at least {case.least[1]:+.2f}: {verdict}"


def _write(folder: Path, pictures: Iterable[np.ndarray], stack: bool = False) -> None:
    folder.mkdir(parents=True)
    if stack:
        with tifffile.TiffWriter(folder / "stack.tif") as writer:
            for pixels in pictures:
                writer.write(pixels[..., 0], contiguous=False, metadata=None)
        return
    for number, pixels in enumerate(pictures):
        write_image(folder / f"{number:04}.tif", Picture(pixels))


def _files(case: Case, shot: int, pictures: Pictures, out: Path) -> str:
    """Writes what a case learns from, unless another case has; returns the folder."""
    clean = case.train["supervision"] == "clean"
    name = "clean" if clean else f"{case.noise.__name__}{shot}"
    place = out / "files" / name
    if not place.is_dir():
        begun = place.with_suffix(".part")
        shutil.rmtree(begun, ignore_errors=True)
        rng = np.random.default_rng(shot)
        _write(
            begun,
            (
                from_float(picture, np.uint8) if clean else case.file(picture, rng)
                for picture in _middles(pictures)
            ),
            case.stack,
        )
        begun.rename(place)
    return str(place)


def _train(
    case: Case,
    seed: int,
    steps: int,
    base: dict[str, Any],
    pictures: Pictures,
    out: Path,
    validate_every: int | None = None,
) -> Path:
    """Trains on the files of a case; returns the run folder, which the next run replaces."""
    run = out / "run"
    shutil.rmtree(run, ignore_errors=True)
    tree = {name: section for name, section in base.items() if name != "loss"}
    every = {"validate_every": validate_every or steps, "checkpoint_every": steps}
    tree["train"] = base["train"] | case.train | every
    tree["train"] |= {"seed": seed, "steps": steps, "grow": []}
    if case.train["supervision"] == "neighbors":
        # Its inputs are half as wide as its patches: so they are as wide as those of others.
        tree["train"]["patch"] *= 2
        tree["train"]["batch"] = max(1, tree["train"]["batch"] // 2)
    tree["validation"] = base["validation"] | {"limit": 4}
    tree["noise"] = {"kind": {"gaussian": {"sigma": 25}}, "quantize": 0.0}
    learned = case.train["supervision"]
    places = [_files(case, shot, pictures, out) for shot in range(case.shots)]
    tree["data"] = {
        "source": {"repeats": places} if learned == "repeats" else places[0],
        "levels": "file" if learned == "clean" else "percentiles",
    }
    return train(config_from_dict(tree), run)


def _pace(case: Case, base: dict[str, Any], pictures: Pictures, out: Path) -> float:
    """Measures the seconds of a step of training, without the first ones."""
    run = _train(case, 0, 3 * _PACE, base, pictures, out, _PACE)
    with open(run / HISTORY, newline="", encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return max(seconds[-1] - seconds[0], 0.1) / (2 * _PACE)


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
