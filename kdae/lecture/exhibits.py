"""Makes the plots, pictures and tables of the lecture's page, as HTML."""

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

# Plots are drawn in this colour, which is then replaced by the text colour of the page, so that
# they can be read on a light and on a dark background.
_INK = "#010203"
_STYLE: Any = {
    "svg.fonttype": "none", "font.size": 10.5, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "figure.facecolor": "none",
    "axes.facecolor": "none", "text.color": _INK, "axes.labelcolor": _INK,
    "axes.edgecolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
    # Mid-tones can be read on white and on black. Colour-blind readers can tell these apart.
    "axes.prop_cycle": plt.cycler(
        color=["#1f83c9", "#e0701a", "#2a9d5c", "#b0579f", "#8a8f98", "#c9a227"],
        marker=["o", "s", "^", "D", "v", "P"],
    ),
    "lines.markersize": 4.5,
}  # fmt: skip
_DOTS = 30  # a line with more points has no markers
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_SMALL = 64  # pixels; pictures up to this size are stored as PNG and enlarged without smoothing


@dataclass(frozen=True)
class Exhibit:
    """A plot, a row of pictures or a table on the page.

    Attributes:
        title: The heading.
        caption: A sentence on what to see.
        body: The HTML.
        wide: Whether it takes the whole width of the page.
    """

    title: str
    caption: str
    body: str
    wide: bool = False


def canvas(width: float = 5.2, height: float = 3.5, **labels: Any) -> Any:
    """Returns Matplotlib axes to draw on; `plot` then makes an exhibit of them.

    Args:
        width: The width in inches.
        height: The height in inches.
        labels: Properties of the axes: `xlabel`, `ylabel`, `xscale` and so on.
    """
    with plt.rc_context(_STYLE):
        _, axes = plt.subplots(figsize=(width, height), layout="constrained")
        axes.grid(color=_INK, alpha=0.15)
        axes.set(**labels)
        return axes


def plot(axes: Any, title: str, caption: str, **legend: Any) -> Exhibit:
    """Returns the plot on `axes` as an exhibit (SVG) and closes its figure.

    Args:
        axes: From `canvas`.
        title: The heading.
        caption: A sentence on what to see.
        legend: Options of the legend, which is shown if anything on the axes has a label.
    """
    buffer = io.StringIO()
    with plt.rc_context({**_STYLE, "svg.hashsalt": title}):
        for text in axes.texts:  # claims add text outside of the style
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
    """Plots lines. With several seeds a line is their mean, and a band shows their range.

    Args:
        title: The heading.
        caption: A sentence on what to see.
        lines: A dict from name to (x, y). x has the shape [n], y the shape [n] or [seeds, n].
        labels: Properties of the axes: `xlabel` and `ylabel` with units, `xscale`, `yscale`.
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
    """Shows pictures side by side.

    Args:
        title: The heading.
        caption: A sentence on what to see.
        shown: The label of each picture and its values in [0, 1], of the shape [H, W],
            [H, W, 1] or [H, W, 3].
        size: The width of one picture on the page, in CSS pixels.
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
    """Shows a table. Floats are written with two digits after the point.

    Args:
        title: The heading.
        caption: A sentence on what to see.
        head: The heading of each column.
        rows: The cells of each row. The first cell names the row.
    """

    def cell(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else html.escape(str(value))

    lines = ["<tr>" + "".join(f'<th scope="col">{html.escape(h)}</th>' for h in head) + "</tr>"]
    for first, *rest in rows:
        cells = "".join(f"<td>{cell(value)}</td>" for value in rest)
        lines.append(f'<tr><th scope="row">{cell(first)}</th>{cells}</tr>')
    body = f'<div class="scroll" tabindex="0"><table>{"".join(lines)}</table></div>'
    return Exhibit(title, caption, body, wide=len(head) > 4)


def mean_range(values: Any, digits: int = 2, unit: str = "") -> str:
    """Returns the mean and the range of figures as text: `29.10 dB (29.02 to 29.21)`.

    Args:
        values: One figure per seed.
        digits: The number of digits after the point.
        unit: The unit, which follows the mean.
    """
    values = np.asarray(values, float)
    unit = f" {unit}" if unit else ""
    text = f"{values.mean():.{digits}f}{unit}"
    if values.size > 1 and values.max() > values.min():
        text += f" ({values.min():.{digits}f} to {values.max():.{digits}f})"
    return text
