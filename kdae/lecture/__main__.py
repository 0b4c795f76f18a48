"""Runs the claims: `python -m kdae.lecture [CLAIM ...] [--out DIR] [--quick]`."""

from __future__ import annotations

import argparse
import importlib
import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

import kdae
from kdae.errors import UserError, run_main
from kdae.lecture import CLAIMS
from kdae.lecture.lab import Lab
from kdae.lecture.report import Entry, as_html, as_json
from kdae.runs import replace_file


def lecture(names: Sequence[str], out: Path, quick: bool) -> list[Entry]:
    """Measures claims and writes `report.html` and `report.json`, anew after each.

    Args:
        names: of claims, from `kdae.lecture.CLAIMS`.
        out: the folder; training runs in it are used again.
        quick: cut everything to seconds.

    Returns:
        What is on the page.
    """
    lab = Lab(out, quick)
    out.mkdir(parents=True, exist_ok=True)
    seeds = "one seed" if quick else f"{len(lab.seeds)} seeds; the range over them as a band"
    about = f"kdae {kdae.__version__}. Where nets are trained: {seeds}, or in brackets."
    entries: list[Entry] = []
    for name in (bar := tqdm(names, unit="claim", disable=None)):
        bar.set_description(name)
        module = importlib.import_module(f"kdae.lecture.{name}")
        start = time.perf_counter()
        outcome = module.run(lab)
        seconds = time.perf_counter() - start
        words = ["python", "-m", "kdae.lecture", name, *["--quick"] * quick]
        file = f"kdae/lecture/{name}.py"
        entries.append(
            Entry(
                CLAIMS.index(name) + 1, name, module.TITLE, module.CLAIM, (file, *module.READ),
                shlex.join(words), seconds, outcome,
            )
        )  # fmt: skip
        for suffix, text in {"html": as_html, "json": as_json}.items():
            page = text(entries, about, quick)
            replace_file(out / f"report.{suffix}", lambda p: p.write_text(page, "utf-8"))  # noqa: B023
        for check in outcome.checks:
            tqdm.write(f"{name}: {'holds' if check.holds else 'DOES NOT HOLD'}: {check.text}")
    return entries


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m kdae.lecture", description=__doc__)
    listed = ", ".join(f"{i} {name}" for i, name in enumerate(CLAIMS, 1))
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"default: all ({listed})")
    parser.add_argument("--out", type=Path, help="default: runs/lecture, or runs/lecture-quick")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    args = parser.parse_args(argv)
    by_number = {str(i): name for i, name in enumerate(CLAIMS, 1)}
    names = [by_number.get(claim, claim) for claim in args.claims] or list(CLAIMS)
    for name in names:
        if name not in CLAIMS:
            raise UserError(f"CLAIM: expected one of {listed}, got {name!r}")
    out = args.out or Path("runs") / ("lecture-quick" if args.quick else "lecture")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    entries = lecture(names, out, args.quick)
    failed = sum(not check.holds for entry in entries for check in entry.outcome.checks)
    total = sum(len(entry.outcome.checks) for entry in entries)
    print(f"{out / 'report.html'}: {total - failed} of {total} statements hold")
    return 0


if __name__ == "__main__":
    run_main(main)
