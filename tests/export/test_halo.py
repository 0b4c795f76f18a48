"""The smallest halo, of networks whose reach is known."""

import numpy as np
import pytest

from kdae.export.halo import SIDE, smallest_halo, with_halo
from tests.helpers import noise_image


class Box:
    """Adds to each pixel a weighted one so many pixels to the left."""

    channels, bytes_per_pixel = 1, 1

    def __init__(self, reach: dict[int, float]) -> None:
        self.reach = reach

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        result = batch.copy()
        for pixels, weight in self.reach.items():
            result[:, :, pixels:] += np.float32(weight) * batch[:, :, :-pixels]
        return result


WINDOWS = [noise_image(SIDE, SIDE, 1, seed=seed, dtype=np.float32) for seed in range(3)]


def test_what_hardly_matters_is_left_out() -> None:
    network = Box({10: 0.5, 30: 0.01, 50: 0.0001})
    # 50 pixels away at most 0.03 levels of 255, 30 pixels away up to 2.55.
    halo, moved = smallest_halo(network, 4, 64, WINDOWS)
    assert halo == 32
    assert list(moved) == list(range(64, 24, -4))
    assert moved[64] == moved[52] == 0 < moved[48] <= 0.0001 < moved[28] <= 0.0102
    assert smallest_halo(network, 4, 64, WINDOWS, most=1e-6)[0] == 52
    assert smallest_halo(network, 8, 64, WINDOWS, most=1)[0] == 8


def test_what_no_window_has_room_for() -> None:
    halo, moved = smallest_halo(Box({95: 1.0}), 8, 200, WINDOWS)
    assert halo == 200 and list(moved) == [88]
    assert smallest_halo(Box({120: 1.0}), 8, 120, WINDOWS)[0] == 120


@pytest.mark.parametrize("card", [{"a": 1, "halo": 56, "b": 2}, {"halo": 9, "exact_halo": 56}])
def test_both_halos_in_a_card(card: dict[str, int]) -> None:
    found = with_halo(card, 32, 56)
    assert found == card | {"halo": 32, "exact_halo": 56}
    assert list(found)[list(found).index("halo") + 1] == "exact_halo"
