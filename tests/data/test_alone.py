"""Examples out of noisy pictures alone, against what can be counted by hand."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kdae.data import AugmentConfig, Supervision, training_batches, validation_batches
from kdae.data.alone import BLIND_SHARE, alone_example, draw_cells, hide_pixels, take_cells
from kdae.errors import UserError
from kdae.images import Picture, write_image
from kdae.noise import NoiseConfig
from tests.data.samples import load, pixels
from tests.helpers import noise_image, pictures

SEED = tf.constant([3, 7], tf.int64)
# Every value names its place, so that it can be told where a value comes from.
PLACES = np.arange(64 * 96, dtype=np.float32).reshape(64, 96, 1)


def where_from(image: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the places that the values of an image name."""
    values = np.asarray(image)[..., 0].astype(int)
    return values // PLACES.shape[1], values % PLACES.shape[1]


def test_the_target_of_a_pixel_is_the_mean_of_its_two_neighbours_in_the_cell() -> None:
    cells = draw_cells(SEED, 32, 48)
    assert set(np.unique(cells)) == set(range(4))
    inputs, targets = take_cells(PLACES[np.newaxis], cells[tf.newaxis])
    assert inputs.shape == targets.shape == (2, 32, 48, 1)
    rows, columns = np.indices((32, 48))
    for one, target in zip(inputs, targets, strict=True):
        y, x = where_from(one)
        np.testing.assert_array_equal(y // 2, rows)
        np.testing.assert_array_equal(x // 2, columns)
        beside, below = PLACES[y, x ^ 1], PLACES[y ^ 1, x]
        np.testing.assert_array_equal(target, (beside + below) / 2)
        # Each of the four pixels of a cell is taken equally often: 384 +- 17 times.
        counts = np.bincount((2 * (y % 2) + x % 2).ravel())
        assert abs(counts - 384).max() < 80
    # The other input is the pixel beside the first.
    (y1, x1), (y2, x2) = map(where_from, inputs)
    np.testing.assert_array_equal(y1, y2)
    np.testing.assert_array_equal(x1 ^ 1, x2)


def test_neighbours_of_colour_pictures_keep_their_channels_together() -> None:
    image = np.concatenate([PLACES, PLACES + 10_000], -1)[np.newaxis]
    for taken in take_cells(image, draw_cells(SEED, 32, 48)[tf.newaxis]):
        np.testing.assert_array_equal(taken[..., 1] - taken[..., 0], 10_000)


@pytest.mark.parametrize("mask", [(1, 1), (1, 9), (9, 1), (3, 3), (5, 5)])
def test_hidden_pixels_show_nothing_of_their_mask(mask: tuple[int, int]) -> None:
    hidden, counted = hide_pixels(tf.constant(PLACES), SEED, mask)
    centres = np.argwhere(counted.numpy()[..., 0] == 1)
    expected = BLIND_SHARE * PLACES.size / (mask[0] * mask[1])
    assert abs(len(centres) - expected) < 5 * np.sqrt(expected)
    assert set(np.unique(counted)) == {0.0, 1.0}
    y, x = where_from(hidden)
    covered = np.zeros(y.shape, bool)
    high, wide = (side // 2 for side in mask)
    for row, column in centres:
        inside = (
            slice(max(row - high, 0), row + high + 1),
            slice(max(column - wide, 0), column + wide + 1),
        )
        covered[inside] = True
    rows, columns = np.indices(y.shape)
    down, right = abs(y - rows), abs(x - columns)
    # Outside of the masks nothing is replaced; inside all is, from beyond the mask but near.
    np.testing.assert_array_equal((down + right)[~covered], 0)
    assert ((down >= mask[0]) | (right >= mask[1]))[covered].all()
    assert max(down.max(), right.max()) == max(2, min(mask))


def test_channels_are_hidden_together() -> None:
    image = tf.constant(np.concatenate([PLACES, PLACES + 10_000], -1))
    hidden, _ = hide_pixels(image, SEED, (1, 1))
    np.testing.assert_array_equal(hidden[..., 1] - hidden[..., 0], 10_000)


def test_the_first_of_two_pictures_is_the_input_of_repeats() -> None:
    image = tf.concat([tf.zeros([8, 8, 1]), tf.ones([8, 8, 1])], -1)
    shot, others = alone_example(image, SEED, Supervision("repeats"))
    assert not shot.numpy().any() and (others.numpy() == 1).all()


def batches(steps: range, supervision: Supervision, **kw: object) -> list[list[np.ndarray]]:
    data = pictures([noise_image(40, 40, 1, seed=seed) for seed in range(3)])
    made = training_batches(
        data, NoiseConfig(), AugmentConfig(), batch=3, patch=16, seed=5, steps=steps,
        supervision=supervision, **kw,  # type: ignore[arg-type]
    )  # fmt: skip
    return [[part.numpy() for part in batch] for batch in made]


@pytest.mark.parametrize(
    "supervision", [Supervision("neighbors"), Supervision("blind_spot", (1, 3))], ids=str
)
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(supervision: Supervision) -> None:
    whole = batches(range(4), supervision, parallel=1)
    resumed = batches(range(2, 4), supervision, parallel=4)
    for a, b in zip(whole[2:], resumed, strict=True):
        assert all((x == y).all() for x, y in zip(a, b, strict=True))
    assert any((x != y).any() for x, y in zip(whole[0], whole[1], strict=True))


def test_no_noise_is_added_and_the_picture_is_whole() -> None:
    [(hidden, noisy, counted)] = batches(range(1), Supervision("blind_spot"))
    assert hidden.shape == noisy.shape == (3, 16, 16, 1)
    assert counted.shape == (3, 16, 16, 1)
    levels = noisy * 255
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)
    np.testing.assert_array_equal(hidden[counted == 0], noisy[counted == 0])


def test_noise_along_rows_stays_along_rows() -> None:
    rows = [np.repeat(noise_image(40, 1, 1, seed=seed), 40, 1) for seed in range(3)]
    data = pictures(rows)
    for mask, turned in (((1, 9), False), ((3, 3), True)):
        made = training_batches(
            data, NoiseConfig(), AugmentConfig(), batch=32, patch=16, seed=0, steps=range(1),
            supervision=Supervision("blind_spot", mask),
        )  # fmt: skip
        [(_, noisy, _)] = list(made.as_numpy_iterator())
        along_columns = (noisy == noisy[:, :1]).all(axis=(1, 2, 3))
        assert along_columns.any() == turned


@pytest.mark.parametrize("kind", ["repeats", "neighbors", "blind_spot"])
def test_validation_has_examples_of_the_same_kind(kind: str) -> None:
    arrays = [noise_image(40, 40, 1, seed=seed) for seed in range(2)]
    data = pictures(arrays, arrays[::-1] if kind == "repeats" else None)
    supervision = Supervision(kind)  # type: ignore[arg-type]
    settings = {"patch": 32, "seed": 0, "limit": 2, "multiple": 16}
    made, again = (
        validation_batches(data, "identity", supervision=supervision, **settings)
        for _ in range(2)
    )
    assert [[part.shape[0] for part in batch] for batch in made] == [[1] * len(made[0])] * 2
    for one, two in zip(made, again, strict=True):
        assert all((a.numpy() == b.numpy()).all() for a, b in zip(one, two, strict=True))


# Sources of repeats.


def test_the_target_of_a_shot_is_the_mean_of_the_others(tmp_path: Path) -> None:
    for place in range(2):
        for shot in range(3):
            picture = Picture(pixels(10 * shot + place))
            (tmp_path / f"shot{shot}").mkdir(exist_ok=True)
            write_image(tmp_path / f"shot{shot}" / f"s{place}.png", picture)
    places = [str(tmp_path / f"shot{shot}") for shot in range(3)]
    two = load({"repeats": places[:2]}, whole=True)
    assert len(two) == 4
    assert two.noisy is not None
    for array, of in zip([*two.noisy, *two.arrays], [0, 10, 1, 11, 10, 0, 11, 1], strict=True):
        np.testing.assert_array_equal(array, pixels(of))
    three = load({"repeats": places}, whole=True)
    assert three.noisy is not None
    total = np.sum([pixels(number) for number in (0, 10, 20)], axis=0, dtype=float)
    for of, single, others in zip((0, 10, 20), three.noisy, three.arrays, strict=False):
        np.testing.assert_array_equal(single, pixels(of))
        assert np.abs(others - (total - pixels(of)) / 2).max() <= 0.5  # rounded
    (tmp_path / "shot2" / "s1.png").unlink()
    with pytest.raises(
        UserError, match=r"repeats: 1 of 2 pictures have no repeats\[2\] partner"
    ):
        load({"repeats": places}, whole=True)
    with pytest.raises(UserError, match="expected two or more folders"):
        load({"repeats": places[:1]}, whole=True)
    with pytest.raises(UserError, match="noisy and clean, or repeats"):
        load({"repeat": places}, whole=True)
