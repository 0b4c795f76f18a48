"""The results of the claims, and the page that shows them: a single HTML file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import jinja2
import numpy as np

from kdae.lecture.exhibits import Exhibit


@dataclass(frozen=True)
class Check:
    """A statement of the lecture that was tested.

    Attributes:
        text: The statement, with the measured numbers.
        holds: Whether the numbers confirm it.
    """

    text: str
    holds: bool


@dataclass
class Outcome:
    """The result of a claim's experiment.

    Attributes:
        see: One sentence that says what to look at in the exhibits.
        checks: The statements that were tested.
        exhibits: Plots, pictures and tables.
        numbers: All figures, for the JSON file. May hold NumPy arrays and scalars.
    """

    see: str
    checks: list[Check] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def check(self, holds: bool | np.bool_, text: str) -> None:
        """Adds a statement and whether it holds."""
        self.checks.append(Check(text, bool(holds)))

    @property
    def failed(self) -> int:
        """The number of statements that do not hold."""
        return sum(not check.holds for check in self.checks)


@dataclass(frozen=True)
class Entry:
    """A claim on the page.

    Attributes:
        number: The place of the claim in the lecture, from 1.
        name: The name of the claim, as in `kdae.lecture.CLAIMS`.
        title: The heading.
        claim: The words of the lecture.
        read: Paths of the code that the claim is about.
        command: The command that measures the claim.
        seconds: The time that the experiment took, by the clock.
        outcome: The result.
    """

    number: int
    name: str
    title: str
    claim: str
    read: Sequence[str]
    command: str
    seconds: float
    outcome: Outcome


def as_html(entries: Sequence[Entry], about: str, quick: bool) -> str:
    """Returns the page as HTML.

    Args:
        entries: The claims, in the order of the page.
        about: A sentence on how they were measured.
        quick: Whether the experiments were cut to seconds. The page then warns of its figures.
    """
    template = (resources.files("kdae.lecture") / "page.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(template).render(entries=entries, about=about, quick=quick)


def as_json(entries: Sequence[Entry], about: str, quick: bool) -> str:
    """Returns all figures and verdicts as JSON; see `as_html` for the arguments."""
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


def _plain(value: Any) -> Any:
    """Converts NumPy values for `json`."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
