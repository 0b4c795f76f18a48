"""Measures a model: `python -m kdae.evaluate --model M --data DIR --noise gaussian:25`.

The protocol is that of the published tables. Noise is added to clean pictures and not clipped;
with `--clip` the noisy pictures are clipped and rounded to 8 bits. The output is clipped and
rounded to 8 bits, and PSNR and SSIM are averaged over the pictures. The figures of the noisy
pictures are those of their 8-bit versions.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import glob
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from kdae.data import KDAE_PHOTOS, TFDS_PREFIX, load_pictures
from kdae.data.spill import Arrays
from kdae.errors import UserError, run_main
from kdae.files import replace_file

if TYPE_CHECKING:
    import numpy as np

    from kdae.data import Example, Pictures


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
        "--clip", action="store_true", help="clip noisy pictures and round them to 8 bits"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (0)")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="measure only the first N pictures"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    args = parser.parse_args(argv)
    # Not at the top: TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.engine import load
    from kdae.evaluate.measure import evaluate, format_table, noisy_examples, pair_examples
    from kdae.metrics import SSIM_MIN_SIZE
    from kdae.noise import parse_noise

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
        source, "test", denoiser.channels, args.limit, SSIM_MIN_SIZE, whole=True,
        any_values=denoiser.levels is not None,
    )  # fmt: skip
    pictures, grey = _grey_as_grey(dataclasses.replace(pictures, levels=denoiser.levels))
    named = args.data.startswith(TFDS_PREFIX)
    data = args.data if named else Path(args.data).resolve().name
    tasks: dict[str, Iterable[Example]] = {
        text: noisy_examples(
            map(pictures.to_float, pictures.arrays), spec, clip=args.clip, seed=args.seed
        )
        for text, spec in specs.items()
    } or {args.pairs: pair_examples(pictures)}
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
    """Turns grey pictures that were loaded as RGB into pictures of one channel.

    Otherwise their three equal channels would get three different noises, which a colour model
    would average.

    Returns:
        The pictures, and how many of them are grey.
    """
    grey = [
        all((image == image[..., :1]).all() for image in pair)
        for pair in zip(pictures.arrays, pictures.noisy or pictures.arrays, strict=True)
    ]

    def narrow(arrays: Sequence[np.ndarray], index: int) -> np.ndarray:
        return arrays[index][..., :1] if grey[index] else arrays[index]

    def narrowed(arrays: Sequence[np.ndarray]) -> Arrays:
        return Arrays([functools.partial(narrow, arrays, i) for i in range(len(arrays))])

    noisy = None if pictures.noisy is None else narrowed(pictures.noisy)
    pictures = dataclasses.replace(pictures, arrays=narrowed(pictures.arrays), noisy=noisy)
    return pictures, sum(grey)


def _source(data: str, pairs: str | None) -> str | dict[str, str]:
    """Checks `--data` and `--pairs` without reading a picture; returns a source."""
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
    """Makes sure before the computation that a file can be written."""
    try:
        if path.is_dir():
            raise UserError(f"--json {path}: is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"--json {path}: cannot be written ({error.strerror})") from error


if __name__ == "__main__":
    run_main(main)
