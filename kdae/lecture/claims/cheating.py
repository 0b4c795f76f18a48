"""Claim 6: training without noise."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kdae.lecture.exhibits import mean_range, pictures, table
from kdae.lecture.lab import Lab
from kdae.lecture.probes import TASKS, net, probe_all, representation
from kdae.lecture.report import Outcome
from kdae.metrics import psnr
from kdae.model import DepthToSpace

TITLE = "(clean, clean) pairs cheat"
CLAIM = (
    "Trained to give back what it is given, an overcomplete net learns to copy: reconstruction "
    "near perfect, denoising worthless, nothing learned about pictures. One need not even "
    "train: 3x3 filters that copy single pixels, stride 2, and a decoder that puts them back, "
    "do it."
)
READ = ("kdae/lecture/probes.py", "kdae/model/network.py")
NOISE = {"gaussian": {"sigma": 25}}


def run(lab: Lab) -> Outcome:
    """Compares a network trained without noise with the same network trained with noise."""
    kinds = ("denoising", "copying")
    nets = {kind: [net(lab, kind, seed) for seed in lab.seeds] for kind in kinds}
    cheat = hand_made()
    rows: dict[str, dict[str, list[float]]] = {
        kind: {"clean": [], "noisy": [], "gain": []} for kind in (*kinds, "hand-made copy")
    }
    for kind, models in {**nets, "hand-made copy": [cheat]}.items():
        for model in models:

            def apply(image: np.ndarray, model: keras.Model = model) -> np.ndarray:
                return np.asarray(model(image[None], training=False))[0]

            clean = lab.measure(apply, {"identity": {}})
            noisy = lab.measure(apply, NOISE)
            rows[kind]["clean"].append(clean["psnr"])
            rows[kind]["noisy"].append(noisy["psnr"])
            rows[kind]["gain"].append(noisy["psnr"] - noisy["psnr_noisy"])
    probes = {
        kind: [
            probe_all(lab, representation(model), seed)
            for seed, model in zip(lab.seeds, models, strict=True)
        ]
        for kind, models in nets.items()
    }  # fmt: skip
    crop = lab.photos(7)[2][64:192, 64:192]
    noisy_crop = crop + np.random.default_rng(0).normal(0, 25 / 255, crop.shape)
    exact = float(np.abs(np.asarray(cheat(crop[None]))[0] - crop).max())

    outcome = Outcome("The copying nets give the noise back as faithfully as the picture.")
    copying, denoising = rows["copying"], rows["denoising"]
    outcome.check(
        min(np.subtract(copying["clean"], denoising["clean"])) > 0
        and min(copying["clean"]) > 35,
        f"trained on (clean, clean), clean pictures come back at "
        f"{mean_range(copying['clean'])} dB (trained to denoise: "
        f"{mean_range(denoising['clean'])} dB)",
    )
    outcome.check(
        min(denoising["gain"]) > max(0, 4 * max(copying["gain"])),
        f"of noise of sigma 25 it removes {mean_range(copying['gain'])} dB, the net trained to "
        f"denoise {mean_range(denoising['gain'])} dB",
    )
    outcome.check(
        exact == 0,
        f"the hand-made copy puts a picture back exactly: largest difference {exact:g}; of "
        f"noise it removes {rows['hand-made copy']['gain'][0]:.2f} dB",
    )
    worse = []
    for task in TASKS:
        ours, theirs = ([p[task] for p in probes[kind]] for kind in ("copying", "denoising"))
        worse.append(np.mean(ours) < np.mean(theirs))
    outcome.check(
        all(worse),
        f"its representation is the poorer one in {sum(worse)} of {len(TASKS)} tasks of the "
        "claim on transfer",
    )
    shown: list[tuple[str, Any]] = [
        ("clean", crop),
        (_label("noisy", noisy_crop, crop), noisy_crop),
    ]
    for kind, model in {k: m[0] for k, m in nets.items()}.items():
        out = np.asarray(model(noisy_crop[None].astype(np.float32)))[0]
        shown.append((_label(f"trained for {kind}", out, crop), out))
    out = np.asarray(cheat(noisy_crop[None]))[0]
    shown.append((_label("hand-made copy", out, crop), out))
    kernels = np.asarray(cheat.layers[2].kernel)[:, :, 0]
    outcome.exhibits = [
        table(
            "With and without noise in training", "PSNR in dB on held-out photographs.",
            ("net", "clean in (dB)", "sigma 25 in (dB)", "noise removed (dB)"),
            [(kind, *(float(np.mean(v)) for v in row.values())) for kind, row in rows.items()],
        ),
        table(
            "Their representations, probed",
            "Accuracy or AUC in %, as in the claim on transfer.",
            ("net", *TASKS),
            [(kind, *(float(np.mean([p[t] for p in ps])) for t in TASKS))
             for kind, ps in probes.items()],
        ),
        pictures("A noisy picture through each", "Noise of sigma 25.", shown, 150),
        pictures(
            "The hand-made cheat",
            "Its four 3x3 filters: white 1, black 0. At stride 2 they copy every pixel once; "
            "depth to space puts the four copies back.",
            [(f"filter {k + 1}", kernels[..., k]) for k in range(4)], 80,
        ),
    ]  # fmt: skip
    outcome.numbers = {"psnr": rows, "probes": probes, "hand_made_error": exact}
    return outcome


def hand_made() -> keras.Model:
    """Returns a network that copies its input without having been trained.

    The encoder is a 3x3 convolution with stride 2 and a ReLU. Its first filter copies the
    centre pixel, the others the right, lower and lower right neighbours. The decoder (depth to
    space) puts the four copies back in place. [N, H, W, 1] gives the same shape. The copy is
    exact for values of at least 0 if H and W are even.
    """
    image = keras.Input((None, None, 1))
    # The padding is explicit because `same` pads the far side alone, which moves the centre.
    copy = keras.layers.Conv2D(4, 3, strides=2, use_bias=False, padding="valid")
    x = keras.layers.ReLU()(copy(keras.layers.ZeroPadding2D(((1, 0), (1, 0)))(image)))
    model = keras.Model(image, DepthToSpace()(x))
    kernel = np.zeros((3, 3, 1, 4), np.float32)
    for k in range(4):
        kernel[1 + k // 2, 1 + k % 2, 0, k] = 1
    copy.set_weights([kernel])
    return model


def _label(name: str, image: np.ndarray, clean: np.ndarray) -> str:
    return f"{name}: {float(psnr(image[None], clean[None])[0]):.1f} dB"
