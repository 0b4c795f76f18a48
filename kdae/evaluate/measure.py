"""Measures PSNR, SSIM and time of a denoiser on noisy and clean pictures.

The protocol is that of the published tables. The output is clipped and rounded to 8 bits, and
PSNR and SSIM are averaged over the pictures. The figures of the noisy pictures are those of
their 8-bit versions.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kdae.data import Example, Pictures
from kdae.images import from_float, to_float
from kdae.metrics import psnr, ssim
from kdae.noise import build_noise
from kdae.tables import columns


def evaluate(
    denoise: Callable[[np.ndarray], np.ndarray],
    examples: Iterable[Example],
    data: str,
    noise: str,
) -> dict[str, Any]:
    """Measures a denoiser on noisy and clean pictures.

    Args:
        denoise: A function from [H, W, C] float32 in [0, 1] to the same shape, such as
            `Denoiser.denoise_float`.
        examples: Pairs (noisy, clean) of float32 [H, W, C], at least one, from `noisy_examples`
            or `pair_examples`.
        data: The name of the pictures in the result.
        noise: The name of the noise in the result.

    Returns:
        A dict with `data`, `noise`, the number of pictures `images`, the means `psnr_noisy` and
        `psnr` in dB, `ssim_noisy` and `ssim`, and `seconds_per_megapixel`, the time of
        `denoise` by the clock.
    """
    figures: list[list[float]] = []
    seconds, pixels = 0.0, 0
    for noisy, clean in examples:
        if not figures:
            denoise(noisy[:64, :64])  # what happens only once, such as tracing, is not timed
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


def noisy_examples(
    pictures: Iterable[np.ndarray],
    spec: Mapping[str, Any],
    *,
    clip: bool = False,
    seed: int = 0,
) -> Iterator[Example]:
    """Adds noise to clean pictures.

    The noise depends only on its spec, the seed and the place of the picture.

    Args:
        pictures: Clean pictures [H, W, C]: uint8, uint16, or float32 as the model sees them.
        spec: The spec of the noise, see `kdae.noise`.
        clip: Whether to clip the noisy pictures to [0, 1] and round them to 8 bits.
        seed: The seed, at least 0.

    Yields:
        Pairs (noisy, clean) of float32 [H, W, C].
    """
    add_noise = build_noise(spec)
    key = zlib.crc32(json.dumps(spec, sort_keys=True).encode())
    for index, picture in enumerate(pictures):
        clean = picture if picture.dtype == np.float32 else to_float(picture)
        words = np.random.SeedSequence([seed, index, key]).generate_state(2)
        noisy = add_noise(tf.constant(clean), tf.constant(words.view(np.int32))).numpy()
        yield to_eight_bits(noisy) if clip else noisy, clean


def pair_examples(pictures: Pictures) -> Iterator[Example]:
    """Yields noisy and clean pictures that were loaded as pairs, as float32 [H, W, C]."""
    for noisy, clean in zip(pictures.noisy or [], pictures.arrays, strict=True):
        yield pictures.to_float(noisy), pictures.to_float(clean)


def to_eight_bits(image: np.ndarray) -> np.ndarray:
    """Clips floats to [0, 1] and rounds them to multiples of 1/255."""
    return to_float(from_float(image, np.uint8))


def format_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Formats the results of `evaluate` as a table, one line per result."""
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
    return columns(rows)
