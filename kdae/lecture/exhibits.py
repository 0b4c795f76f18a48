"""The figures of the lecture's page, as HTML: plots, pictures and tables."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
class Exhibit:
    """One figure of the page: a title, a sentence on what to see, and its HTML."""

    title: str
    caption: str
    body: str
    wide: bool = False


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
