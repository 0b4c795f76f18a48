"""Runs a function in a fresh process, on so many processors, and reads what it used."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from kdae.errors import UserError
from kdae.quiet import quiet_libraries


@dataclass(frozen=True)
class Usage:
    """What a call took.

    Attributes:
        seconds: by the clock, of the fastest call.
        cpu_seconds: of all threads, of that call.
        peak_bytes: most memory that the process ever had, interpreter and libraries
            included.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(
    processors: int, prepare: Callable[..., Callable[[], Any]], *args: Any, least: float = 0.0
) -> Usage:
    """Times `prepare(*args)()` in a process that may use so many processors.

    Libraries are loaded after the process has been confined, so that all of them (BLAS,
    OpenMP, OpenCV, TensorFlow) start as many threads as there are processors.

    Args:
        processors: how many it may use.
        prepare: a function of a module, whose result is what is timed.
        args: for `prepare`; they are pickled.
        least: call again until so many seconds have been timed, and keep the fastest call.

    Raises:
        UserError: there are fewer processors, or the system confines no process.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UserError("benchmark: only Linux lets a process be confined to processors")
    ours = os.sched_getaffinity(0)
    if len(ours) < processors:
        raise UserError(f"benchmark: needs {processors} processors, here are {len(ours)}")
    os.sched_setaffinity(0, sorted(ours)[:processors])
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, quiet_libraries) as pool:
            return pool.submit(_measure, prepare, args, least).result()
    finally:
        os.sched_setaffinity(0, ours)


def _measure(prepare: Callable[..., Callable[[], Any]], args: Any, least: float) -> Usage:
    run = prepare(*args)
    calls: list[tuple[float, float]] = []
    while not calls or sum(seconds for seconds, _ in calls) < least:
        start, cpu_start = time.perf_counter(), time.process_time()
        run()
        calls.append((time.perf_counter() - start, time.process_time() - cpu_start))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Usage(*min(calls), kilobytes * 1024)
