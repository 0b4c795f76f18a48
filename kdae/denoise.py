"""Denoises files and folders: `python -m kdae.denoise INPUT... -o OUT`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from kdae.errors import UserError, run_main
from kdae.images import IMAGE_SUFFIXES, WRITE_SUFFIXES, list_images, read_image, write_image
from kdae.infer import Denoiser, load
from kdae.runs import DEFAULT_MODEL

_SHOWN = 3  # names in an error


class Job(NamedTuple):
    """A picture to read and where its denoised copy goes."""

    source: Path
    target: Path


def plan(inputs: Sequence[str], out: str, *, force: bool = False) -> list[Job]:
    """Decides what is read and what is written, before anything is.

    Args:
        inputs: files, folders (searched with their subfolders) or patterns.
        out: a folder, in which the structure of the input folders is kept; or, for a single
            input file, a file: a name with a suffix that is no folder yet and does not end
            in a slash. A format that can only be read becomes PNG.
        force: allow files that exist to be replaced.

    Returns:
        One job per picture.

    Raises:
        UserError: no such input, an input folder without pictures, an output of unknown
            format, two inputs with the same output, or, without `force`, an output that
            exists (the input itself included).
    """
    target = Path(out).expanduser()
    sources = [(name, list_images(name)) for name in inputs]
    names_file = target.suffix and not target.is_dir() and not out.endswith(("/", os.sep))
    if names_file and len(inputs) == 1 and Path(inputs[0]).expanduser().is_file():
        if target.suffix.lower() not in WRITE_SUFFIXES:
            raise UserError(
                f"--out {out}: cannot write {target.suffix}, expected one of "
                f"{' '.join(WRITE_SUFFIXES)}; end the name of a folder in a slash"
            )
        jobs = [Job(sources[0][1][0], target)]
    else:
        if names_file and target.suffix.lower() in IMAGE_SUFFIXES:
            raise UserError(f"--out {out}: expected a folder, for only one file can become one")
        jobs = _into_folder(sources, target)
    taken = [job.target for job in jobs if job.target.exists()]
    if taken and not force:
        names = ", ".join(map(str, taken[:_SHOWN]))
        more = f" and {len(taken) - _SHOWN} more" if len(taken) > _SHOWN else ""
        raise UserError(f"--out {out}: {names}{more} would be replaced; allow it with --force")
    return jobs


def denoise_file(
    denoiser: Denoiser,
    job: Job,
    strength: float = 1.0,
    progress: Callable[[float], object] | None = None,
) -> None:
    """Reads, denoises and writes one picture, upright, with its depth, alpha and profile.

    Args:
        denoiser: see `kdae.load`.
        job: the file to read, and the one to write, whole or not at all; its folder is made.
        strength: 0 (nothing) to 1.
        progress: called with the share of the picture done since the last call.

    Raises:
        UserError: naming the file that cannot be read or written.
    """
    picture = read_image(job.source)
    pixels = picture.pixels
    area = pixels.shape[0] * pixels.shape[1]
    # In place, where that is allowed: a second copy of a large picture is memory.
    pixels = denoiser.denoise(
        pixels,
        strength,
        out=pixels if pixels.flags.writeable else None,
        progress=(lambda done: progress(done / area)) if progress else None,
    )
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{job.target.parent}: cannot make this folder ({error})") from error
    write_image(job.target, dataclasses.replace(picture, pixels=pixels))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if a picture failed."""
    parser = argparse.ArgumentParser(prog="python -m kdae.denoise", description=__doc__)
    parser.add_argument("input", nargs="+", help="picture, folder of pictures, or pattern")
    parser.add_argument(
        "-o", "--out", required=True, help="folder; or a file, if the input is a single file"
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help=f"run folder, .keras file, or name of a shipped model ({DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="0..1", help="of the denoising (1)"
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    args = parser.parse_args(argv)
    if not 0.0 <= args.strength <= 1.0:
        raise UserError(f"--strength: expected 0 to 1, got {args.strength:g}")
    jobs = plan(args.input, args.out, force=args.force)
    denoiser = load(args.model)
    failed = 0
    bar_format = "{l_bar}{bar}| {n:.1f}/{total} pictures [{elapsed}<{remaining}]"
    # disable=None: no bar where nobody watches, such as in a log file.
    with tqdm(total=len(jobs), disable=None, bar_format=bar_format) as bar:
        for number, job in enumerate(jobs, 1):
            try:
                denoise_file(denoiser, job, args.strength, bar.update)
            except (UserError, MemoryError) as error:
                reason = str(error) or f"{job.source}: not enough memory"
                bar.write(f"error: {' '.join(reason.split())}", file=sys.stderr)
                failed += 1
            bar.n = number
            bar.refresh()
    print(f"{len(jobs) - failed} of {len(jobs)} pictures denoised, into {args.out}")
    return 1 if failed else 0


def _into_folder(sources: Sequence[tuple[str, list[Path]]], folder: Path) -> list[Job]:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: expected a folder, this is a file")
    jobs: dict[Path, Job] = {}
    for name, files in sources:
        root = Path(name).expanduser()
        if root.is_dir() and _is_inside(folder, root):
            # What an earlier run has written is not input.
            files = [file for file in files if not _is_inside(file, folder)]
            if not files:
                raise UserError(f"{name}: no picture in this folder but those in {folder}")
        for file in files:
            target = folder / (file.relative_to(root) if root.is_dir() else file.name)
            if target.suffix.lower() not in WRITE_SUFFIXES:
                target = target.with_suffix(".png")
            other = jobs.setdefault(target, Job(file, target)).source
            if other.resolve() != file.resolve():
                raise UserError(f"{other} and {file} would both be written to {target}")
    return list(jobs.values())


def _is_inside(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


if __name__ == "__main__":
    run_main(main)
