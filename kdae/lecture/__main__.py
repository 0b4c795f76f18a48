"""Measures claims: `python -m kdae.lecture [CLAIM ...] [--out DIR] [--quick]`."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from pathlib import Path

from kdae.errors import UserError, interrupt, run_main
from kdae.lecture import CLAIMS


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m kdae.lecture", description=__doc__)
    listed = ", ".join(f"{i} {name}" for i, name in enumerate(CLAIMS, 1))
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"default: all ({listed})")
    parser.add_argument("--out", type=Path, help="default: runs/lecture, or runs/lecture-quick")
    parser.add_argument("--quick", action="store_true", help="only check that everything runs")
    args = parser.parse_args(argv)
    # Not at the top: TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.lecture.run import lecture

    by_number = {str(i): name for i, name in enumerate(CLAIMS, 1)}
    names = [by_number.get(claim, claim) for claim in args.claims] or list(CLAIMS)
    for name in names:
        if name not in CLAIMS:
            raise UserError(f"CLAIM: expected one of {listed}, got {name!r}")
    out = args.out or Path("runs") / ("lecture-quick" if args.quick else "lecture")
    signal.signal(signal.SIGTERM, interrupt)
    entries = lecture(names, out, args.quick)
    failed = sum(entry.outcome.failed for entry in entries)
    total = sum(len(entry.outcome.checks) for entry in entries)
    print(f"{out / 'report.html'}: {total - failed} of {total} statements hold")
    return 0


if __name__ == "__main__":
    run_main(main)
