"""Measures a model: `python -m kdae.evaluate --model M --data DIR --noise gaussian:25`.

The protocol of the published tables: noise is added to clean pictures and not clipped
(`--clip`: clipped and rounded to 8 bits), the output is clipped and rounded to 8 bits, PSNR
and SSIM are averaged over the pictures. The figures of the noisy pictures themselves are
those of their 8-bit versions.
"""

from __future__ import annotations

import argparse
import dataclasses
import glob
import inspect
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import yaml
from tqdm import tqdm

from kdae.errors import UserError, run_main
from kdae.images import from_float, to_float
from kdae.infer import load
from kdae.metrics import SSIM_MIN_SIZE, psnr, ssim
from kdae.noise import NOISES, build_noise, check_noise
from kdae.runs import replace_file
from kdae.sources import KDAE_PHOTOS, TFDS_PREFIX, Pictures, load_pictures

Sample = tuple[np.ndarray, np.ndarray]
"""Noisy and clean picture, float32 [H, W, C]; the noisy one may reach beyond [0, 1]."""


def evaluate(
    denoise: Callable[[np.ndarray], np.ndarray],
    samples: Iterable[Sample],
    data: str,
    noise: str,
) -> dict[str, Any]:
    """Measures a denoiser on noisy and clean pictures.

    Args:
        denoise: [H, W, C] float32 to the same shape, such as `Denoiser.denoise_float`.
        samples: see `noisy_samples` and `pair_samples`; at least one.
        data: what the pictures are called in the result.
        noise: what the noise is called in the result.

    Returns:
        `data`, `noise`, `images`; means over the pictures: `psnr_noisy` and `psnr` in dB,
        `ssim_noisy`, `ssim`; `seconds_per_megapixel` of `denoise` alone, by the clock.
    """
    figures: list[list[float]] = []
    seconds, pixels = 0.0, 0
    for noisy, clean in samples:
        if not figures:
            denoise(noisy[:64, :64])  # what is done only once is not counted
        start = time.perf_counter()
        denoised = denoise(noisy)
        seconds += time.perf_counter() - start
        pixels += clean.shape[0] * clean.shape[1]
        pair = np.stack([to_eight_bits(noisy), to_eight_bits(denoised)])
        reference = np.stack([clean, clean])
        figures.append([*psnr(pair, reference).numpy(), *ssim(pair, reference).numpy()])
    means = np.mean(np.asarray(figures, np.float64), axis=0)
    return {
        "data": data,
        "noise": noise,
        "images": len(figures),
        "psnr_noisy": float(means[0]),
        "psnr": float(means[1]),
        "ssim_noisy": float(means[2]),
        "ssim": float(means[3]),
        "seconds_per_megapixel": seconds / (pixels / 1e6),
    }


def noisy_samples(
    pictures: Iterable[np.ndarray],
    spec: Mapping[str, Any],
    *,
    clip: bool = False,
    seed: int = 0,
) -> Iterator[Sample]:
    """Adds noise, which depends on nothing but the noise, the seed and the picture's place.

    Args:
        pictures: clean, uint8 or uint16 [H, W, C].
        spec: of the noise, see `kdae.noise`.
        clip: clip the noisy pictures to [0, 1] and round them to 8 bits.
        seed: at least 0.
    """
    add_noise = build_noise(spec)
    key = zlib.crc32(json.dumps(spec, sort_keys=True).encode())
    for index, picture in enumerate(pictures):
        clean = to_float(picture)
        words = np.random.SeedSequence([seed, index, key]).generate_state(2)
        noisy = add_noise(tf.constant(clean), tf.constant(words.view(np.int32))).numpy()
        yield to_eight_bits(noisy) if clip else noisy, clean


def pair_samples(pictures: Pictures) -> Iterator[Sample]:
    """The user's own noisy and clean pictures, as they are."""
    for noisy, clean in zip(pictures.noisy or [], pictures.arrays, strict=True):
        yield to_float(noisy), to_float(clean)


def to_eight_bits(image: np.ndarray) -> np.ndarray:
    """Clips floats to [0, 1] and rounds them to multiples of 1/255."""
    return to_float(from_float(image, np.uint8))


def parse_noise(text: str) -> dict[str, Any]:
    """Reads a noise from the command line.

    Args:
        text: `NAME:VALUE`, the value that of the noise's first parameter (`gaussian:25`,
            `gaussian:[0, 55]`); `NAME` alone (`camera`); or a spec in YAML
            (`{poisson: {peak: 30}}`).

    Raises:
        UserError: names the noise or the parameter, what was expected and what came.
    """
    try:
        spec = yaml.safe_load(text)
        if isinstance(spec, str):
            name, _, value = spec.partition(":")
            spec = {name.strip(): yaml.safe_load(value)}
    except yaml.YAMLError as error:
        raise UserError(f"--noise {text}: not valid YAML: {error}") from error
    if isinstance(spec, dict) and len(spec) == 1:
        (name, value), *_ = spec.items()
        first = [*inspect.signature(NOISES[name]).parameters][2:] if name in NOISES else []
        if first and value is not None and not isinstance(value, dict):
            spec = {name: {first[0]: value}}
    try:
        check_noise(spec)
    except UserError as error:
        raise UserError(f"--noise {text}: {error}") from None
    return spec if isinstance(spec, dict) else {"chain": spec}


def format_table(results: Sequence[Mapping[str, Any]]) -> str:
    """One line for each result of `evaluate`, under a header."""
    head = "data/noise/images/PSNR noisy -> denoised/SSIM noisy -> denoised/s per Mpx"
    rows = [head.split("/")]
    for r in results:
        rows.append(
            [
                r["data"],
                r["noise"],
                str(r["images"]),
                f"{r['psnr_noisy']:.2f} -> {r['psnr']:.2f}",
                f"{r['ssim_noisy']:.4f} -> {r['ssim']:.4f}",
                f"{r['seconds_per_megapixel']:.2f}",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows)
    return "\n".join(line.rstrip() for line in lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", required=True, help="run folder, .keras file, or name of a shipped model"
    )
    parser.add_argument(
        "--data", required=True, help=f"folder of pictures, {KDAE_PHOTOS}, or {TFDS_PREFIX}NAME"
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--noise",
        action="append",
        help="NAME:VALUE, such as gaussian:25, or a spec in YAML; may be given several times",
    )
    kind.add_argument(
        "--pairs",
        metavar="NOISY:CLEAN",
        help="patterns of pairs in the folder, such as '*_real.png:*_mean.png'",
    )
    parser.add_argument(
        "--clip", action="store_true", help="clip noisy pictures, round them to 8 bits"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise (0)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    args = parser.parse_args(argv)
    if args.seed < 0:
        raise UserError(f"--seed: expected at least 0, got {args.seed}")
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit: expected at least 1, got {args.limit}")
    if args.pairs and args.clip:
        raise UserError("--clip: pairs are measured as they are")
    specs = {text: parse_noise(text) for text in args.noise or []}
    if args.json:
        _check_writable(args.json)
    source = _source(args.data, args.pairs)
    denoiser = load(args.model)
    pictures = load_pictures(
        source, "test", denoiser.channels, args.limit, SSIM_MIN_SIZE, whole=True
    )
    pictures, grey = _grey_as_grey(pictures)
    named = args.data.startswith(TFDS_PREFIX)
    data = args.data if named else Path(args.data).resolve().name
    tasks: dict[str, Iterable[Sample]] = {
        text: noisy_samples(pictures.arrays, spec, clip=args.clip, seed=args.seed)
        for text, spec in specs.items()
    } or {args.pairs: pair_samples(pictures)}
    results = []
    for text, samples in tasks.items():
        bar = tqdm(samples, text, len(pictures), leave=False, disable=None, unit="picture")
        results.append(evaluate(denoiser.denoise_float, bar, data, text))
    clipped = "clipped and rounded to 8 bits" if args.clip else "not clipped"
    clipped = "as they are" if args.pairs else clipped
    measured = f"; {grey} of {len(pictures)} pictures measured in grey" if grey else ""
    print(f"model {args.model}; noisy pictures {clipped}{measured}")
    print(format_table(results))
    if args.json:
        text = json.dumps({"results": results}, indent=2) + "\n"
        replace_file(args.json, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return 0


def _grey_as_grey(pictures: Pictures) -> tuple[Pictures, int]:
    """Gives grey pictures loaded as RGB their one channel back, and counts them.

    Otherwise each would get three different noises, and a colour model would average them.
    """
    arrays, noisy = list(pictures.arrays), list(pictures.noisy or pictures.arrays)
    count = 0
    for index, pair in enumerate(zip(arrays, noisy, strict=True)):
        if all((image == image[..., :1]).all() for image in pair):
            arrays[index], noisy[index] = (image[..., :1] for image in pair)
            count += 1
    noisy_arrays = noisy if pictures.noisy is not None else None
    return dataclasses.replace(pictures, arrays=arrays, noisy=noisy_arrays), count


def _source(data: str, pairs: str | None) -> str | dict[str, str]:
    """What `load_pictures` takes, checked as far as that is quick."""
    if pairs is None and (data == KDAE_PHOTOS or data.startswith(TFDS_PREFIX)):
        return data
    if not Path(data).is_dir():
        raise UserError(f"--data {data}: no such folder")
    if pairs is None:
        return data
    parts = pairs.split(":")
    if len(parts) != 2 or not all(parts):
        raise UserError(f"--pairs: expected NOISY:CLEAN, two patterns, got {pairs!r}")
    noisy, clean = (str(Path(glob.escape(data)) / part) for part in parts)
    return {"noisy": noisy, "clean": clean}


def _check_writable(path: Path) -> None:
    """Finds out now, not after the computation, whether a file can be written."""
    try:
        if path.is_dir():
            raise UserError(f"--json {path}: is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"--json {path}: cannot be written ({error.strerror})") from error


if __name__ == "__main__":
    run_main(main)
