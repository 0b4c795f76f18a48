"""What a claim shows, and the page of all of them: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from kdae.images import from_float

# Drawn in this colour, then replaced by the page's own: plots are read in light and dark.
_INK = "#010203"
_STYLE: Any = {
    "svg.fonttype": "none", "font.size": 10.5, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "figure.facecolor": "none",
    "axes.facecolor": "none", "text.color": _INK, "axes.labelcolor": _INK,
    "axes.edgecolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
    # Mid-tones, legible on white and on black, told apart by the colour-blind.
    "axes.prop_cycle": plt.cycler(
        color=["#1f83c9", "#e0701a", "#2a9d5c", "#b0579f", "#8a8f98", "#c9a227"],
        marker=["o", "s", "^", "D", "v", "P"],
    ),
    "lines.markersize": 4.5,
}  # fmt: skip
_DOTS = 30  # points of a line, at most, that are marked
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_SMALL = 64  # pixels: pictures up to here are enlarged without smoothing, and kept exactly


@dataclass(frozen=True)
class Check:
    """A statement of the lecture, with the figures that speak for or against it."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Exhibit:
    """One figure of the page: a title, a sentence on what to see, and its HTML."""

    title: str
    caption: str
    body: str
    wide: bool = False


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


def canvas(width: float = 5.2, height: float = 3.5, **labels: Any) -> Any:
    """Axes to draw on, with `xlabel`, `ylabel`, `xscale`, ... set; then call `plot`."""
    with plt.rc_context(_STYLE):
        _, axes = plt.subplots(figsize=(width, height), layout="constrained")
        axes.grid(color=_INK, alpha=0.15)
        axes.set(**labels)
        return axes


def plot(axes: Any, title: str, caption: str, **legend: Any) -> Exhibit:
    """The figure of `axes` as an exhibit, with options for its legend; it is closed."""
    buffer = io.StringIO()
    with plt.rc_context({**_STYLE, "svg.hashsalt": title}):
        for text in axes.texts:  # made by claims, outside of the style
            text.set_color(_INK)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(**legend)
        axes.figure.savefig(buffer, format="svg", metadata=_NO_METADATA, transparent=True)
    plt.close(axes.figure)
    text = buffer.getvalue()
    text = re.sub(r"<!--.*?-->", "", text[text.index("<svg") :]).replace(_INK, "currentColor")
    start = f'<svg role="img" aria-label="{html.escape(title)}" '
    return Exhibit(title, caption, start + text.removeprefix("<svg "))


def curves(
    title: str,
    caption: str,
    lines: Mapping[str, tuple[Any, Any]],
    **labels: Any,
) -> Exhibit:
    """A plot of lines; of several seeds the mean, and the range as a band.

    Args:
        title: of the plot.
        caption: what to see.
        lines: name -> (x, y); y [n] or [seeds, n].
        labels: `xlabel` and `ylabel` with units, scales.
    """
    axes = canvas(**labels)
    if labels.get("xscale") == "log":
        ticks = next(iter(lines.values()))[0]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.minorticks_off()
    for name, (x, values) in lines.items():
        y = np.atleast_2d(np.asarray(values, float))
        dots = {} if len(x) <= _DOTS else {"marker": ""}
        (line,) = axes.plot(x, y.mean(axis=0), label=name, **dots)
        if len(y) > 1:
            low, high = y.min(axis=0), y.max(axis=0)
            axes.fill_between(x, low, high, color=line.get_color(), alpha=0.2, lw=0)
    return plot(axes, title, caption)


def pictures(
    title: str, caption: str, shown: Sequence[tuple[str, Any]], size: int = 128
) -> Exhibit:
    """Pictures side by side.

    Args:
        title: of the whole.
        caption: what to see.
        shown: (label, [H, W], [H, W, 1] or [H, W, 3] in [0, 1]) each.
        size: width of one on the page, in CSS pixels.
    """
    cells = []
    for label, image in shown:
        array = np.asarray(image, np.float32)
        pixels = from_float(array[..., 0] if array.shape[-1:] == (1,) else array, np.uint8)
        small = max(pixels.shape[:2]) <= _SMALL
        buffer = io.BytesIO()
        kind, options = ("png", {}) if small else ("webp", {"quality": 90})
        Image.fromarray(pixels).save(buffer, kind, **options)
        data = base64.b64encode(buffer.getvalue()).decode()
        about = html.escape(f"{title}: {label}")
        look = ' class="small"' if small else ""
        cells.append(
            f'<figure{look}><img src="data:image/{kind};base64,{data}" alt="{about}" '
            f'width="{pixels.shape[1]}" height="{pixels.shape[0]}">'
            f"<figcaption>{html.escape(label)}</figcaption></figure>"
        )
    body = f'<div class="pictures" style="--size:{size}px">{"".join(cells)}</div>'
    return Exhibit(title, caption, body, wide=True)


def table(
    title: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]]
) -> Exhibit:
    """A table; floats are shown with two digits after the point."""

    def cell(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else html.escape(str(value))

    lines = ["<tr>" + "".join(f'<th scope="col">{html.escape(h)}</th>' for h in head) + "</tr>"]
    for first, *rest in rows:
        cells = "".join(f"<td>{cell(value)}</td>" for value in rest)
        lines.append(f'<tr><th scope="row">{cell(first)}</th>{cells}</tr>')
    body = f'<div class="scroll" tabindex="0"><table>{"".join(lines)}</table></div>'
    return Exhibit(title, caption, body, wide=len(head) > 4)


def mean_range(values: Any, digits: int = 2, unit: str = "") -> str:
    """The mean of the seeds' figures, and their range: `29.10 dB (29.02 to 29.21)`."""
    values = np.asarray(values, float)
    unit = f" {unit}" if unit else ""
    text = f"{values.mean():.{digits}f}{unit}"
    if values.size > 1 and values.max() > values.min():
        text += f" ({values.min():.{digits}f} to {values.max():.{digits}f})"
    return text


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
