"""Denoises many pictures: reading and writing in threads, around one model.

    read (threads) -> denoise (the calling thread) -> write (threads)

The model is the slowest by far, and uses all processors by itself; the others are there so
that it never waits. How many pictures are in memory at a time depends on their size.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kdae.denoise.journal import Journal
from kdae.denoise.plan import Job
from kdae.errors import UserError
from kdae.images import Picture, pixel_count, read_image, write_image

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
    """A picture read, or why not."""

    picture: Picture | None
    reason: str
    seconds: float


def denoise_file(
    denoiser: Denoiser,
    job: Job,
    strength: float | Strength = 1.0,
    progress: Callable[[float], object] | None = None,
) -> None:
    """Reads, denoises and writes one picture, upright, with its depth, alpha and profile.

    Args:
        denoiser: see `kdae.load`.
        job: the file to read, and the one to write, whole or not at all; its folder is made.
        strength: 0 (nothing) to 1, or a `kdae.Strength`.
        progress: called with the share of the picture done since the last call.

    Raises:
        UserError: naming the file that cannot be read or written.
    """
    _save(job, _denoised(denoiser, read_image(job.source), strength, progress))


def denoise_files(
    denoiser: Denoiser,
    jobs: Iterable[Job],
    strength: float | Strength = 1.0,
    *,
    finished: Callable[[Result], object],
    journal: Journal | None = None,
    progress: Callable[[float], object] | None = None,
    held: int = HELD,
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
                    outcome = _run(denoiser, job, future.result(), strength, progress)
                    writing.append((cost, writers.submit(_finish, job, outcome, journal)))
                    del future, outcome  # and with them the picture
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


def _load(job: Job) -> _Read:
    start = time.perf_counter()
    try:
        picture, reason = read_image(job.source), ""
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
    if read.picture is None:
        if progress:
            progress(1.0)
        return read
    try:
        picture = _denoised(denoiser, read.picture, strength, progress)
    except MemoryError:
        return read._replace(picture=None, reason=f"{job.source}: not enough memory")
    return _Read(picture, "", read.seconds + time.perf_counter() - start)


def _finish(job: Job, outcome: _Read, journal: Journal | None) -> Result:
    """Writes the picture, if there is one, and records the result."""
    start = time.perf_counter()
    reason = outcome.reason
    if outcome.picture is not None:
        if journal:
            journal.add(job, "writing")
        try:
            _save(job, outcome.picture)
        except (UserError, MemoryError) as error:
            reason = str(error) or f"{job.source}: not enough memory"
    seconds = outcome.seconds + time.perf_counter() - start
    if journal:
        journal.add(job, "failed" if reason else "done", reason, seconds)
    return Result(job, reason or None, seconds)


def _denoised(
    denoiser: Denoiser,
    picture: Picture,
    strength: float | Strength,
    progress: Callable[[float], object] | None,
) -> Picture:
    pixels = picture.pixels
    area = pixels.shape[0] * pixels.shape[1]
    # In place, where that is allowed: a second copy of a large picture is memory.
    pixels = denoiser.denoise(
        pixels,
        strength,
        out=pixels if pixels.flags.writeable else None,
        progress=(lambda done: progress(done / area)) if progress else None,
    )
    return dataclasses.replace(picture, pixels=pixels)


def _save(job: Job, picture: Picture) -> None:
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{job.target.parent}: cannot make this folder ({error})") from error
    write_image(job.target, picture)
