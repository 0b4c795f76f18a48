"""Denoises files and folders, with a progress bar and a journal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from kdae.denoise.journal import Journal, Settings, refuse_existing
from kdae.denoise.output import Output, passed_over
from kdae.denoise.plan import Job, plan
from kdae.denoise.plan import in_place as plan_in_place
from kdae.denoise.stream import Result, denoise_files
from kdae.engine import load

if TYPE_CHECKING:
    from kdae.engine import Denoiser, Strength


def run(
    inputs: Sequence[str],
    out: str | None,
    *,
    model: str,
    strength: float | Strength = 1.0,
    force: bool = False,
    engine: str | None = None,
    fast: bool = False,
    exact: bool = False,
    threads: int | None = None,
    quality: int | None = None,
    strip: bool = False,
    strip_place: bool = False,
    in_place: str | None = None,
    ending: str | None = None,
    suffix: str = "",
) -> int:
    """Denoises pictures and says how many.

    Args:
        inputs: See `kdae.denoise.plan.plan`.
        out: See `kdae.denoise.plan.plan`. None with `in_place`.
        model: See `kdae.load`, as for `engine`, `fast`, `exact` and `threads`.
        strength: 0 (nothing) to 1, or a `kdae.Strength`.
        force: Whether to make all anew, and to replace files that exist.
        engine: `litert`, `keras`, `onnx` or None.
        fast: Whether to calculate in 8 bits.
        exact: Whether tiles get all the context that the network sees.
        threads: The number of threads, or None.
        quality: See `kdae.denoise.output.Output`, as for `strip`, `strip_place` and `in_place`.
        strip: Whether to leave out metadata.
        strip_place: Whether to leave out the place.
        in_place: Ending of the names of backups, `overwrite`, or None.
        ending: Of all outputs in a folder, or None; see `kdae.denoise.plan.plan`.
        suffix: See `kdae.denoise.plan.plan`.

    Returns:
        The exit status: 0, or 1 if a picture failed.

    Raises:
        UserError: If nothing can be begun.
    """
    output = Output(quality, strip, strip_place, in_place)
    journal = None
    if out is None:
        jobs = plan_in_place(inputs, in_place or "")
        todo = [job for job in jobs if not output.has_backup(job)]
    else:
        jobs = todo = plan(inputs, out, ending=ending, suffix=suffix)
        place = Path(out).expanduser()
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
        failed = _run(denoiser, strength, jobs, todo, journal, output)
    done = len(todo) - failed
    where = "in place" if out is None else f"into {out}"
    print(
        f"{done} of {len(todo)} pictures denoised, {where}"
        + (f"; {len(jobs) - len(todo)} were done before" if len(todo) < len(jobs) else "")
        + (f"; {journal.path} says what failed" if failed and journal else "")
    )
    if words := passed_over(inputs):
        print(words)
    return 1 if failed else 0


def _run(
    denoiser: Denoiser,
    strength: float | Strength,
    jobs: list[Job],
    todo: list[Job],
    journal: Journal | None,
    output: Output,
) -> int:
    """Denoises what is to do, with a progress bar; returns how many failed."""
    failed = 0
    with (
        journal.recording() if journal else nullcontext(),
        _bar(len(jobs), done=len(jobs) - len(todo)) as bar,
    ):

        def finished(result: Result) -> None:
            nonlocal failed
            if result.reason:
                bar.write(f"error: {' '.join(result.reason.split())}", file=sys.stderr)
                failed += 1

        denoise_files(
            denoiser,
            todo,
            strength,
            finished=finished,
            journal=journal,
            progress=bar.update,
            output=output,
            notice=lambda line: bar.write(f"note: {line}", file=sys.stderr),
        )
    return failed


class _NoBar:
    """What stands for the bar where nobody watches, such as in a log file."""

    def update(self, pictures: float) -> None:
        """Shows nothing."""

    def write(self, line: str, file: TextIO) -> None:
        """Writes a line."""
        print(line, file=file)


def _bar(total: int, done: int) -> AbstractContextManager[Any]:
    """Returns a progress bar of pictures, on a terminal."""
    if not sys.stderr.isatty():
        return nullcontext(_NoBar())
    # Only here, as its import takes a twentieth of a second.
    from tqdm import tqdm

    words = "{l_bar}{bar}| {n:.1f}/{total} pictures [{elapsed}<{remaining}]"
    return tqdm(total=total, initial=done, bar_format=words)
