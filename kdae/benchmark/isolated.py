"""Measures a function in a new process that may use a given number of processors."""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdae.errors import UserError
from kdae.quiet import quiet_libraries


@dataclass(frozen=True)
class Usage:
    """The time and memory that a call took.

    Attributes:
        seconds: The time of the fastest call, by the clock.
        cpu_seconds: The CPU time of all threads in that call.
        peak_bytes: The largest memory of the process, including the interpreter and the
            libraries.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(
    processors: int, prepare: Callable[..., Callable[[], Any]], *args: Any, least: float = 0.0
) -> Usage:
    """Times `prepare(*args)()` in a new process that may use some of the processors.

    The process is confined to the processors before it loads any library. Therefore BLAS,
    OpenMP, OpenCV and TensorFlow start as many threads as there are processors.

    Args:
        processors: The number of processors that it may use.
        prepare: A module-level function that returns the function to time.
        args: The arguments of `prepare`, which are pickled.
        least: The function is called again until this many seconds have been timed.

    Returns:
        The usage of the fastest call.

    Raises:
        UserError: If this process may use fewer processors, or the system cannot confine a
            process.
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
    return Usage(*min(calls), _peak_bytes())


def _peak_bytes() -> int:
    """Returns the largest memory of this process so far.

    Not that of `getrusage`: it starts from the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024
