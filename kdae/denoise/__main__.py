"""Denoises files and folders: `python -m kdae.denoise INPUT... -o OUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from kdae.cards import DEFAULT_MODEL, KERAS, LITERT
from kdae.denoise.journal import JOURNAL, Journal, Settings, refuse_existing
from kdae.denoise.plan import Job, plan
from kdae.denoise.stream import Result, denoise_files
from kdae.errors import check_share, check_threads, run_main

if TYPE_CHECKING:
    from kdae.engine import Denoiser

_MORE = f"""\
A folder is searched with its subfolders, whose structure the output folder keeps; files that
are no pictures by their name, and the output folder itself if it lies inside, are passed over.
Two pictures that would become the same file are an error before anything is done.

The same command goes on where it was stopped (Ctrl-C, kill, power): a picture is in its place
when it is whole, and what is done is left out. {JOURNAL} in the output folder has a
line of JSON for each: file, output, status (done or failed), reason, seconds, bytes and
modified (of the file), model, digest (of the model file), strength, exact. Pictures that failed
are tried again, those changed since are made anew; what another model, strength or engine made,
and what is not from here, is replaced with --force only.

Ends with 0 if all pictures are done, 1 if some failed, 2 if the arguments are wrong or nothing
could be begun, 130 after Ctrl-C."""

_FAST = """calculate in 8 bits (shipped models, litert); what this costs and brings is in
docs/speed.md, `kdae benchmark engines` measures it on this machine"""


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
        help="name of a shipped model, .tflite file, run folder or .keras file "
        f"({DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="0..1", help="of the denoising (1)"
    )
    parser.add_argument(
        "--force", action="store_true", help="make all anew and replace files that exist"
    )
    parser.add_argument(
        "--engine",
        choices=[LITERT, KERAS],
        help="what runs the model (litert for shipped models and .tflite files, else keras)",
    )
    parser.add_argument("--fast", action="store_true", help=_FAST)
    parser.add_argument(
        "--exact",
        action="store_true",
        help="give tiles all the context that the network sees; without, no value moves by "
        "more than a quarter of a level of 255",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="of the model (one per processor)"
    )
    args = parser.parse_args(argv)
    check_share("--strength", args.strength)
    check_threads("--threads", args.threads)
    jobs = plan(args.input, args.out)
    out = Path(args.out).expanduser()
    journal, todo = None, jobs
    choice = {"engine": args.engine, "fast": args.fast, "exact": args.exact}
    settings = Settings.of(args.model, args.strength, **choice)
    if jobs[0].target != out:
        journal = Journal(out, settings)
    if journal and not args.force:
        todo = journal.pending(jobs)
    elif not args.force:
        refuse_existing(jobs, args.out)
    failed = 0
    if todo:
        # Not at the top: the arguments may be wrong, and a help text needs no model.
        from kdae.engine import load

        denoiser = load(args.model, threads=args.threads, **choice)
        failed = _run(denoiser, args.strength, jobs, todo, journal)
    done = len(todo) - failed
    print(
        f"{done} of {len(todo)} pictures denoised, into {args.out}"
        + (f"; {len(jobs) - len(todo)} were done before" if len(todo) < len(jobs) else "")
        + (f"; {journal.path} says what failed" if failed and journal else "")
    )
    return 1 if failed else 0


def _run(
    denoiser: Denoiser,
    strength: float,
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


if __name__ == "__main__":
    run_main(main)
