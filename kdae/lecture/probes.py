"""Measures how useful the representation of a network is to other tasks.

A linear model (a probe) is trained on the outputs of the frozen encoder. The claims `transfer`
and `cheating` share this module. The networks are of the family `plain`: everything passes
their overcomplete representation.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from skimage.feature import canny, corner_harris, corner_peaks
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from kdae.lecture.lab import Lab, Overrides
from kdae.model import build_denoiser, encoder
from kdae.train.config import config_from_dict

PLAIN: Overrides = {
    "model": {"family": "plain", "widths": [32, 64], "blocks": [1, 1]},
    "loss": {"l1": 1.0, "l2": 0.0},
}
COPYING: Overrides = {**PLAIN, "noise": {"kind": "identity", "quantize": 0.0}}
KINDS = ("denoising", "copying", "untrained")
TASKS = ("digits", "textures", "edges", "corners")
SIGMA = 25 / 255
_PATCH = 32  # side of a texture patch in pixels
# Photographs that each show one texture: bark, brush, bushes, plaster, rocks, scree, a
# dandelion.
_TEXTURES = (4, 7, 11, 12, 15, 16, 19)
# Side of the square that a unit of the last scale sees, and the distance of two units, in
# pixels.
_SEEN, _CELL = 20, 4

Features = Callable[[np.ndarray], list[np.ndarray]]
"""Turns pictures [N, H, W] into a list of representations [N, h, w, c], one per scale."""


def net(lab: Lab, kind: str, seed: int) -> keras.Model:
    """Returns a network of one of `KINDS`, trained if it is not the untrained one."""
    if kind == "untrained":
        config = config_from_dict(lab.settings(PLAIN, seed=seed))
        return build_denoiser(config.model, 1, seed=seed)
    return lab.train(COPYING if kind == "copying" else PLAIN, seed=seed).model


def representation(model: keras.Model) -> Features:
    """Returns the frozen encoder of a network as a function."""
    frozen = encoder(model)

    def features(images: np.ndarray) -> list[np.ndarray]:
        parts = [frozen(images[i : i + 64, ..., None]) for i in range(0, len(images), 64)]
        return [np.concatenate([p[k] for p in parts]) for k in range(len(frozen.outputs))]

    return features


def probe_all(lab: Lab, features: Features | None, seed: int) -> dict[str, float]:
    """Measures a representation on each of `TASKS`.

    Args:
        lab: The source of the photographs.
        features: The representation. None means raw pixels.
        seed: The seed for the choice of examples.

    Returns:
        By name of the task: the accuracy in % on digits and textures, the area under the ROC
        curve in % on edges and corners.
    """
    rng = np.random.default_rng(seed)
    edges, corners = _places(lab, features, rng)
    return {
        "digits": _digits(lab, features, rng),
        "textures": _textures(lab, features, rng),
        "edges": edges,
        "corners": corners,
    }


def _digits(lab: Lab, features: Features | None, rng: np.random.Generator) -> float:
    """Returns the accuracy in % on the 8x8 digits of scikit-learn, from 10 examples of each."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.float32) / 16
    order = rng.permutation(len(images))
    train = np.concatenate([order[labels[order] == digit][:10] for digit in range(10)])
    test = np.setdiff1d(order, train)[: lab.pick(1000, 100)]
    chosen = np.concatenate([train, test])
    if features is None:
        vectors = images[chosen].reshape(len(chosen), -1)
    else:
        large = tf.image.resize(images[chosen][..., None], (_PATCH, _PATCH)).numpy()[..., 0]
        vectors = np.concatenate([_pooled(part, 4) for part in features(large)], axis=1)
    return _accuracy(vectors, labels[chosen], len(train))


def _textures(lab: Lab, features: Features | None, rng: np.random.Generator) -> float:
    """Returns the accuracy in % at telling from which of 7 photographs a noisy patch is cut.

    The probe is trained on patches of the left halves and tested on the right halves.
    """
    everything = lab.photos(21)
    photos = [everything[place] for place in _TEXTURES]
    count = lab.pick(40, 4)
    patches, labels = [], []
    for half in (0, 1):
        for label, photo in enumerate(photos):
            for y, x in rng.integers(0, (256 - _PATCH, 128 - _PATCH), (count, 2)):
                x += 128 * half
                patches.append(photo[y : y + _PATCH, x : x + _PATCH, 0])
                labels.append(label)
    images = np.stack(patches).astype(np.float32)
    images += rng.normal(0, SIGMA, images.shape).astype(np.float32)
    if features is None:
        vectors = images.reshape(len(images), -1)
    else:
        parts = features(images)
        vectors = np.concatenate(
            [f(part, axis=(1, 2)) for part in parts for f in (np.mean, np.std)], axis=1
        )
    return _accuracy(vectors, np.array(labels), len(labels) // 2)


def _places(
    lab: Lab, features: Features | None, rng: np.random.Generator
) -> tuple[float, float]:
    """Returns how well edges and corners of clean photographs are found in noisy ones.

    The true edges are those of Canny's detector in the clean photograph, the true corners the
    peaks of Harris's measure. For each cell of 4x4 pixels, linear regression predicts whether
    it holds one, from the representation there or from the 20x20 noisy pixels that it sees.

    Returns:
        The area under the ROC curve in %, for edges and for corners.
    """
    photos = np.stack([p[..., 0] for p in lab.photos(lab.pick(12, 4))])
    noisy = (photos + rng.normal(0, SIGMA, photos.shape)).astype(np.float32)
    targets = []
    for photo in photos:
        peaks = np.zeros(photo.shape, bool)
        peaks[tuple(corner_peaks(corner_harris(photo), 3, threshold_rel=0.02).T)] = True
        targets.append(np.stack([_cells(canny(photo, sigma=1.5)), _cells(peaks)], axis=-1))
    truth = np.stack(targets)
    if features is None:
        margin = (_SEEN - _CELL) // 2
        padded = np.pad(noisy, [(0, 0), (margin, margin), (margin, margin)], "reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (1, _SEEN, _SEEN))
        responses = windows[:, ::_CELL, ::_CELL].reshape(*truth.shape[:3], -1)
    else:
        responses = features(noisy)[-1]
    inside = (slice(None), slice(4, -4), slice(4, -4))
    parts = [
        (responses[s][inside], truth[s][inside]) for s in (slice(0, None, 2), slice(1, None, 2))
    ]
    (x, y), (new_x, new_y) = (
        (a.reshape(-1, a.shape[-1]), b.reshape(-1, 2).astype(float)) for a, b in parts
    )
    scaler = StandardScaler().fit(x)
    x, new_x = scaler.transform(x), scaler.transform(new_x)
    gram = x.T @ x + 1e-3 * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (y - y.mean(axis=0)))
    guesses = new_x @ weights
    edges, corners = (100 * roc_auc_score(new_y[:, k], guesses[:, k]) for k in (0, 1))
    return float(edges), float(corners)


def _accuracy(vectors: np.ndarray, labels: np.ndarray, count: int) -> float:
    """Trains a linear classifier on the first `count` vectors; returns its % on the others."""
    scaler = StandardScaler().fit(vectors[:count])
    vectors = scaler.transform(vectors)
    linear = RidgeClassifierCV(np.logspace(-1, 5, 13)).fit(vectors[:count], labels[:count])
    return 100 * float(linear.score(vectors[count:], labels[count:]))


def _pooled(part: np.ndarray, cells: int) -> np.ndarray:
    """Averages [N, h, w, c] over a grid of `cells` x `cells` and returns vectors [N, ...]."""
    n, h, w, c = part.shape
    grid = part.reshape(n, cells, h // cells, cells, w // cells, c).mean(axis=(2, 4))
    return np.asarray(grid.reshape(n, -1))


def _cells(mask: np.ndarray) -> np.ndarray:
    """Tells for each cell of 4x4 pixels whether the mask is set anywhere in it."""
    h, w = (side // _CELL for side in mask.shape)
    return np.asarray(mask.reshape(h, _CELL, w, _CELL).any(axis=(1, 3)))
