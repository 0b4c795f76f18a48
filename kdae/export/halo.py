"""Measures how much context a tile needs, which is less than the network sees.

With the exact halo, which spans the receptive field, a tile equals the same part of the whole
picture. But pixels at the rim of the receptive field have little effect. The halo that is used
is the smallest one with which no value of noisy photographs differs from the whole picture by
more than a quarter of a level of 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kdae.engine.denoiser import Network

WINDOWS = 100
SIDE = 256  # height and width of a window in pixels; it stands for the whole picture
TILE = 64  # height and width of the tile in the middle of a window, in pixels
MOST = 0.25 / 255


def smallest_halo(
    network: Network,
    multiple: int,
    exact: int,
    windows: Sequence[np.ndarray],
    most: float = MOST,
) -> tuple[int, dict[int, float]]:
    """Finds the smallest halo for which it and all larger ones change values very little.

    Args:
        network: See `Network`.
        multiple: Heights, widths and halos must be multiples of this number.
        exact: The halo that spans the receptive field, in pixels.
        windows: Noisy photographs, float32 [SIDE, SIDE, C] in [0, 1].
        most: The largest change of a value that is allowed, on the [0, 1] scale.

    Returns:
        The halo in pixels, and the largest change for each halo that was tried: the largest
        absolute difference between the tile in the middle of a window, denoised with this halo,
        and the same pixels of the whole denoised window. The halos decrease from the largest
        one that leaves a part of a window out to the first one that is too small.
    """
    start, stop = (SIDE - TILE) // 2, (SIDE + TILE) // 2
    whole = [network(window[np.newaxis])[0, start:stop, start:stop] for window in windows]
    smallest, moved = exact, {}
    for halo in range(min(exact, (start - 1) // multiple * multiple), 0, -multiple):
        cut, kept = slice(start - halo, stop + halo), slice(halo, halo + TILE)
        moved[halo] = max(
            float(np.abs(network(window[np.newaxis, cut, cut])[0, kept, kept] - expected).max())
            for window, expected in zip(windows, whole, strict=True)
        )
        if not moved[halo] <= most:
            break
        smallest = halo
    return smallest, moved


def with_halo(card: dict[str, Any], halo: int, exact: int) -> dict[str, Any]:
    """Returns a model card with `halo`, and with `exact_halo` after it."""
    found: dict[str, Any] = {}
    for key, value in card.items():
        if key == "halo":
            found |= {"halo": halo, "exact_halo": exact}
        elif key != "exact_halo":
            found[key] = value
    return found
