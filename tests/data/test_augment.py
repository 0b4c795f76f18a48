from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from kdae.data.augment import (
    crop_offset,
    exposure,
    flip_left_right,
    flip_up_down,
    quarter_turn,
    stripes,
)

SEED = tf.constant([3, 5])
# No two pixels alike, and no symmetry.
SQUARE = np.arange(5 * 5 * 2, dtype=np.float32).reshape(5, 5, 2)
OBLONG = np.arange(7 * 12 * 3, dtype=np.float32).reshape(7, 12, 3)


def outcomes(function: Callable[[tf.Tensor], tf.Tensor], count: int) -> np.ndarray:
    """What `function` makes of `count` seeds, stacked."""
    seeds = tf.data.Dataset.range(count).map(lambda i: tf.stack([i, 17]))
    graph = tf.function(function, autograph=False)
    return next(iter(seeds.map(graph, num_parallel_calls=2).batch(count))).numpy()


def shares(results: np.ndarray, options: list[np.ndarray]) -> list[float]:
    """How often each option came; fails if anything else did."""
    matches = np.stack([[np.array_equal(r, option) for r in results] for option in options])
    assert (matches.sum(0) == 1).all()
    return list(matches.mean(1))


@pytest.mark.parametrize(("flip", "axis"), [(flip_left_right, 1), (flip_up_down, 0)])
def test_flips_mirror_half_of_the_time(
    flip: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], axis: int
) -> None:
    results = outcomes(lambda seed: flip(tf.constant(OBLONG), seed), 400)
    kept, mirrored = shares(results, [OBLONG, np.flip(OBLONG, axis)])
    assert abs(kept - 0.5) < 5 * 0.5 / 400**0.5
    assert mirrored == 1 - kept


def test_quarter_turns_are_equally_likely() -> None:
    results = outcomes(lambda seed: quarter_turn(tf.constant(SQUARE), seed), 400)
    for share in shares(results, [np.rot90(SQUARE, turns) for turns in range(4)]):
        assert abs(share - 0.25) < 5 * (0.25 * 0.75 / 400) ** 0.5


def test_quarter_turn_of_an_oblong_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a square picture, got 7x12 pixels"):
        quarter_turn(tf.constant(OBLONG), SEED)


def test_crop_offsets_are_uniform_over_all_that_fit() -> None:
    corners = outcomes(lambda seed: tf.stack(crop_offset(seed, 7, 12, 5)), 600)
    assert corners.dtype == np.int32
    for axis, count in ((0, 3), (1, 8)):
        drawn = np.bincount(corners[:, axis], minlength=count)
        assert len(drawn) == count
        error = (600 * (1 / count) * (1 - 1 / count)) ** 0.5
        assert (abs(drawn - 600 / count) < 5 * error).all()
    # The axes are drawn independently.
    assert abs(np.corrcoef(corners.T)[0, 1]) < 5 / 600**0.5


def test_a_pair_given_the_same_seed_stays_aligned() -> None:
    for number in range(16):
        noisy, clean = tf.constant(SQUARE), tf.constant(SQUARE + 100)
        for seed, function in enumerate((flip_left_right, flip_up_down, quarter_turn)):
            own = tf.constant([number, seed])
            noisy, clean = function(noisy, own), function(clean, own)
        np.testing.assert_array_equal(clean, noisy + 100)


def test_tf_data_gives_the_bits_of_eager_mode() -> None:
    def example(number: tf.Tensor) -> tf.Tensor:
        seeds = tf.unstack(tf.random.split(tf.stack([number, 9]), 5))
        image = tf.constant(SQUARE / SQUARE.max())
        image = exposure(flip_left_right(image, seeds[0]), seeds[1], stops=1.0)
        image = quarter_turn(flip_up_down(image, seeds[2]), seeds[3])
        return stripes(image, seeds[4], share=1.0)

    numbers = tf.data.Dataset.range(12)
    eager = np.stack([example(number) for number in numbers])
    for calls in (1, 4):
        graph = np.stack(list(numbers.map(example, num_parallel_calls=calls)))
        np.testing.assert_array_equal(graph, eager)
    assert len({result.tobytes() for result in eager}) > 6


def test_exposure_blows_out_lights_or_blackens_shadows() -> None:
    ramp = np.linspace(0.0, 1.0, 101, dtype=np.float32).reshape(1, 101, 1)
    results = outcomes(lambda seed: exposure(tf.constant(ramp), seed, stops=1.0), 400)
    white, black = ((results == end).sum((1, 2, 3)) - 1 for end in (1.0, 0.0))
    untouched = np.array([np.array_equal(result, ramp) for result in results])
    for share, expected in (
        (untouched.mean(), 1 / 2),
        (((white > 0) & (black == 0)).mean(), 1 / 4),
        (((black > 0) & (white == 0)).mean(), 1 / 4),
    ):
        assert abs(share - expected) < 5 * 0.5 / 400**0.5
    # A gain of g takes the lights above 1/g: half of all values for one stop.
    assert 45 < white.max() <= 50 and 45 < black.max() <= 50
    assert (np.diff(results, axis=2) >= 0).all()
    # Log-uniform: half of the gains are below the square root of 2.
    gains = results[white > 0][:, 0, 10, 0] / ramp[0, 10, 0]
    assert abs((gains < 2**0.5).mean() - 0.5) < 5 * 0.5 / len(gains) ** 0.5


def test_stripes_lie_on_a_share_of_the_pictures() -> None:
    grey = np.full((64, 64, 1), 0.5, np.float32)
    results = outcomes(lambda seed: stripes(tf.constant(grey), seed, share=0.3), 400)
    striped = np.array([not np.array_equal(result, grey) for result in results])
    assert abs(striped.mean() - 0.3) < 5 * (0.3 * 0.7 / 400) ** 0.5

    away = results[striped] - grey
    amplitudes = np.abs(away).max((1, 2, 3))
    assert 0.25 < amplitudes.max() <= 0.3 + 1e-6
    # Log-uniform: half of them below the geometric mean; the edge may take some away.
    assert 0.35 < (amplitudes < (0.02 * 0.3) ** 0.5).mean() < 0.65
    # Up and down alike, and a part of most pictures is left as it was.
    assert abs(away.mean()) < 0.01
    assert 0.1 < (np.abs(away) < 1e-3).mean() < 0.6

    # Nothing outside [0, 1], and every channel alike.
    white = tf.ones([64, 64, 3])
    for result in outcomes(lambda seed: stripes(white, seed, share=1.0), 20):
        assert result.max() <= 1 and result.min() >= 0.7 - 1e-6
        np.testing.assert_array_equal(result[..., 0], result[..., 2])


def test_stripes_have_a_period_of_a_few_pixels() -> None:
    grey = tf.fill([96, 128, 1], 0.5)
    results = outcomes(lambda seed: stripes(grey, seed, share=1.0), 100)
    power = np.abs(np.fft.fft2(results[..., 0] - 0.5)) ** 2
    power[:, 0, 0] = 0
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(96)))
    largest = np.argsort(power.reshape(100, -1), axis=1)[:, ::-1]
    # Lines of a spectrum, not noise: 3 % of it holds most of the power.
    held = np.take_along_axis(power.reshape(100, -1), largest[:, : 96 * 128 // 32], axis=1)
    assert (held.sum(1) / power.sum((1, 2)) > 0.5).all()
    # Cycles per pixel. Folds make some of the stripes wider and narrower.
    peaks = frequency.ravel()[largest[:, 0]]
    assert ((peaks > 0.9 / 8.8) & (peaks < 1.1 / 2.2)).mean() > 0.8
    assert abs(np.log2(np.median(peaks) * 4.4)) < 0.5
