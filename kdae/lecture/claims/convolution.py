"""Claim 3: the arithmetic of convolutions, and the pixels that a unit sees."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.patches import Rectangle

from kdae.cards import DEFAULT_MODEL
from kdae.lecture.exhibits import Exhibit, canvas, curves, pictures, plot, table
from kdae.lecture.lab import Lab
from kdae.lecture.report import Outcome
from kdae.model import ModelConfig, build_denoiser, layer_table, load_model, totals
from kdae.model.geometry import Row, output_size

TITLE = "Convolution arithmetic, and the receptive field drawn"
CLAIM = (
    "Padding, stride and filter size give the output size; a layer turns a block of data, "
    "height by width by channels, into another. The receptive field of a unit, computed layer "
    "by layer, is the square of pixels that can move it; how much they move it is another "
    "matter: the effective receptive field is smaller."
)
READ = ("kdae/model/geometry.py", "kdae/model/network.py")


def run(lab: Lab) -> Outcome:
    """Compares computed sizes and receptive fields with those of real layers and gradients."""
    sizes = _sizes()
    model = build_denoiser(ModelConfig(widths=lab.pick((8, 12, 16), (4, 8)),
                                       blocks=lab.pick((1, 1, 1), (1, 1))), 1)  # fmt: skip
    _all_alive(model)
    multiple = totals(model).size_multiple
    side = -(-2 * totals(model).receptive_field // multiple) * multiple
    rows = [row for row in layer_table(model) if row.kind in ("Conv2D", "DepthToSpace", "Add")]
    measured = {row.name: _support(model, row, side, multiple) for row in rows}
    agree = sum(measured[row.name][0] == row.reach.field for row in rows)

    trained, card = load_model(DEFAULT_MODEL)
    influence = _influence(trained, lab)
    computed = int(card["receptive_field"])
    middle = len(influence) // 2
    squares = list(range(1, len(influence) + 1, 2))
    shares = [
        100 * influence[middle - s // 2 : middle + s // 2 + 1,
                        middle - s // 2 : middle + s // 2 + 1].sum() / influence.sum()
        for s in squares
    ]  # fmt: skip
    effective = next(s for s, share in zip(squares, shares, strict=True) if share >= 95)
    outside = np.abs(np.arange(len(influence)) - middle) > computed
    beyond = influence[outside].sum() / influence.sum()

    outcome = Outcome(
        "The square drawn from the arithmetic closes exactly around the pixels that have a "
        "gradient; most of a trained unit's gradient lies in a small part of it."
    )
    same = sum(row[-1] == row[-2] for row in sizes)
    outcome.check(
        same == len(sizes),
        f"computed output sizes equal those of Keras: {same} of {len(sizes)}",
    )
    outcome.check(
        agree == len(rows),
        f"the computed receptive field is the measured support of the gradient in {agree} of "
        f"{len(rows)} layers, the last {rows[-1].reach.field} pixels wide",
    )
    outcome.check(
        effective < computed,
        f"95 % of the gradient of the trained model {DEFAULT_MODEL} lies in {effective}x"
        f"{effective} pixels; its computed field is {computed}x{computed}",
    )
    outcome.check(beyond == 0, f"nothing reaches beyond the computed field: {beyond:.0e}")
    drawn = [rows[0], rows[len(rows) // 3], rows[-1]]
    scaled = np.sqrt(influence / influence.max())
    outcome.exhibits = [
        table(
            "Output sizes",
            "Sizes along one axis, in pixels; inputs of 8 pixels were compared too.",
            ("input", "filter", "stride", "padding", "computed", "Keras"),
            [row for row in sizes if row[0] == 7],
        ),
        _shapes(model),
        *[_square(row, *measured[row.name][1:], side) for row in drawn],
        table(
            "Layer by layer", "Receptive fields in pixels, computed and measured.",
            ("layer", "kind", "filter", "eff. stride", "computed", "measured"),
            [(r.name, r.kind, r.kernel or "", r.reach.jump, r.reach.field, measured[r.name][0])
             for r in rows],
        ),
        pictures(
            "Effective receptive field",
            "How strongly each pixel moves the middle of the output (white: most; square root, "
            f"mean of several places). The picture is {len(influence)} pixels wide, the "
            f"computed field {computed}.", [(f"model {DEFAULT_MODEL}", scaled)], 280,
        ),
        curves(
            "Share of the gradient in a square",
            f"Half of it is within {squares[int(np.searchsorted(shares, 50))]} pixels.",
            {f"model {DEFAULT_MODEL}": (squares, shares)},
            xlabel="side of the square (pixels)", ylabel="share of the gradient (%)",
        ),
    ]  # fmt: skip
    outcome.numbers = {
        "layers": {r.name: [r.reach.field, measured[r.name][0]] for r in rows},
        "effective_field": effective, "computed_field": computed,
    }  # fmt: skip
    return outcome


def _sizes() -> list[tuple[Any, ...]]:
    """Returns rows (size, kernel, stride, padding, computed size, size in Keras)."""
    rows: list[tuple[Any, ...]] = []
    for size in (7, 8):
        for kernel, stride in ((3, 1), (3, 2), (5, 2)):
            for padding in ("same", "valid", 1):
                x = keras.Input((size, size, 1))
                own = padding if isinstance(padding, str) else "valid"
                y = x if isinstance(padding, str) else keras.layers.ZeroPadding2D(padding)(x)
                y = keras.layers.Conv2D(1, kernel, stride, own)(y)
                computed = output_size(size, kernel, stride, padding)
                rows.append((size, kernel, stride, padding, computed, y.shape[1]))
    return rows


def _all_alive(model: keras.Model) -> None:
    """Makes all weights positive, so that no ReLU and no sum hides a dependence."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if weights := layer.get_weights():
            fan = max(np.prod(weights[0].shape[:-1]), 1)
            weights[0] = rng.uniform(0.5, 1.5, weights[0].shape) / fan
            layer.set_weights(weights)


def _support(model: keras.Model, row: Row, side: int, multiple: int) -> tuple[int, Any, Any]:
    """Measures which pixels have a gradient for a unit of a layer.

    Returns:
        The width in pixels over all phases of the unit; the gradient of one unit, [side, side];
        the place of that unit in its layer.
    """
    part = keras.Model(model.input, model.get_layer(row.name).output)
    jump = row.reach.jump
    start = int(side / 2 / jump)
    lows, highs = [], []
    image = tf.ones([1, side, side, 1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        out = part(image)
        # What a unit sees depends on its place (phase) within one unit of the coarsest scale.
        units = [
            tf.reduce_sum(out[0, i, i]) for i in range(start, start + int(multiple / jump))
        ]
    for place, unit in enumerate(units):
        gradient = np.abs(tape.gradient(unit, image).numpy()[0, :, :, 0])
        seen = np.flatnonzero(gradient.sum(axis=1))
        lows.append(seen[0] - jump * (start + place))
        highs.append(seen[-1] - jump * (start + place))
        if place == 0:
            first = gradient
    return int(max(highs) - min(lows)) + 1, first, start


def _square(row: Row, gradient: np.ndarray, place: int, side: int) -> Exhibit:
    """Draws the computed square over the measured gradient."""
    axes = canvas(4.2, 4.2, xlabel="x (pixels)", ylabel="y (pixels)")
    axes.grid(visible=False)
    axes.imshow(np.sqrt(gradient / gradient.max()), cmap="viridis")
    low = float(row.reach.jump * place + row.reach.low) - 0.5
    axes.add_patch(
        Rectangle((low, low), row.reach.field, row.reach.field, fill=False, ec="#e0301a", lw=2)
    )
    return plot(
        axes, f"{row.name}: {row.reach.field} pixels",
        "Square: computed field, over all phases. Colour: size of the measured gradient of one "
        "unit (square root; darkest is 0).",
    )  # fmt: skip


def _shapes(model: keras.Model, side: int = 64) -> Exhibit:
    """Draws the output of each layer for one picture as a rectangle."""
    axes = canvas(9.0, 3.4)
    axes.axis("off")
    x = 0.0
    for row in layer_table(model):
        if row.kind in ("Conv2D", "DepthToSpace"):
            height = float(side / row.reach.jump)
            width = 1.5 * np.sqrt(row.filters)
            axes.add_patch(Rectangle((x, -height / 2), width, height, alpha=0.6, ec="none"))
            axes.text(
                x + width / 2, height / 2 + 2, f"{height:g}²x{row.filters}",
                ha="center", fontsize=7, rotation=90, va="bottom",
            )  # fmt: skip
            x += width + 2.5
    axes.set(xlim=(-1, x), ylim=(-side / 2 - 2, side / 2 + 26))
    title = "Data blocks"
    caption = (
        f"Height and width in pixels, times channels, of a {side}x{side} picture's layers."
    )
    exhibit = plot(axes, title, caption)
    body = f'<div class="scroll" tabindex="0">{exhibit.body}</div>'
    return Exhibit(title, caption, body, wide=True)


def _influence(model: keras.Model, lab: Lab) -> np.ndarray:
    """Returns the mean absolute gradient of a middle output pixel for each input pixel."""
    field = totals(model).receptive_field
    multiple = totals(model).size_multiple
    side = lab.pick(-(-(field + multiple) // (2 * multiple)) * 2 * multiple, 8 * multiple)
    total = np.zeros((side - 1, side - 1))
    rng = np.random.default_rng(0)
    for photo in lab.photos(lab.pick(7, 1), channels=model.input_shape[-1]):
        noisy = tf.constant(photo[None, :side, :side] + rng.normal(0, 0.05, (1, side, side, 1)),
                            tf.float32)  # fmt: skip
        for shift in (0, 1):
            with tf.GradientTape() as tape:
                tape.watch(noisy)
                unit = tf.reduce_sum(model(noisy)[0, side // 2 - shift, side // 2 - shift])
            gradient = np.abs(tape.gradient(unit, noisy).numpy()[0]).sum(axis=-1)
            total += gradient[1 - shift :, 1 - shift :][: side - 1, : side - 1]
    return total
