"""Denoises files and folders, with a progress bar and a journal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from kdae.denoise.journal import Journal, Settings, refuse_existing
from kdae.denoise.plan import Job, plan
from kdae.denoise.stream import Result, denoise_files
from kdae.engine import load

if TYPE_CHECKING:
    from kdae.engine import Denoiser, Strength


def run(
    inputs: Sequence[str],
    out: str,
    *,
    model: str,
    strength: float | Strength = 1.0,
    force: bool = False,
    engine: str | None = None,
    fast: bool = False,
    exact: bool = False,
    threads: int | None = None,
) -> int:
    """Denoises pictures and says how many.

    Args:
        inputs: See `kdae.denoise.plan.plan`.
        out: See `kdae.denoise.plan.plan`.
        model: See `kdae.load`, as for `engine`, `fast`, `exact` and `threads`.
        strength: 0 (nothing) to 1, or a `kdae.Strength`.
        force: Whether to make all anew, and to replace files that exist.
        engine: `litert`, `keras` or None.
        fast: Whether to calculate in 8 bits.
        exact: Whether tiles get all the context that the network sees.
        threads: The number of threads, or None.

    Returns:
        The exit status: 0, or 1 if a picture failed.

    Raises:
        UserError: If nothing can be begun.
    """
    jobs = plan(inputs, out)
    place = Path(out).expanduser()
    journal, todo = None, jobs
    settings = Settings.of(model, strength, engine=engine, fast=fast, exact=exact)
    if jobs[0].target != place:
        journal = Journal(place, settings)
    if journal and not force:
        todo = journal.pending(jobs)
    elif not force:
        refuse_existing(jobs, out)
    failed = 0
    if todo:
        denoiser = load(model, engine=engine, fast=fast, threads=threads, exact=exact)
        failed = _run(denoiser, strength, jobs, todo, journal)
    done = len(todo) - failed
    print(
        f"{done} of {len(todo)} pictures denoised, into {out}"
        + (f"; {len(jobs) - len(todo)} were done before" if len(todo) < len(jobs) else "")
        + (f"; {journal.path} says what failed" if failed and journal else "")
    )
    return 1 if failed else 0


def _run(
    denoiser: Denoiser,
    strength: float | Strength,
    jobs: list[Job],
    todo: list[Job],
    journal: Journal | None,
) -> int:
    """Denoises what is to do, with a progress bar; returns how many failed."""
    failed = 0
    bar_format = "{l_bar}{bar}| {n:.1f}/{total} pictures [{elapsed}<{remaining}]"
    before = len(jobs) - len(todo)
    # disable=None: no bar where nobody watches, such as in a log file.
    with (
        journal.recording() if journal else nullcontext(),
        tqdm(total=len(jobs), initial=before, disable=None, bar_format=bar_format) as bar,
    ):

        def finished(result: Result) -> None:
            nonlocal failed
            if result.reason:
                bar.write(f"error: {' '.join(result.reason.split())}", file=sys.stderr)
                failed += 1

        denoise_files(
            denoiser, todo, strength, finished=finished, journal=journal, progress=bar.update
        )
    return failed
