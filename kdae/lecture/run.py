"""Measures the claims one by one and writes the page again after each."""

from __future__ import annotations

import importlib
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

import kdae
from kdae.files import replace_file
from kdae.lecture import CLAIMS
from kdae.lecture.lab import Lab
from kdae.lecture.report import Entry, as_html, as_json


def lecture(names: Sequence[str], out: Path, quick: bool) -> list[Entry]:
    """Measures claims and writes `report.html` and `report.json` again after each.

    Args:
        names: Names of claims, from `kdae.lecture.CLAIMS`.
        out: The folder of the report. Training runs that it holds are used again.
        quick: Whether to cut every experiment to seconds. The figures then mean nothing.

    Returns:
        The claims on the page, in the order of `names`.
    """
    lab = Lab(out, quick)
    out.mkdir(parents=True, exist_ok=True)
    seeds = "one seed" if quick else f"{len(lab.seeds)} seeds; the range over them as a band"
    about = f"kdae {kdae.__version__}. Where nets are trained: {seeds}, or in brackets."
    entries: list[Entry] = []
    for name in (bar := tqdm(names, unit="claim", disable=None)):
        bar.set_description(name)
        module = importlib.import_module(f"kdae.lecture.claims.{name}")
        start = time.perf_counter()
        outcome = module.run(lab)
        seconds = time.perf_counter() - start
        words = ["python", "-m", "kdae.lecture", name, *["--quick"] * quick]
        file = f"kdae/lecture/claims/{name}.py"
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
