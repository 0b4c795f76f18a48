"""Measures how much context a tile needs: far less than the network sees.

The exact halo spans the receptive field, but what lies at its rim hardly counts. The halo that
is used is the smallest one with which no value of noisy photographs moves by more than a
quarter of a level of 255 against the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kdae.engine.denoiser import Network

WINDOWS = 100
SIDE = 256  # pixels, of the windows: the whole pictures
TILE = 64  # pixels, of the tile in their middle
MOST = 0.25 / 255


def smallest_halo(
    network: Network,
    multiple: int,
    exact: int,
    windows: Sequence[np.ndarray],
    most: float = MOST,
) -> tuple[int, dict[int, float]]:
    """Finds the smallest halo with which, and with all larger ones, values hardly move.

    Args:
        network: See `Network`.
        multiple: What heights and widths are multiples of, and so the halos.
        exact: The halo that spans all that the network sees, in pixels.
        windows: Noisy photographs, float32 [SIDE, SIDE, C] in [0, 1].
        most: How far a value may move, on the [0, 1] scale.

    Returns:
        The halo in pixels, and the largest change by halo: the largest absolute difference
        between the tile in the middle of a window, run with this halo, and the same pixels of
        the window run whole. From the largest halo that leaves some of a window out to the
        first one that is too small.
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
    """Returns a model card that tells both halos, one beside the other."""
    found: dict[str, Any] = {}
    for key, value in card.items():
        if key == "halo":
            found |= {"halo": halo, "exact_halo": exact}
        elif key != "exact_halo":
            found[key] = value
    return found
