"""Denoises many pictures: reading and writing in threads, around one model.

    read (threads) -> denoise (the calling thread) -> write (threads)

The model is the slowest by far, and uses all processors by itself; the others are there so
that it never waits. How many pictures are in memory at a time depends on their size.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import numpy as np

from kdae.denoise.journal import Journal
from kdae.denoise.output import Output, note
from kdae.denoise.plan import Job
from kdae.errors import UserError
from kdae.images import (
    Pages,
    Picture,
    change,
    in_kind,
    open_pages,
    parts,
    pictures_of,
    pixel_count,
    read_image,
    refuse,
    write_image,
    write_pages,
)

if TYPE_CHECKING:
    from kdae.engine import Denoiser, Strength

# Pixels read but not written yet, over which nothing more is read: 0.2 GB of 8-bit colour. A
# larger picture is alone in memory.
HELD = 1 << 26
_LEAST = 1 << 16  # what the smallest picture counts for: bounds their number
_THREADS = min(4, os.cpu_count() or 1)  # to read, and as many to write

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Result(NamedTuple):
    """What became of a job; `reason` is why it failed, or None."""

    job: Job
    reason: str | None
    seconds: float


class _Read(NamedTuple):
    """A picture read, or the pages of a file, read one by one; or why not."""

    picture: Picture | Pages | None
    reason: str
    seconds: float


def denoise_file(
    denoiser: Denoiser,
    job: Job,
    strength: float | Strength = 1.0,
    progress: Callable[[float], object] | None = None,
    output: Output = Output(),  # noqa: B008
    notice: Callable[[str], object] | None = None,
) -> None:
    """Reads, denoises and writes one picture file: all pages, channels, and its metadata.

    Args:
        denoiser: see `kdae.load`.
        job: the file to read, and the one to write, whole or not at all; its folder is made.
        strength: 0 (nothing) to 1, or a `kdae.Strength`.
        progress: called with the share of the picture done since the last call.
        output: how it is written.
        notice: called with a line on what the written file will not keep, before it is.

    Raises:
        UserError: naming the file that cannot be read or written.
    """
    picture = _open(job)
    _tell(job, picture, output, notice)
    if isinstance(picture, Picture):
        _save(job, _denoised(denoiser, job, picture, strength, progress), output)
    else:
        _save_pages(denoiser, job, picture, strength, progress, output)


def denoise_files(
    denoiser: Denoiser,
    jobs: Iterable[Job],
    strength: float | Strength = 1.0,
    *,
    finished: Callable[[Result], object],
    journal: Journal | None = None,
    progress: Callable[[float], object] | None = None,
    held: int = HELD,
    output: Output = Output(),  # noqa: B008
    notice: Callable[[str], object] | None = None,
) -> None:
    """Does what `denoise_file` does for each of many pictures, of which some may fail.

    Stopped by Ctrl-C or any other exception, it ends what is being written, and no more.

    Args:
        denoiser: see `kdae.load`.
        jobs: none of which may write what another one reads.
        strength: 0 (nothing) to 1, or a `kdae.Strength`.
        finished: called with the result of each job, in their order, by this thread.
        journal: where each result is recorded, as soon as its picture is in its place.
        progress: called with the share of a picture done since the last call.
        held: pixels in memory, see `HELD`.
        output: how pictures are written.
        notice: called with a line on what a written file will not keep, before it is.
    """
    with _background() as readers, _background() as writers:
        reading: deque[tuple[Job, int, Future[_Read]]] = deque()
        writing: deque[tuple[int, Future[Result]]] = deque()
        free = held
        sizes = _ahead(readers, lambda job: _cost(job, held), jobs)
        following = next(sizes, None)
        try:
            while following or reading or writing:
                while following and following[1] <= free and len(reading) <= _THREADS:
                    job, cost = following
                    free -= cost
                    reading.append((job, cost, readers.submit(_load, job)))
                    following = next(sizes, None)
                if reading:
                    job, cost, future = reading.popleft()
                    outcome = future.result()
                    _tell(job, outcome.picture, output, notice)
                    if outcome.picture is None or isinstance(outcome.picture, Picture):
                        outcome = _run(denoiser, job, outcome, strength, progress)
                        # Without a picture it is never called.
                        save = partial(_save, job, cast("Picture", outcome.picture), output)
                        written = writers.submit(_finish, job, outcome, journal, save)
                    else:
                        # Page by page, as all may not fit in memory: read and written here.
                        save = partial(
                            _save_pages,
                            denoiser,
                            job,
                            outcome.picture,
                            strength,
                            progress,
                            output,
                        )
                        written = Future()
                        written.set_result(_finish(job, outcome, journal, save))
                    writing.append((cost, written))
                    del future, outcome, save  # and with them the picture
                while writing and (not reading or writing[0][1].done()):
                    cost, written = writing.popleft()
                    finished(written.result())
                    free += cost
        except BaseException:
            for pool in (readers, writers):
                pool.shutdown(wait=False, cancel_futures=True)
            raise


def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, initializer=_step_back)


def _step_back() -> None:
    """Leaves the processors to the model, which cannot use them all at every moment."""
    if sys.platform == "linux":  # Elsewhere a thread has no priority of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _cost(job: Job, held: int) -> int:
    count = pixel_count(job.source)
    return held if count is None else min(max(count, _LEAST), held)


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[_In], _Out], items: Iterable[_In]
) -> Iterator[tuple[_In, _Out]]:
    """Each item and the function's result for it, made a few items ahead."""
    waiting: deque[tuple[_In, Future[_Out]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > 2 * _THREADS:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


def _open(job: Job) -> Picture | Pages:
    """Reads the picture, or what is read page by page, if the target can hold it."""
    if job.source.is_file():
        pages = open_pages(job.source)
        if pages is not None and in_kind(pages, job.target):
            return pages
    picture = read_image(job.source)
    refuse(job.target, picture)
    return picture


def _tell(
    job: Job,
    picture: Picture | Pages | None,
    output: Output,
    notice: Callable[[str], object] | None,
) -> None:
    if notice and picture is not None and (line := note(job, picture, output)):
        notice(line)


def _load(job: Job) -> _Read:
    start = time.perf_counter()
    picture: Picture | Pages | None
    try:
        picture, reason = _open(job), ""
    except UserError as error:
        picture, reason = None, str(error)
    return _Read(picture, reason, time.perf_counter() - start)


def _run(
    denoiser: Denoiser,
    job: Job,
    read: _Read,
    strength: float | Strength,
    progress: Callable[[float], object] | None,
) -> _Read:
    """Replaces the picture by the denoised one."""
    start = time.perf_counter()
    if not isinstance(read.picture, Picture):
        if progress:
            progress(1.0)
        return read
    try:
        picture = _denoised(denoiser, job, read.picture, strength, progress)
    except MemoryError:
        return read._replace(picture=None, reason=f"{job.source}: not enough memory")
    except UserError as error:
        return read._replace(picture=None, reason=str(error))
    return _Read(picture, "", read.seconds + time.perf_counter() - start)


def _finish(
    job: Job, read: _Read, journal: Journal | None, save: Callable[[], object]
) -> Result:
    """Writes what was read, if it could be, and records the result."""
    start, reason = time.perf_counter(), read.reason
    if read.picture is not None:
        if journal:
            journal.add(job, "writing")
        try:
            save()
        except (UserError, MemoryError) as error:
            reason = str(error) or f"{job.source}: not enough memory"
    seconds = read.seconds + time.perf_counter() - start
    if journal:
        journal.add(job, "failed" if reason else "done", reason, seconds)
    return Result(job, reason or None, seconds)


def _denoised(
    denoiser: Denoiser,
    job: Job,
    picture: Picture,
    strength: float | Strength,
    progress: Callable[[float], object] | None,
) -> Picture:
    height, width, _ = picture.pixels.shape
    area = height * width * len(parts(picture))

    def network(pixels: np.ndarray) -> np.ndarray:
        # In place, where that is allowed: a second copy of a large picture is memory.
        return denoiser.denoise(
            pixels,
            strength,
            out=pixels if pixels.flags.writeable else None,
            progress=(lambda done: progress(done / area)) if progress else None,
        )

    try:
        return change(picture, network, denoiser.levels)
    except UserError as error:
        raise UserError(f"{job.source}: {error}") from None


def _save(job: Job, picture: Picture, output: Output) -> None:
    _make_folder(job.target.parent)
    quality = {} if output.quality is None else {"quality": output.quality}
    with output.backup(job):
        write_image(job.target, output.of(picture), **quality)


def _save_pages(
    denoiser: Denoiser,
    job: Job,
    pages: Pages,
    strength: float | Strength,
    progress: Callable[[float], object] | None,
    output: Output,
) -> None:
    _make_folder(job.target.parent)
    share = (lambda done: progress(done / pages.count)) if progress else None
    pictures = (_denoised(denoiser, job, each, strength, share) for each in pictures_of(pages))
    with output.backup(job):
        write_pages(
            pages, job.target, pictures, strip=output.strip, strip_place=output.strip_place
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot make this folder ({error})") from error
