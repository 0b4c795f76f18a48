"""Reads the pictures of files for a split: all pages of TIFF stacks, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kdae.data.splits import held_out
from kdae.errors import UserError
from kdae.images import Picture, count_pictures, parts, read_pictures, with_finite_values

_ENOUGH = 10  # files, of which whole ones are held out; of fewer, pages are

Files = tuple[Path, ...]
"""A file, or files of the same scenes, such as a noisy and a clean one."""


class Chosen(NamedTuple):
    """Files, and which of their pages are in a split.

    Attributes:
        files: one, or several of the same scenes.
        pages: the numbers of the pages, from 0; None: all.
    """

    files: Files
    pages: frozenset[int] | None = None


class Scene(NamedTuple):
    """A picture, or several of the same scene.

    Attributes:
        files: where they come from.
        place: the page and the channel in these files, in words; empty for the first.
        arrays: a picture of each file, `[H, W, 1 or 3]`.
    """

    files: Files
    place: str
    arrays: list[np.ndarray]


def choose(groups: Sequence[Files], split: str) -> list[Chosen]:
    """Chooses the files of a split, or, of fewer than ten files, their pages.

    Args:
        groups: the whole set, in a fixed order.
        split: see `kdae.data.splits.held_out`, which is given files or pages.
    """
    if len(groups) >= _ENOUGH:
        return [Chosen(files) for files in held_out(groups, split)]
    counts = [_count(files[0]) for files in groups]
    all_pages = [(own, page) for own, count in enumerate(counts) for page in range(count)]
    chosen = held_out(all_pages, split)
    pages = [
        frozenset(page for which, page in chosen if which == own) for own in range(len(groups))
    ]
    return [Chosen(files, own) for files, own in zip(groups, pages, strict=True) if own]


def read_scenes(
    chosen: Sequence[Chosen], any_values: bool, problems: list[str]
) -> Iterator[Scene]:
    """Reads scenes in the order of their files; those that cannot be used are left out.

    Red, green and blue are a picture, and so is every other channel. A file is read page by
    page, as not all may fit in memory.

    Args:
        chosen: the files and their pages.
        any_values: whether values may be of other types than uint8 and uint16. Of floats, those
            that are not finite become the mean of the picture.
        problems: is told what was left out, and why.

    Raises:
        UserError: files of the same scenes differ in the number of pages or channels.
    """

    def begin(own: Chosen) -> tuple[list[Picture], list[Iterator[Picture]]] | UserError:
        readers = [read_pictures(file) for file in own.files]
        try:
            return [next(reader) for reader in readers], readers
        except UserError as error:
            return error

    # A few at a time, as decoded pictures are large and must not pile up.
    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(chosen), workers):
            some = chosen[start : start + workers]
            for own, begun in zip(some, pool.map(begin, some), strict=True):
                if isinstance(begun, UserError):
                    problems.append(str(begun))
                else:
                    yield from _scenes(own, *begun, any_values, problems)


def _count(file: Path) -> int:
    try:
        return count_pictures(file)
    except UserError:
        return 1  # the reader will say what is wrong


def _scenes(
    own: Chosen,
    pictures: Sequence[Picture | None],
    readers: Sequence[Iterator[Picture]],
    any_values: bool,
    problems: list[str],
) -> Iterator[Scene]:
    page = 0
    while present := [picture for picture in pictures if picture is not None]:
        if len(present) < len(pictures):
            raise UserError(f"different numbers of pages: {' and '.join(map(str, own.files))}")
        if own.pages is None or page in own.pages:
            yield from _channels(own.files, page, present, any_values, problems)
        page += 1
        try:
            pictures = [next(reader, None) for reader in readers]
        except UserError as error:
            problems.append(str(error))
            return


def _channels(
    files: Files,
    page: int,
    pictures: Sequence[Picture],
    any_values: bool,
    problems: list[str],
) -> Iterator[Scene]:
    where = f", page {page + 1}" if page else ""
    for file, picture in zip(files, pictures, strict=True):
        if not any_values and picture.pixels.dtype not in (np.uint8, np.uint16):
            problems.append(
                f"{file}{where}: values of type {picture.pixels.dtype}, which are learned from "
                "with data.levels=percentiles only"
            )
            return
    channels = [parts(picture) for picture in pictures]
    if len({len(own) for own in channels}) > 1:
        numbers = " and ".join(str(picture.pixels.shape[-1]) for picture in pictures)
        raise UserError(
            f"different numbers of channels: {' and '.join(map(str, files))} have {numbers}"
        )
    for number, own in enumerate(zip(*channels, strict=True)):
        place = where + (f", channel {own[0].start + 1}" if number else "")
        arrays = [
            _usable(picture.pixels[..., part])
            for picture, part in zip(pictures, own, strict=True)
        ]
        yield Scene(files, place, arrays)


def _usable(pixels: np.ndarray) -> np.ndarray:
    return with_finite_values(pixels) if pixels.dtype.kind == "f" else pixels
