"""Claim 5: other tasks can use what a network learns by denoising."""

from __future__ import annotations

import numpy as np

from kdae.lecture.exhibits import canvas, mean_range, plot, table
from kdae.lecture.lab import Lab
from kdae.lecture.probes import KINDS, TASKS, net, probe_all, representation
from kdae.lecture.report import Outcome

TITLE = "A good representation serves other tasks"
CLAIM = (
    "An encoder that has learned to denoise has learned what pictures are made of. Frozen, "
    "with nothing but a linear classifier on top, it serves tasks it was never trained for: "
    "better than raw pixels, than random filters, and than an encoder trained on (clean, "
    "clean) pairs."
)
READ = ("kdae/lecture/probes.py", "kdae/model/network.py")
WORDS = {
    "digits": "digits, accuracy (%)", "textures": "noisy textures, accuracy (%)",
    "edges": "edges in noise, AUC (%)", "corners": "corners in noise, AUC (%)",
}  # fmt: skip


def run(lab: Lab) -> Outcome:
    """Trains the same linear probe on four representations."""
    scores: dict[str, list[dict[str, float]]] = {kind: [] for kind in ("raw pixels", *KINDS)}
    for seed in lab.seeds:
        scores["raw pixels"].append(probe_all(lab, None, seed))
        for kind in KINDS:
            features = representation(net(lab, kind, seed))
            scores[kind].append(probe_all(lab, features, seed))
    figures = {k: {t: [s[t] for s in seeds] for t in TASKS} for k, seeds in scores.items()}
    means = {
        kind: {t: float(np.mean(v)) for t, v in row.items()} for kind, row in figures.items()
    }
    outcome = Outcome(
        "Compare the bars of one task: the encoder that learned to denoise against what it is "
        "meant to beat."
    )
    for task in TASKS:
        for other in ("raw pixels", "untrained", "copying"):
            ours = figures["denoising"][task]
            theirs = figures[other][task]
            outcome.check(
                min(np.subtract(ours, theirs)) > 0,
                f"{WORDS[task]}: {mean_range(ours, 1)} against {mean_range(theirs, 1)} "
                f"{'of' if other == 'raw pixels' else 'of the encoder'} {other}",
            )
    axes = canvas(ylabel="accuracy or AUC (%)")
    for place, (kind, row) in enumerate(means.items()):
        spots = np.arange(len(TASKS)) + 0.2 * place - 0.3
        seeds = np.array([figures[kind][task] for task in TASKS])
        height = np.array(list(row.values()))
        errors = np.stack([height - seeds.min(axis=1), seeds.max(axis=1) - height])
        axes.bar(spots, height, 0.19, yerr=errors, label=kind,
                 error_kw={"ecolor": "#8a8f98"})  # fmt: skip
    axes.set_xticks(range(len(TASKS)), TASKS)
    outcome.exhibits = [
        plot(
            axes, "Four tasks, four representations",
            "Mean of the seeds, lines: their range. Digits: 10 examples of each. Textures: "
            "which of 7 photographs a noisy patch is from. Edges and corners of the clean "
            "photograph, found in the noisy one; chance is 50 % there.",
            ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0),
        ),
        table(
            "The same in figures", "Mean over the seeds.", ("representation", *WORDS.values()),
            [(kind, *row.values()) for kind, row in means.items()],
        ),
    ]  # fmt: skip
    outcome.numbers = figures
    return outcome
