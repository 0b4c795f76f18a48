"""Claim 11: what a network memorizes, and what holds for new pictures."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.data import KDAE_PHOTOS, load_pictures, validation_batches
from kdae.lecture.exhibits import curves, mean_range, table
from kdae.lecture.lab import Lab, Overrides, Trained
from kdae.lecture.report import Outcome
from kdae.train.losses import l1_l2

TITLE = "Generalization"
CLAIM = (
    "What counts is the loss on pictures never trained on. From few pictures a net learns "
    "those pictures: its training loss falls while the held-out loss does not. Augmentation "
    "and weight decay narrow the gap; more pictures close it."
)
READ = ("kdae/data/augment.py", "kdae/train/run.py", "kdae/data/batches.py")
FEW = 1
WAYS: dict[str, Overrides] = {
    "plain": {
        "augment": {"flip_left_right": False, "flip_up_down": False, "quarter_turns": False}
    },
    "augmented": {},
    "weight decay": {
        "augment": {"flip_left_right": False, "flip_up_down": False, "quarter_turns": False},
        "train": {"weight_decay": 1e-5},
    },
}
NET: Overrides = {
    "model": {"widths": [32, 64], "blocks": [1, 1], "bias": False},
    "train": {"steps": 900, "validate_every": 90, "checkpoint_every": 900},
}


def run(lab: Lab) -> Outcome:
    """Trains on few and on many pictures in three ways, and compares both losses."""
    runs: dict[tuple[str, str], list[Trained]] = {}
    for amount, limit in (("few", FEW), ("many", lab.pick(None, 12))):
        for way, changes in WAYS.items():
            layers = (NET, changes, {"data": {"limit": limit}})
            runs[amount, way] = [
                lab.train(*layers, seed=seed, watch=_watch(lab, limit or 12))
                for seed in lab.seeds
            ]
    last = {
        key: {
            part: [1000 * r.watched[-1][part] for r in group] for part in ("train", "held_out")
        }
        for key, group in runs.items()
    }
    gap = {key: np.subtract(v["held_out"], v["train"]) for key, v in last.items()}
    # By how much the last held-out loss exceeds the lowest one.
    rise = {
        key: [1000 * (r.watched[-1]["held_out"] - min(w["held_out"] for w in r.watched))
              for r in group]
        for key, group in runs.items()
    }  # fmt: skip
    outcome = Outcome(
        "Look at the distance between training and held-out lines: wide for few pictures, "
        "narrow for many."
    )
    few, many = last["few", "plain"], last["many", "plain"]
    outcome.check(
        (gap["few", "plain"] > gap["many", "plain"]).all(),
        f"held-out minus training loss, in thousandths: {mean_range(gap['few', 'plain'])} from "
        f"{FEW} picture, {mean_range(gap['many', 'plain'])} from all",
    )
    outcome.check(
        (np.array(few["held_out"]) > many["held_out"]).all(),
        f"held-out loss in thousandths: {mean_range(few['held_out'])} from {FEW} picture, "
        f"{mean_range(many['held_out'])} from all",
    )
    for way in ("augmented", "weight decay"):
        ours = last["few", way]["held_out"]
        outcome.check(
            (np.array(ours) < few["held_out"]).all(),
            f"from {FEW} picture, {way}: held-out loss {mean_range(ours)} against "
            f"{mean_range(few['held_out'])} plain",
        )
    outcome.check(
        min(rise["few", "plain"]) > 0.05,
        "from few pictures the held-out loss rises again before the end: by "
        f"{mean_range(rise['few', 'plain'])} thousandths over its lowest",
    )
    outcome.exhibits = [
        *[
            curves(
                f"{WHAT[amount]}",
                "L1 loss of the same noise on training and on held-out pictures. Bands: range "
                "over the seeds.",
                {
                    f"{way}, {part.replace('_', '-')}": _curve(runs[amount, way], part)
                    for way in ("plain", "augmented")
                    for part in ("train", "held_out")
                },
                xlabel="step", ylabel="L1 loss (thousandths of white)",
            )
            for amount in ("few", "many")
        ],
        table(
            "At the end", "L1 loss in thousandths of white, mean of the seeds.",
            ("", "training", "held-out", "gap"),
            [(f"{amount}, {way}", float(np.mean(v["train"])), float(np.mean(v["held_out"])),
              float(gap[amount, way].mean())) for (amount, way), v in last.items()],
        ),
    ]  # fmt: skip
    outcome.numbers = {f"{a}, {w}": v for (a, w), v in last.items()}
    return outcome


WHAT = {"few": f"Trained on {FEW} picture", "many": "Trained on all pictures"}


def _curve(runs: list[Trained], part: str) -> tuple[list[int], Any]:
    steps = [int(row["step"]) for row in runs[0].watched]
    return steps, [[1000 * row[part] for row in run.watched] for run in runs]


def _watch(lab: Lab, limit: int) -> Any:
    """Returns a function that measures a model's L1 loss on training and held-out pictures."""
    noise = {"gaussian": {"sigma": 25}}
    patch, most = lab.pick((128, 12), (32, 2))
    examples = {
        name: validation_batches(
            load_pictures(KDAE_PHOTOS, split, 1, count), noise,
            patch=patch, seed=7, limit=most, multiple=4,
        )
        for name, split, count in (("train", "train", limit), ("held_out", "validation", None))
    }  # fmt: skip

    def watch(model: keras.Model) -> dict[str, float]:
        return {
            name: float(
                np.mean([tf.reduce_mean(l1_l2(clean, model(noisy))) for noisy, clean in pairs])
            )
            for name, pairs in examples.items()
        }

    return watch
