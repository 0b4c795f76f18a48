"""Windows: where they lie, which is chosen, and what is read of it."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.data import AugmentConfig, Pictures
from kdae.data.crops import window_drawer, window_reader
from tests.helpers import pictures

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 56, 3), np.uint8)


def windows(data: Pictures, count: int, **augment: float) -> np.ndarray:
    """Windows [count, 16, 16, channels]."""
    draw = window_drawer(data, AugmentConfig(**augment), batch=4, patch=16, seed=5, left=2)  # type: ignore[arg-type]
    read = window_reader(data, patch=16)
    batches = tf.data.Dataset.range(count).map(draw).batch(4).map(read)
    return np.concatenate([images.numpy() for _, images in batches])


def share_in(known: set[bytes], images: np.ndarray, factor: int) -> float:
    return float(
        np.mean([np.round(im * factor).astype(np.int64).tobytes() in known for im in images])
    )


def test_every_window_is_one_of_the_picture() -> None:
    whole = PHOTO.astype(np.int64)
    corners = [(y, x) for y in range(40 - 15) for x in range(56 - 15)]
    known = {whole[y : y + 16, x : x + 16].tobytes() for y, x in corners}
    assert share_in(known, windows(pictures([PHOTO]), 40), 255) == 1


def test_pictures_are_drawn_in_proportion_to_their_area() -> None:
    flat = [np.full((h, 20, 1), value, np.uint8) for h, value in ((20, 0), (60, 255))]
    share = windows(pictures(flat), 400).mean()
    # 400 draws with p = 0.75: standard deviation 0.022.
    assert share == pytest.approx(0.75, abs=0.08)


def test_of_several_windows_the_one_with_the_most_detail_is_taken() -> None:
    # Flat but for one corner: a random window seldom sees it, the best of many often.
    photo = np.full((64, 64, 3), 128, np.uint8)
    photo[:16, :16] = RNG.integers(0, 256, (16, 16, 3))

    def share(count: int, data: Pictures) -> float:
        clean = windows(data, 60, windows=count)[..., -3:]
        return float(np.mean([image.std() > 0.01 for image in clean]))

    one = pictures([photo])
    assert share(1, one) < 0.5 < 0.9 < share(48, one)
    # Of pairs the clean partner decides: noise is not detail.
    noisy = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    assert share(48, pictures([photo], [noisy])) > 0.9


def test_halved_windows_are_means_of_four_pixels() -> None:
    whole = PHOTO.astype(np.int64)
    known = {
        whole[y : y + 32, x : x + 32].reshape(16, 2, 16, 2, 3).sum((1, 3)).tobytes()
        for y in range(40 - 31)
        for x in range(56 - 31)
    }

    def share(halved: float, data: Pictures) -> float:
        return share_in(known, windows(data, 200, halved=halved)[..., -3:], 4 * 255)

    one = pictures([PHOTO])
    assert share(0.0, one) == 0 and share(1.0, one) == 1
    # 200 draws with p = 0.3: standard deviation 0.032.
    assert share(0.3, one) == pytest.approx(0.3, abs=0.11)
    # A picture too small for it is cropped as it is; noise of pairs is not averaged away.
    assert share(1.0, pictures([PHOTO[:31]])) == 0
    assert share(1.0, pictures([PHOTO], [PHOTO])) == 0
