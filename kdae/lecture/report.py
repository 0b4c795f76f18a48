"""What a claim shows, and the page of all of them: one HTML file that needs nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np

from kdae.lecture.exhibits import Exhibit


@dataclass(frozen=True)
class Check:
    """A statement of the lecture, with the figures that speak for or against it."""

    text: str
    holds: bool


@dataclass
class Outcome:
    """What a claim's experiment gave.

    Attributes:
        see: one sentence on what to see.
        checks: what was tested, and whether it holds.
        exhibits: plots, pictures and tables.
        numbers: all figures, for the JSON.
    """

    see: str
    checks: list[Check] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def check(self, holds: bool | np.bool_, text: str) -> None:
        """Adds a statement and whether it holds."""
        self.checks.append(Check(text, bool(holds)))


@dataclass(frozen=True)
class Entry:
    """A claim on the page."""

    number: int
    name: str
    title: str
    claim: str
    read: Sequence[str]
    command: str
    seconds: float
    outcome: Outcome


def as_html(entries: Sequence[Entry], about: str, quick: bool) -> str:
    """The page."""
    template = (resources.files("kdae.lecture") / "page.html").read_text(encoding="utf-8")
    warning = (
        '<p class="warning">Made with <code>--quick</code>: every experiment was cut to '
        "seconds to see that it runs. Its figures and verdicts mean nothing.</p>"
    )
    contents = "".join(
        f'<li value="{e.number}"><a href="#{e.name}">{html.escape(e.title)}</a> '
        f"{_verdict(e.outcome)}</li>"
        for e in entries
    )
    parts = {
        "ABOUT": html.escape(about),
        "WARNING": warning if quick else "",
        "CONTENTS": contents,
        "CLAIMS": "".join(_section(entry) for entry in entries),
    }
    for key, value in parts.items():
        template = template.replace(f"<!--{key}-->", value)
    return template


def as_json(entries: Sequence[Entry], about: str, quick: bool) -> str:
    """All figures and verdicts."""
    claims = [
        {
            "number": e.number,
            "name": e.name,
            "title": e.title,
            "claim": e.claim,
            "checks": [{"text": c.text, "holds": c.holds} for c in e.outcome.checks],
            "numbers": e.outcome.numbers,
            "seconds": round(e.seconds, 1),
            "command": e.command,
        }
        for e in entries
    ]
    content = {"about": about, "quick": quick, "claims": claims}
    return json.dumps(content, indent=1, default=_plain) + "\n"


def _section(entry: Entry) -> str:
    checks = "".join(
        f'<li class="{"holds" if c.holds else "fails"}">'
        f"<b>{'Holds' if c.holds else 'Does not hold'}:</b> {html.escape(c.text)}</li>"
        for c in entry.outcome.checks
    )
    exhibits = "".join(
        f'<section class="exhibit{" wide" if x.wide else ""}"><h3>{html.escape(x.title)}</h3>'
        f"{x.body}<p>{html.escape(x.caption)}</p></section>"
        for x in entry.outcome.exhibits
    )
    read = ", ".join(f"<code>{html.escape(path)}</code>" for path in entry.read)
    return (
        f'<article id="{entry.name}"><h2><span>{entry.number}</span> '
        f"{html.escape(entry.title)}</h2><blockquote>{html.escape(entry.claim)}</blockquote>"
        f'<p class="see">{html.escape(entry.outcome.see)}</p><ul class="checks">{checks}</ul>'
        f'<div class="exhibits">{exhibits}</div><p class="code">Code: {read}. '
        f"Command: <code>{html.escape(entry.command)}</code> ({entry.seconds:.0f} s)</p>"
        "</article>"
    )


def _verdict(outcome: Outcome) -> str:
    failed = sum(not check.holds for check in outcome.checks)
    total = len(outcome.checks)
    if failed == 0:
        return f'<span class="holds">holds in all {total} points</span>'
    return f'<span class="fails">does not hold in {failed} of {total} points</span>'


def _plain(value: Any) -> Any:
    """NumPy values for `json`."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
