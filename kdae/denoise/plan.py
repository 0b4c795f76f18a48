"""Which pictures are read, and where their denoised copies go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kdae.errors import UserError
from kdae.images import IMAGE_SUFFIXES, WRITE_SUFFIXES, list_images


class Job(NamedTuple):
    """A picture to read and where its denoised copy goes."""

    source: Path
    target: Path


def plan(
    inputs: Sequence[str], out: str, *, ending: str | None = None, suffix: str = ""
) -> list[Job]:
    """Decides what is read and what is written, before anything is.

    Args:
        inputs: files, folders (searched with their subfolders) or patterns.
        out: a folder, in which the structure of the input folders is kept; or, for a single
            input file, a file: a name with a suffix that is no folder yet and does not end
            in a slash. A format that can only be read becomes PNG.
        ending: of all outputs in a folder, such as `.png`; None: each keeps its own.
        suffix: put between the name and the ending of each output in a folder.

    Returns:
        One job per picture. Only where `out` is a file is it the target itself.

    Raises:
        UserError: no such input, an input folder without pictures, an output of unknown
            format, or two inputs with the same output.
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
        return [Job(sources[0][1][0], target)]
    if names_file and target.suffix.lower() in IMAGE_SUFFIXES:
        raise UserError(f"--out {out}: expected a folder, for only one file can become one")
    return _into_folder(sources, target, ending, suffix)


def writable(name: str) -> str:
    """The name of the output of a picture: its own, or .png where that can only be read."""
    stem, suffix = os.path.splitext(name)
    return name if suffix.lower() in WRITE_SUFFIXES else f"{stem}.png"


def in_place(inputs: Sequence[str], ending: str) -> list[Job]:
    """Makes a job of each picture that writes onto itself.

    Args:
        inputs: see `plan`.
        ending: put behind the names of the originals, which must then be no picture's.

    Raises:
        UserError: no such input, a picture of a format that is not written, or an ending of
            pictures.
    """
    if Path(f"a{ending}").suffix.lower() in IMAGE_SUFFIXES:
        raise UserError(f"--in-place: expected an ending that no picture has, got {ending!r}")
    files = list(dict.fromkeys(file for name in inputs for file in list_images(name)))
    for file in files:
        if file.suffix.lower() not in WRITE_SUFFIXES:
            raise UserError(f"--in-place: {file}: {file.suffix} is not written, choose --out")
    return [Job(file, file) for file in files]


def _into_folder(
    sources: Sequence[tuple[str, list[Path]]], folder: Path, ending: str | None, suffix: str
) -> list[Job]:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: expected a folder, this is a file")
    named: list[tuple[Path, Path]] = []  # a picture, and its name in the folder
    for name, files in sources:
        root = Path(name).expanduser()
        if root.is_dir() and _is_inside(folder, root):
            # What an earlier run has written is not input.
            files = [file for file in files if not _is_inside(file, folder)]
            if not files:
                raise UserError(f"{name}: no picture in this folder but those in {folder}")
        for file in files:
            relative = file.relative_to(root) if root.is_dir() else Path(file.name)
            named.append((file, relative))
    jobs: dict[Path, Job] = {}
    for file, target in _targets(named, folder, ending, suffix):
        other = jobs.setdefault(target, Job(file, target)).source
        if other.resolve() != file.resolve():
            raise UserError(f"{other} and {file} would both be written to {target}")
    return list(jobs.values())


def _targets(
    named: Sequence[tuple[Path, Path]], folder: Path, ending: str | None, suffix: str
) -> Iterator[tuple[Path, Path]]:
    """Gives each picture its output; `a.gif` beside `a.png` becomes `a.gif.png`."""

    def target(relative: Path, name: str) -> Path:
        stem, own = os.path.splitext(name)
        return folder / relative.with_name(f"{stem}{suffix}{ending or own}")

    plain = [target(relative, writable(relative.name)) for _, relative in named]
    counts = Counter(plain)
    for (file, relative), output in zip(named, plain, strict=True):
        changed = output.suffix != relative.suffix
        if changed and counts[output] > 1:
            output = target(relative, f"{relative.name}{output.suffix}")
        yield file, output


def _is_inside(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents
