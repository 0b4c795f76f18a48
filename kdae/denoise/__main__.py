"""Denoises files and folders: `python -m kdae.denoise INPUT... -o OUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from tqdm import tqdm

from kdae.cards import DEFAULT_MODEL
from kdae.denoise.journal import JOURNAL, Journal, Settings, refuse_existing
from kdae.denoise.plan import Job, plan
from kdae.denoise.stream import Result, denoise_files
from kdae.errors import check_share, run_main

_MORE = f"""\
A folder is searched with its subfolders, whose structure the output folder keeps; files that
are no pictures by their name, and the output folder itself if it lies inside, are passed over.
Two pictures that would become the same file are an error before anything is done.

The same command goes on where it was stopped (Ctrl-C, kill, power): a picture is in its place
when it is whole, and what is done is left out. {JOURNAL} in the output folder has a
line of JSON for each: file, output, status (done or failed), reason, seconds, bytes and
modified (of the file), model, digest (of the model), strength. Pictures that failed are tried
again, those changed since are made anew; what another model or strength made, and what is not
from here, is replaced with --force only.

Ends with 0 if all pictures are done, 1 if some failed, 2 if the arguments are wrong or nothing
could be begun, 130 after Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if a picture failed."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.denoise",
        description=__doc__,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    parser.add_argument(
        "--force", action="store_true", help="make all anew and replace files that exist"
    )
    args = parser.parse_args(argv)
    check_share("--strength", args.strength)
    jobs = plan(args.input, args.out)
    out = Path(args.out).expanduser()
    journal, todo = None, jobs
    if jobs[0].target != out:
        journal = Journal(out, Settings.of(args.model, args.strength))
    if journal and not args.force:
        todo = journal.pending(jobs)
    elif not args.force:
        refuse_existing(jobs, args.out)
    failed = _run(args.model, args.strength, jobs, todo, journal) if todo else 0
    done = len(todo) - failed
    print(
        f"{done} of {len(todo)} pictures denoised, into {args.out}"
        + (f"; {len(jobs) - len(todo)} were done before" if len(todo) < len(jobs) else "")
        + (f"; {journal.path} says what failed" if failed and journal else "")
    )
    return 1 if failed else 0


def _run(
    model: str, strength: float, jobs: list[Job], todo: list[Job], journal: Journal | None
) -> int:
    """Denoises what is to do, with a progress bar; returns how many failed."""
    # Not at the top: TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.engine import load

    denoiser = load(model)
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


if __name__ == "__main__":
    run_main(main)
