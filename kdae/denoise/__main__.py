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
from kdae.denoise.options import KEPT, add_output, output_of
from kdae.denoise.output import Output, passed_over
from kdae.denoise.plan import Job, in_place, plan
from kdae.denoise.stream import Result, denoise_files
from kdae.errors import check_share, run_main

_MORE = f"""\
A folder is searched with its subfolders, whose structure the output folder keeps; files that
are no pictures by their name, and the output folder itself if it lies inside, are passed over.
Pictures of kinds that are not read are counted at the end. Two pictures that would become the
same file keep both names (a.gif beside a.png becomes a.gif.png) or are an error before anything
is done. What a written file will not keep is said in a line before it is written.

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
        epilog=f"{_MORE}\n\n{KEPT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", nargs="+", help="picture, folder of pictures, or pattern")
    parser.add_argument("-o", "--out", help="folder; or a file, if the input is a single file")
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
    add_output(parser)
    args = parser.parse_args(argv)
    check_share("--strength", args.strength)
    output, ending = output_of(args)
    if args.out is None:
        return _in_place(args.input, args.model, args.strength, output)
    jobs = plan(args.input, args.out, ending=ending, suffix=args.suffix)
    out = Path(args.out).expanduser()
    journal, todo = None, jobs
    if jobs[0].target != out:
        journal = Journal(out, Settings.of(args.model, args.strength))
    if journal and not args.force:
        todo = journal.pending(jobs)
    elif not args.force:
        refuse_existing(jobs, args.out)
    failed = _run(args.model, args.strength, jobs, todo, journal, output) if todo else 0
    done = len(todo) - failed
    print(
        f"{done} of {len(todo)} pictures denoised, into {args.out}"
        + (f"; {len(jobs) - len(todo)} were done before" if len(todo) < len(jobs) else "")
        + (f"; {journal.path} says what failed" if failed and journal else "")
    )
    _say_passed_over(args.input)
    return 1 if failed else 0


def _in_place(inputs: list[str], model: str, strength: float, output: Output) -> int:
    """Replaces pictures by their denoised copies."""
    jobs = in_place(inputs)
    kept = [output.backup_of(job) for job in jobs]
    todo = [
        job for job, backup in zip(jobs, kept, strict=True) if not (backup and backup.exists())
    ]
    failed = _run(model, strength, jobs, todo, None, output) if todo else 0
    print(
        f"{len(todo) - failed} of {len(todo)} pictures denoised, in place"
        + (f"; {len(jobs) - len(todo)} have a backup already" if len(todo) < len(jobs) else "")
    )
    _say_passed_over(inputs)
    return 1 if failed else 0


def _say_passed_over(inputs: list[str]) -> None:
    if words := passed_over(inputs):
        print(words)


def _run(
    model: str,
    strength: float,
    jobs: list[Job],
    todo: list[Job],
    journal: Journal | None,
    output: Output,
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


if __name__ == "__main__":
    run_main(main)
