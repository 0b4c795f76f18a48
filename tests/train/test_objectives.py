"""What is minimized, against values worked out by hand, and the reason for L2."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.data import Supervision
from kdae.data.alone import draw_cells, take_cells
from kdae.train.losses import LossConfig
from kdae.train.objectives import data_term, noisy_pictures, validate

RNG = np.random.default_rng(0)
NOISY = tf.constant(RNG.random((2, 8, 8, 1), np.float32))
OTHER = tf.constant(RNG.random((2, 8, 8, 1), np.float32))
SQUARES = LossConfig(l1=0.0, l2=1.0)


def halved(image: tf.Tensor) -> tf.Tensor:
    return image / 2


def identity(image: tf.Tensor) -> tf.Tensor:
    return image


def test_repeats_are_compared_as_noisy_and_clean_are() -> None:
    expected = float(np.mean((NOISY.numpy() / 2 - OTHER.numpy()) ** 2))
    for kind in ("clean", "pairs", "repeats"):
        term = data_term(halved, (NOISY, OTHER), Supervision(kind), SQUARES, 0.0)
        assert float(term) == pytest.approx(expected, rel=1e-6)


def test_blind_spots_count_alone() -> None:
    counted = np.zeros((2, 8, 8, 1), np.float32)
    counted[0, 1, 2], counted[1, 5, 5] = 1, 1
    batch = (OTHER, NOISY, tf.constant(counted))
    errors = [
        (OTHER.numpy()[place] / 2 - NOISY.numpy()[place]) ** 2
        for place in ((0, 1, 2, 0), (1, 5, 5, 0))
    ]
    blind = Supervision("blind_spot")
    term = data_term(halved, batch, blind, SQUARES, 0.0)
    assert float(term) == pytest.approx(np.mean(errors), rel=1e-5)
    assert noisy_pictures(batch, blind) is NOISY
    nothing = (OTHER, NOISY, tf.zeros([2, 8, 8, 1]))
    assert float(data_term(halved, nothing, blind, SQUARES, 0.0)) == 0.0
    # The second picture alone has an error of one pixel.
    one = tuple(part[1:] for part in batch)
    assert validate(halved, [one], blind) == pytest.approx(-10 * np.log10(errors[1]), rel=1e-4)


def test_neighbours_and_their_regularizer() -> None:
    cells = tf.stack([draw_cells(tf.constant([0, k], tf.int64), 4, 4) for k in range(2)])
    first, second = (part.numpy() for part in take_cells(NOISY, cells))
    near = Supervision("neighbors")
    plain = float(data_term(halved, (NOISY, cells), near, SQUARES, 0.0))
    assert plain == pytest.approx(np.mean((first / 2 - second) ** 2), rel=1e-5)
    # r = f(g1) - g2 - (g1(f) - g2(f)), here g1 / 2 - g2 - (g1 - g2) / 2 = -g2 / 2.
    full = float(data_term(halved, (NOISY, cells), near, SQUARES, 1.0))
    assert full - plain == pytest.approx(0.5 * np.mean((second / 2) ** 2), rel=1e-5)
    # Of each of two pictures there are two inputs.
    expected = np.mean(
        [-10 * np.log10(np.mean((first[k::2] - second[k::2]) ** 2)) for k in (0, 1)]
    )
    examples = [(NOISY[k : k + 1], cells[k : k + 1]) for k in (0, 1)]
    assert validate(identity, examples, near) == pytest.approx(expected, rel=1e-5)


def test_no_gradient_flows_through_the_whole_picture_of_the_regularizer() -> None:
    cells = draw_cells(tf.constant([0, 1], tf.int64), 4, 4)[tf.newaxis]
    noisy = NOISY[:1]
    first, second = (part.numpy() for part in take_cells(noisy, cells))
    scale = tf.Variable(0.5)
    with tf.GradientTape() as tape:
        batch = (noisy, cells)
        term = data_term(lambda x: scale * x, batch, Supervision("neighbors"), SQUARES, 1.0)
    # d/ds of mean((s g1 - g2)^2) + mean((s g1 - g2 - (g1 - g2) / 2)^2) / 2, with that
    # (g1 - g2) / 2 fixed.
    inner = 0.5 * first - second
    expected = np.mean(2 * inner * first) + np.mean((inner - (first - second) / 2) * first)
    assert float(tape.gradient(term, scale)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "level"), [(SQUARES, 0.1), (LossConfig(l1=1.0, l2=0.0), 0.1 * np.log(2))]
)
def test_l2_aims_at_the_mean_of_skewed_noise_and_l1_at_the_median(
    loss: LossConfig, level: float
) -> None:
    """Noisy targets alone: exponential values with a mean of 0.1 have a median of 0.1 ln 2."""
    targets = tf.constant(RNG.exponential(0.1, (64, 16, 16, 1)), tf.float32)
    constant = tf.Variable(0.2)
    rate = 0.05
    for _ in range(200):
        with tf.GradientTape() as tape:
            batch = (targets, targets)
            value = data_term(
                lambda x: tf.zeros_like(x) + constant, batch, Supervision("repeats"), loss, 0.0
            )
        constant.assign_sub(rate * tape.gradient(value, constant))
        rate *= 0.98
    assert float(constant) == pytest.approx(level, rel=0.03)
