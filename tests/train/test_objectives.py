"""What is minimized, against values worked out by hand, and the reason for L2."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.data import Supervision
from kdae.data.alone import draw_cells, take_cells
from kdae.train.losses import LossConfig
from kdae.train.objectives import RENEW_FROM, data_term, noisy_pictures, renew, validate

RNG = np.random.default_rng(0)
NOISY = tf.constant(RNG.random((2, 12, 12, 1), np.float32))
OTHER = tf.constant(RNG.random((2, 12, 12, 1), np.float32))
SQUARES = LossConfig(l1=0.0, l2=1.0)


def halved(image: tf.Tensor) -> tf.Tensor:
    return image / 2


def identity(image: tf.Tensor) -> tf.Tensor:
    return image


def evened(result: np.ndarray) -> np.ndarray:
    """Weights of errors by the spread of the 7x7 results around, with a mean of 1."""
    weight = np.empty_like(result)
    for n, y, x, c in np.ndindex(*result.shape):
        part = result[n, max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4, c]
        weight[n, y, x, c] = 1 / (part.std() + 0.01)
    return weight / weight.mean()


def test_clean_pictures_are_compared_by_squares_alone() -> None:
    expected = float(np.mean((NOISY.numpy() / 2 - OTHER.numpy()) ** 2))
    for kind in ("clean", "pairs"):
        term = data_term(halved, (NOISY, OTHER), Supervision(kind), SQUARES, 0.0)
        assert float(term) == pytest.approx(expected, rel=1e-6)


def test_errors_to_repeats_count_less_where_the_result_varies() -> None:
    result = NOISY.numpy() / 2
    expected = np.mean(evened(result) * (result - OTHER.numpy()) ** 2)
    term = data_term(halved, (NOISY, OTHER), Supervision("repeats"), SQUARES, 1.0)
    assert float(term) == pytest.approx(expected, rel=1e-4)


def test_blind_spots_count_alone() -> None:
    counted = np.zeros((2, 12, 12, 1), np.float32)
    counted[0, 1, 2], counted[1, 5, 5] = 1, 1
    batch = (OTHER, NOISY, tf.constant(counted))
    places = ((0, 1, 2, 0), (1, 5, 5, 0))
    errors = [(OTHER.numpy()[place] / 2 - NOISY.numpy()[place]) ** 2 for place in places]
    weights = [evened(OTHER.numpy() / 2)[place] for place in places]
    blind = Supervision("blind_spot")
    term = data_term(halved, batch, blind, SQUARES, 0.0)
    assert float(term) == pytest.approx(np.average(errors, weights=weights), rel=1e-4)
    assert noisy_pictures(batch, blind) is NOISY
    nothing = (OTHER, NOISY, tf.zeros([2, 12, 12, 1]))
    assert float(data_term(halved, nothing, blind, SQUARES, 0.0)) == 0.0
    # The second picture alone has an error of one pixel.
    one = tuple(part[1:] for part in batch)
    assert validate(halved, [one], blind) == pytest.approx(-10 * np.log10(errors[1]), rel=1e-4)


def test_neighbours_their_regularizer_and_renewed_pictures() -> None:
    cells = tf.stack([draw_cells(tf.constant([0, k], tf.int64), 6, 6) for k in range(2)])
    first, second = (part.numpy() for part in take_cells(NOISY, cells))
    near = Supervision("neighbors")
    weight = evened(first / 2)
    plain = float(data_term(halved, (NOISY, cells), near, SQUARES, RENEW_FROM - 0.01))
    assert plain == pytest.approx(np.mean(weight * (first / 2 - second) ** 2), rel=1e-4)
    # r = f(g1) - g2 - (g1(f) - g2(f)), here g1 / 2 - g2 - (g1 - g2) / 2 = -g2 / 2.
    regularizer = 0.1 * np.mean(weight * (second / 2) ** 2)
    whole = NOISY.numpy() / 2
    again = renew(NOISY, tf.constant(whole)).numpy() / 2
    renewed = 3 * np.mean(evened(again) * (again - whole) ** 2)
    full = float(data_term(halved, (NOISY, cells), near, SQUARES, RENEW_FROM))
    assert full - plain == pytest.approx(regularizer + renewed, rel=1e-3)
    # Of each of two pictures there are two inputs.
    expected = np.mean(
        [-10 * np.log10(np.mean((first[k::2] - second[k::2]) ** 2)) for k in (0, 1)]
    )
    examples = [(NOISY[k : k + 1], cells[k : k + 1]) for k in (0, 1)]
    assert validate(identity, examples, near) == pytest.approx(expected, rel=1e-5)


def test_renewed_noise_is_that_of_pixels_as_bright_and_of_no_neighbour() -> None:
    clean = np.zeros((1, 64, 64, 3), np.float32)
    clean[:, :, 32:] = 0.5
    clean += RNG.random(clean.shape, np.float32) * np.float32(0.01)
    spread = np.where(clean > 0.2, 0.11, 0.01).astype(np.float32)
    noise = RNG.standard_normal(clean.shape, np.float32) * spread
    renewed = renew(tf.constant(clean + noise), tf.constant(clean)).numpy() - clean
    # Pixels as wholes change places: all channels of one together.
    before = np.sort(noise.reshape(-1, 3) @ [1, 10, 100])
    after = np.sort(renewed.reshape(-1, 3) @ [1, 10, 100])
    np.testing.assert_allclose(after, before, atol=1e-3)
    assert renewed[:, :, :32].std() < 0.025  # but for the 64 darkest all are from the dark half
    assert renewed[:, :, 32:].std() == pytest.approx(0.11, rel=0.05)
    assert abs(np.corrcoef(noise.ravel(), renewed.ravel())[0, 1]) < 0.05


def test_masked_blind_spots_learn_from_no_renewed_pictures() -> None:
    """Noise that neighbours share is not moved pixel by pixel."""
    counted = tf.ones([2, 12, 12, 1])
    batch = (OTHER, NOISY, counted)
    rows = Supervision("blind_spot", (1, 3))
    early, late = (float(data_term(halved, batch, rows, SQUARES, at)) for at in (0.0, 1.0))
    assert early == late
    blind = Supervision("blind_spot")
    assert float(data_term(halved, batch, blind, SQUARES, 1.0)) > early


def test_no_gradient_flows_through_what_the_network_made_before() -> None:
    cells = draw_cells(tf.constant([0, 1], tf.int64), 6, 6)[tf.newaxis]
    noisy = NOISY[:1]
    first, second = (part.numpy() for part in take_cells(noisy, cells))
    scale = tf.Variable(0.5)
    with tf.GradientTape() as tape:
        batch = (noisy, cells)
        term = data_term(lambda x: scale * x, batch, Supervision("neighbors"), SQUARES, 1.0)
    # d/ds of mean(w (s g1 - g2)^2) + 0.1 mean(w (s g1 - g2 - (g1 - g2) / 2)^2)
    # + 3 mean(v (s z - y)^2), with w, v, the renewed z, y and that (g1 - g2) / 2 fixed.
    weight, whole = evened(first / 2), noisy.numpy() / 2
    inner = 0.5 * first - second
    again = renew(noisy, tf.constant(whole)).numpy()
    expected = np.mean(weight * 2 * inner * first)
    expected += 0.1 * np.mean(weight * 2 * (inner - (first - second) / 2) * first)
    expected += 3 * np.mean(evened(again / 2) * 2 * (again / 2 - whole) * again)
    assert float(tape.gradient(term, scale)) == pytest.approx(expected, rel=1e-3)


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
