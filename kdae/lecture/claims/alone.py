"""Claim 13: learning to denoise from noisy pictures alone."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from kdae.lecture.exhibits import curves, mean_range, pictures, table
from kdae.lecture.lab import Lab, Overrides, Trained
from kdae.lecture.report import Outcome
from kdae.metrics import psnr

TITLE = "Learning from noise alone"
CLAIM = (
    "A noisy target cheats nobody as long as the net cannot see the pixel that it is asked "
    "for: a net that can learns the identity. With another noisy shot as the target "
    "(Noise2Noise) the net comes the closer to one with clean targets the more pairs there "
    "are. With one shot the pixel must be hidden (a blind spot), which fails where neighbours "
    "share their noise, unless these are hidden too."
)
READ = ("kdae/data/alone.py", "kdae/train/objectives.py")
SIGMA = 25 / 255
SHARED = 5  # pixels of a row that share noise
MASK = (1, 2 * SHARED - 1)  # all pixels that share noise with the one in the middle
COUNTS = (2, 16, 128)  # pairs
SIDE = 128  # of the pictures to learn from, in pixels

Denoise = Callable[[np.ndarray], np.ndarray]


def run(lab: Lab) -> Outcome:
    """Trains the same network on the same noisy pictures, with different targets."""
    counts: tuple[int, ...] = lab.pick(COUNTS, (2,))
    most = counts[-1]
    noisy = _level(lab, lambda image: image, 1), _level(lab, lambda image: image, SHARED)
    by_count = {
        way: [[_learn(lab, way, count, seed) for count in counts] for seed in lab.seeds]
        for way in ("clean picture", "second shot")
    }
    levels = {
        way: np.array([[_level(lab, one.denoiser.denoise, 1) for one in row] for row in runs])
        for way, runs in by_count.items()
    }
    single: dict[str, list[Trained]] = {
        "itself": [_learn(lab, "itself", most, seed) for seed in lab.seeds],
        "blind spot": [_learn(lab, "blind spot", most, seed) for seed in lab.seeds],
    }
    rows = {
        name: [_learn(lab, "blind spot", most, seed, SHARED, mask) for seed in lab.seeds]
        for name, mask in (("one pixel", (1, 1)), (f"{MASK[0]}x{MASK[1]} pixels", MASK))
    }
    alone = {
        name: np.array([_level(lab, one.denoiser.denoise, 1) for one in runs])
        for name, runs in single.items()
    }
    shared = {
        name: np.array([_level(lab, one.denoiser.denoise, SHARED) for one in runs])
        for name, runs in rows.items()
    }
    gap = levels["clean picture"] - levels["second shot"]
    unmasked, masked = shared.values()
    outcome = Outcome(
        "Look at the line of the second shots, which comes to that of the clean pictures, and "
        "at the stripes that a blind spot of one pixel leaves."
    )
    outcome.check(
        np.abs(alone["itself"] - noisy[0]).max() < 0.5,
        "a net that sees the pixel it is asked for learns the identity: "
        f"{mean_range(alone['itself'])} dB, the noisy pictures {noisy[0]:.2f} dB",
    )
    outcome.check(
        alone["blind spot"].min() - noisy[0] > 3,
        "with the pixel hidden the same pictures teach to denoise: "
        f"{mean_range(alone['blind spot'])} dB",
    )
    outcome.check(
        (gap[:, -1] < gap[:, 0]).all(),
        f"second shots as targets are behind clean ones by {mean_range(gap[:, 0])} dB with "
        f"{counts[0]} pairs and by {mean_range(gap[:, -1])} dB with {most}",
    )
    outcome.check(
        gap[:, -1].mean() < 0.15,
        f"with {most} pairs they are less than 0.15 dB behind: "
        f"{mean_range(levels['second shot'][:, -1])} dB against "
        f"{mean_range(levels['clean picture'][:, -1])} dB",
    )
    outcome.check(
        unmasked.max() - noisy[1] < 1,
        f"a blind spot fails on noise that {SHARED} pixels of a row share: "
        f"{mean_range(unmasked)} dB, the noisy pictures {noisy[1]:.2f} dB",
    )
    outcome.check(
        (masked - unmasked).min() > 3,
        f"a mask of {MASK[0]}x{MASK[1]} pixels mends it: {mean_range(masked)} dB",
    )
    outcome.exhibits = [
        curves(
            "Clean and noisy targets", "Held-out photographs, noise of sigma 25.",
            {f"target: {way}": (counts, values) for way, values in levels.items()},
            xlabel="pairs to learn from", ylabel="PSNR (dB)", xscale="log",
        ),
        table(
            f"{most} pictures to learn from", "PSNR in dB on held-out photographs, mean of the "
            "seeds.",
            ("target", "noise", "noisy", "denoised"),
            [
                *((way, "independent", noisy[0], float(v[:, -1].mean()))
                  for way, v in levels.items()),
                *((way, "independent", noisy[0], float(v.mean())) for way, v in alone.items()),
                *((f"blind spot of {name}", "shared in rows", noisy[1], float(v.mean()))
                  for name, v in shared.items()),
            ],
        ),
        _shown(lab, "Independent noise", 1, {
            **{way: runs[0][-1] for way, runs in by_count.items()},
            **{way: runs[0] for way, runs in single.items()},
        }),
        _shown(lab, "Noise shared in rows", SHARED,
               {f"blind spot of {name}": runs[0] for name, runs in rows.items()}),
    ]  # fmt: skip
    outcome.numbers = {
        "pairs": counts, "by_pairs": levels, "alone": alone, "rows": shared,
        "noisy": noisy,
    }  # fmt: skip
    return outcome


def with_noise(clean: np.ndarray, shared: int, key: Sequence[int]) -> np.ndarray:
    """Adds noise of sigma 25 to a picture.

    Args:
        clean: [H, W, 1] in [0, 1].
        shared: How many neighbours in a row share noise, which is the mean of as many draws,
            scaled to sigma 25. 1 for independent noise.
        key: The seed of the draws.

    Returns:
        float32 of the same shape, not clipped.
    """
    height, width, _ = clean.shape
    drawn = np.random.default_rng(key).normal(0, SIGMA, (height, width + shared - 1, 1))
    total = sum(drawn[:, start : start + width] for start in range(shared))
    return np.asarray(clean + total / np.sqrt(shared), np.float32)


def _learn(
    lab: Lab,
    target: str,
    count: int,
    seed: int,
    shared: int = 1,
    mask: tuple[int, int] = (1, 1),
) -> Trained:
    """Trains on so many noisy pictures with one kind of target."""
    shots = _shots(lab, shared, seed)
    first = str(shots / "train" / "first")
    source: Any = {"noisy": first, "clean": str(shots / "train" / target)}
    how: dict[str, Any] = {}
    if target == "second shot":
        source = {"repeats": list(source.values())}
    elif target == "blind spot":
        source = first
        how = {"supervision": "blind_spot", "blind_mask": list(mask)}
    held_out = {
        "noisy": str(shots / "validation" / "first"),
        "clean": str(shots / "validation" / "clean picture"),
    }
    changes: Overrides = {
        "data": {"source": source, "validation": held_out, "limit": count,
                 "levels": "percentiles"},
        "loss": {"l1": 0.0, "l2": 1.0},
        "model": lab.pick({}, {"widths": [4], "blocks": [0]}),
        "train": how,
    }  # fmt: skip
    # Training warns of correlated noise, which is the point here.
    with contextlib.redirect_stderr(io.StringIO()):
        return lab.train(changes, seed=seed)


def _shots(lab: Lab, shared: int, seed: int) -> Path:
    """Writes two noisy shots of each photograph as TIFF files of floats, once."""
    folder = lab.out / "shots" / f"{shared}-{seed}"
    if folder.is_dir():
        return folder
    begun = folder.with_suffix(".part")
    shutil.rmtree(begun, ignore_errors=True)
    side = lab.pick(SIDE, 32)
    for place, (split, count) in enumerate((("train", COUNTS[-1]), ("validation", 10))):
        for number, photo in enumerate(lab.photos(lab.pick(count, 2), split)):
            clean = photo[:side, :side]
            first, second = (
                with_noise(clean, shared, [seed, place, number, shot]) for shot in range(2)
            )
            for name, image in {
                "clean picture": clean, "first": first, "itself": first, "second shot": second,
            }.items():  # fmt: skip
                path = begun / split / name / f"{number:03}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, image[..., 0])
    begun.rename(folder)
    return folder


def _level(lab: Lab, denoise: Denoise, shared: int) -> float:
    """Returns the mean PSNR in dB on held-out photographs."""
    count, side = lab.pick((12, 256), (2, 32))
    values = []
    for number, photo in enumerate(lab.photos(count)):
        clean = photo[:side, :side]
        result = denoise(with_noise(clean, shared, [7, number]))
        values.append(float(psnr(result[None], clean[None])[0]))
    return float(np.mean(values))


def _shown(lab: Lab, title: str, shared: int, nets: dict[str, Trained]) -> Any:
    end = lab.pick(192, 96)
    clean = lab.photos(7)[2][64:end, 64:end]
    noisy = with_noise(clean, shared, [8])
    results = [(name, one.denoiser.denoise(noisy)) for name, one in nets.items()]
    shown = [("clean", clean), ("noisy", noisy), *results]
    return pictures(title, "By target, seed 0; sigma 25.", shown, 160)
