"""Claim 4: deep channels detect patterns of patterns."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kdae.cards import DEFAULT_MODEL
from kdae.lecture.exhibits import Exhibit, curves, mean_range, pictures
from kdae.lecture.lab import Lab, Overrides
from kdae.lecture.probes import PLAIN, net
from kdae.lecture.report import Outcome
from kdae.model import build_denoiser, encoder, layer_table, load_model
from kdae.train.config import config_from_dict

TITLE = "Patterns of patterns"
CLAIM = (
    "The first layer learns to detect edges, bars and spots, though nobody told it to; the "
    "next layers detect patterns of these patterns. What a deep unit stands for is seen in the "
    "patches that excite it most."
)
READ = ("kdae/model/network.py",)
TOP = 7  # patches per channel
# After a short training most of a filter is still as the random start made it. This weight
# decay removes whatever the loss does not need, at little cost in PSNR.
FADING: Overrides = {**PLAIN, "train": {"decoupled_decay": 3.0}}


def run(lab: Lab) -> Outcome:
    """Measures learned filters, and finds the patches that excite deeper channels."""
    trained, untrained, faded = [], [], []
    cost = []
    small: keras.Model = None
    alike: list[list[float]] = []
    chance: list[list[float]] = []
    for seed in lab.seeds:
        model = net(lab, "denoising", seed)
        trained.append(_oriented(model))
        untrained.append(_oriented(net(lab, "untrained", seed)))
        fading = lab.train(FADING, seed=seed)
        faded.append(_oriented(fading.model))
        cost.append(
            lab.train(PLAIN, seed=seed).history("psnr")[-1] - fading.history("psnr")[-1]
        )
        small = small or fading.model
        ours, random = [], []
        for scale in range(2):
            top, any_ = _patches(lab, model, scale, channels=None)
            ours.append(_likeness(top))
            random.append(_likeness(any_))
        alike.append(ours)
        chance.append(random)
    shipped, card = load_model(DEFAULT_MODEL)
    afresh = build_denoiser(config_from_dict({"model": card["model"]}).model, card["channels"])
    outcome = Outcome(
        "Edges, bars and spots among the filters of the net whose random start faded; in each "
        "row of patches, what they have in common is what the channel stands for."
    )
    outcome.check(
        min(faded) > 1.2 * max(untrained),
        "filters learned with a weight decay that lets the random start fade are oriented: "
        f"concentration of their spectrum on one direction {mean_range(faded)} of 1, before "
        f"training {mean_range(untrained)} (the decay costs {mean_range(cost)} dB)",
    )
    outcome.check(
        min(trained) > 1.2 * max(untrained),
        f"and without weight decay: {mean_range(trained)}",
    )
    outcome.check(
        _oriented(shipped) > 1.2 * _oriented(afresh),
        f"so are those of the model {DEFAULT_MODEL}: {_oriented(shipped):.2f}, before training "
        f"{_oriented(afresh):.2f}",
    )
    for scale in range(2):
        ours, random = ([row[scale] for row in rows] for rows in (alike, chance))
        outcome.check(
            min(np.subtract(ours, random)) > 0,
            f"patches that excite a channel of scale 1/{2 ** (scale + 1)} are alike: mean "
            f"correlation {mean_range(ours)}, of random patches {mean_range(random)}",
        )
    names = ("first filters", "scale 1/2", "scale 1/4")
    outcome.exhibits = [
        _filters(small, "a small net trained with weight decay"),
        _filters(net(lab, "denoising", lab.seeds[0]), "the same net without weight decay"),
        _filters(shipped, f"the model {DEFAULT_MODEL}"),
        *[_strips(lab, shipped, k) for k in range(lab.pick(len(encoder(shipped).outputs), 1))],
        curves(
            "How alike the patches of one channel are",
            "Mean correlation of the patches that excite a channel most, over all channels of "
            "the small nets; brightness and contrast of a patch do not count.",
            {"patches that excite it": ([1, 2], alike), "random patches": ([1, 2], chance)},
            xlabel="scale (1: half, 2: quarter of the resolution)", ylabel="correlation",
            xticks=[1, 2],
        ),
    ]  # fmt: skip
    outcome.numbers = {
        "orientation": {
            "with decay": faded,
            "without": trained,
            "untrained": untrained,
            DEFAULT_MODEL: _oriented(shipped),
        },
        "likeness": {"excite": alike, "random": chance, "of": names[1:]},
    }
    return outcome


def _oriented(model: keras.Model) -> float:
    """Measures how oriented the filters of the first layer are.

    Returns:
        The mean over the filters of |sum P e^(2i angle)| / sum P, where P is the power spectrum
        of a
        filter: 0 for a spectrum without direction, 1 for one direction.
    """
    kernels = np.asarray(model.get_layer("down0_conv").kernel).mean(axis=2)
    power = np.abs(np.fft.fft2(kernels - kernels.mean(axis=(0, 1)), (32, 32), (0, 1))) ** 2
    y, x = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32), indexing="ij")
    turned = np.exp(2j * np.arctan2(y, x))[..., None]
    return float(np.mean(np.abs((power * turned).sum((0, 1))) / (power.sum((0, 1)) + 1e-12)))


def _patches(
    lab: Lab, model: keras.Model, scale: int, channels: list[int] | None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Finds the patches that excite each channel of a scale most.

    A photograph gives at most one patch per channel, so that the patches do not all show one
    object.

    Returns:
        For each channel the most exciting patches [TOP, s, s, C], and as many random ones.
    """
    reach = {row.name: row.reach for row in layer_table(model)}[f"scale{scale}"]
    count = lab.pick(60, 8)
    photos = lab.photos(count, "train", model.input_shape[-1])
    rng = np.random.default_rng(0)
    low, size, jump = int(reach.low), reach.field, int(reach.jump)
    first = -(low // jump)
    last = (256 - size - low) // jump + 1
    responses = []
    frozen = encoder(model)
    for photo in photos:
        responses.append(np.asarray(frozen(photo[None])[scale])[0, first:last, first:last])

    def cut(photo: int, y: int, x: int) -> np.ndarray:
        top, left = (first + y) * jump + low, (first + x) * jump + low
        return np.asarray(photos[photo][top : top + size, left : left + size])

    width = last - first
    top, random = [], []
    for channel in channels or range(responses[0].shape[-1]):
        peaks = [np.unravel_index(r[..., channel].argmax(), (width, width)) for r in responses]
        heights = [r[..., channel].max() for r in responses]
        order = np.argsort(heights)[::-1][:TOP]
        if heights[order[-1]] <= 0:
            continue  # a dead channel
        top.append(np.stack([cut(i, *map(int, peaks[i])) for i in order]))
        spots = rng.integers(0, width, (TOP, 2))
        which = rng.permutation(len(photos))[:TOP]
        random.append(np.stack([cut(i, *spot) for i, spot in zip(which, spots, strict=True)]))
    return top, random


def _likeness(groups: list[np.ndarray]) -> float:
    """Returns the mean correlation of two patches of one group."""
    values = []
    for group in groups:
        flat = group.mean(axis=-1).reshape(len(group), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9
        gram = flat @ flat.T
        values.append((gram.sum() - np.trace(gram)) / (gram.size - len(gram)))
    return float(np.mean(values))


def _filters(model: keras.Model, name: str) -> Exhibit:
    kernels = np.asarray(model.get_layer("down0_conv").kernel)
    strongest = np.argsort((kernels**2).sum(axis=(0, 1, 2)))[::-1][:24]
    shown: list[tuple[str, Any]] = [
        (str(k), 0.5 + kernels[..., k] / 2 / np.abs(kernels[..., k]).max()) for k in strongest
    ]
    side = kernels.shape[0]
    return pictures(
        f"First-layer filters of {name}",
        f"The 24 of largest norm, {side}x{side} pixels each, the strongest first; grey is 0"
        f"{', colours are weights of red, green and blue' if kernels.shape[2] == 3 else ''}.",
        shown, 56,
    )  # fmt: skip


def _strips(lab: Lab, model: keras.Model, scale: int) -> Exhibit:
    channels = model.get_layer(f"scale{scale}").output.shape[-1]
    chosen = np.linspace(0, channels - 1, lab.pick(5, 2)).round().astype(int).tolist()
    top, _ = _patches(lab, model, scale, chosen)
    shown = []
    for channel, group in zip(chosen, top, strict=False):
        gap = np.ones((group.shape[1], 2, group.shape[-1]))
        strip = [part for patch in group for part in (patch, gap)][:-1]
        shown.append((f"channel {channel}", np.concatenate(strip, axis=1)))
    return pictures(
        f"What excites scale 1/{2 ** (scale + 1)} of the model {DEFAULT_MODEL}",
        f"Each strip: the {TOP} patches, each of another photograph, that excite one channel "
        "most.", shown, 420,
    )  # fmt: skip
