"""Claim 12: the scale of the weight decay, chosen by the protocol of the lecture."""

from __future__ import annotations

import contextlib
import io

import numpy as np

from kdae.lecture.exhibits import curves, mean_range, table
from kdae.lecture.lab import Lab, Overrides
from kdae.lecture.report import Outcome
from kdae.train.config import config_from_dict
from kdae.tune.run import tune
from kdae.tune.trials import parse_search

TITLE = "Choosing the weight-decay scale"
CLAIM = (
    "The scale of the weight decay cannot be learned from the training pictures. Train for "
    "many scales, choose on held-out pictures, train with the best on both together, and "
    "report the loss on pictures never seen before, once."
)
READ = ("kdae/tune/run.py", "kdae/tune/trials.py", "kdae/tune/sealed.py")
SCALES = ("0", "1e-6", "1e-5", "1e-4", "1e-3")
FEW: Overrides = {"data": {"limit": 8}, "train": {"steps": 600, "validate_every": 150}}


def run(lab: Lab) -> Outcome:
    """Runs `kdae.tune` once per seed and compares what the seeds choose."""
    scales = lab.pick(SCALES, ("0", "1e-3"))
    choice = parse_search(f"train.weight_decay={','.join(scales)}")
    chosen, held_out, new, noisy = [], [], [], []
    levels = np.full((len(lab.seeds), len(scales)), np.nan)
    for row, seed in enumerate(lab.seeds):
        settings = lab.settings(FEW, seed=seed)
        folder = lab.folder(settings, scales)
        with contextlib.redirect_stdout(io.StringIO()):
            result = tune(config_from_dict(settings), [choice], folder)
        if result is None:
            raise RuntimeError(f"{folder}: another process is at work on this search")
        for trial in result["trials"]:
            levels[row, scales.index(trial["train.weight_decay"])] = trial["psnr"]
        chosen.append(result["settings"]["train.weight_decay"])
        held_out.append(result["psnr"])
        new.append(result["test"]["psnr"])
        noisy.append(result["test"]["psnr_noisy"])
    means = levels.mean(axis=0)
    spread = float(np.ptp(levels[:, 0])) if len(lab.seeds) > 1 else 0.0
    outcome = Outcome(
        "The curve has a flat top and then falls: any small scale will do, and what is chosen "
        "differs from seed to seed."
    )
    outcome.check(
        means.argmax() not in (0, len(scales) - 1),
        f"a scale between the ends is best on held-out pictures: {scales[int(means.argmax())]} "
        f"({means.max():.2f} dB; 0: {means[0]:.2f} dB, {scales[-1]}: {means[-1]:.2f} dB)",
    )
    outcome.check(
        len(set(chosen)) == 1,
        f"every seed chooses the same scale: {', '.join(chosen)}",
    )
    outcome.check(
        means.max() - means[0] > spread,
        f"what weight decay gains ({means.max() - means[0]:.2f} dB) is more than what the seed "
        f"alone does ({spread:.2f} dB)",
    )
    outcome.check(
        min(np.subtract(new, noisy)) > 3,
        f"the final figure, on new pictures: {mean_range(new)} dB, noisy {noisy[0]:.2f} dB",
    )
    outcome.exhibits = [
        curves(
            "Train for many, choose on held-out pictures",
            "Trials that were behind at a third of the steps end early (at their last figure). "
            "Band: range over the seeds.",
            {"held-out pictures": (range(len(scales)), levels)},
            xlabel=f"scale of the weight decay: {', '.join(scales)}", ylabel="PSNR (dB)",
            xticks=range(len(scales)), xticklabels=scales,
        ),
        table(
            "Retrained on both, measured once", "PSNR in dB; noise of sigma 25.",
            ("seed", "chosen scale", "held-out (dB)", "new pictures, noisy (dB)",
             "new pictures, denoised (dB)"),
            list(zip(map(str, lab.seeds), chosen, held_out, noisy, new, strict=True)),
        ),
    ]  # fmt: skip
    outcome.numbers = {
        "scales": scales, "held_out": levels, "chosen": chosen, "new": new, "new_noisy": noisy,
    }  # fmt: skip
    return outcome
