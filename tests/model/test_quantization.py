"""Ranges of 8-bit tensors: least error, and a graph that states them."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.model import quantization
from kdae.model.quantization import best_range, choose_ranges, walk, with_ranges
from tests.helpers import noise_image, tiny_model


def error(values: np.ndarray, low: float, high: float) -> float:
    """Mean squared error of TensorFlow's own rounding to 8 bits."""
    rounded = tf.quantization.fake_quant_with_min_max_args(values, low, high).numpy()
    return float(np.square(rounded - values).mean())


def test_long_tails_are_cut_where_theory_says() -> None:
    # Banner et al., section 3.1: of a Laplace distribution with b = 1, 8 bits serve best
    # up to 9.89. The search takes steps of 5% of the largest value, 13 or so.
    values = np.random.default_rng(0).laplace(0, 1, 300_000).astype(np.float32)
    low, high = best_range(values[np.newaxis])
    assert low == pytest.approx(-9.89, abs=1.0) and high == pytest.approx(9.89, abs=1.0)
    assert error(values, low, high) < 0.8 * error(values, values.min(), values.max())


def test_even_values_keep_their_whole_range() -> None:
    values = np.linspace(0, 2, 4097, dtype=np.float32)[np.newaxis]
    assert best_range(values) == (0.0, 2.0)
    low, high = best_range(values - 1)
    assert (low, high) == (-1.0, 1.0)


def test_where_there_is_little_noise_little_error_is_allowed() -> None:
    # A weak and a strong photograph alike but for scale: alone, the strong one wants a wide
    # range; beside it the weak one, whose errors weigh more, pulls the range in.
    values = np.random.default_rng(0).laplace(0, 1, (1, 50_000)).astype(np.float32)
    both = np.concatenate([values / 20, values])
    width = np.diff(best_range(both))[0]
    assert np.diff(best_range(values / 20))[0] < width < np.diff(best_range(values))[0]


def test_filters_that_never_fire_get_a_range() -> None:
    assert best_range(np.zeros((1, 100), np.float32)) == (0.0, 1.0)


def test_layers_with_a_range_of_their_own() -> None:
    picture = noise_image(16, 16, 3, dtype=np.float32)
    ranges = choose_ranges(tiny_model(3), [picture])
    # Not: convolutions that end in a ReLU, and what only moves values.
    assert "encoder0_block0_relu" in ranges and "encoder0_block0_conv2" in ranges
    assert not {"encoder0_block0_conv1", "up0_d2s", "scale0", "decoded"} & set(ranges)
    assert ranges["denoised"] == (0.0, 1.0)
    assert ranges["encoder0_block0_relu"][0] == 0.0
    assert all(low <= 0.0 <= high for low, high in ranges.values())


def test_what_is_added_shares_a_range() -> None:
    ranges = choose_ranges(tiny_model(3), [noise_image(16, 16, 3, dtype=np.float32)])
    fine = {"down0_conv", "encoder0_block0_conv2", "encoder0_block0_add", "up0_conv", "skip0"}
    assert len({ranges[name] for name in fine}) == 1
    coarse = {"down1_conv", "encoder1_block0_conv2", "encoder1_block0_add"}
    assert len({ranges[name] for name in coarse}) == 1
    assert ranges["down0_conv"] != ranges["down1_conv"]
    assert ranges["head_conv"] != ranges["denoised"] == (0.0, 1.0)


def test_ranges_of_sums_are_narrowed_while_the_picture_gets_better() -> None:
    model, picture = tiny_model(3), noise_image(32, 32, 3, dtype=np.float32)
    right = choose_ranges(model, [picture])
    fine = {name for name in right if right[name] == right["skip0"]}
    wide = right | {
        name: (2 * low, 2 * high) for name, (low, high) in right.items() if name in fine
    }
    shared = {name: "skip0" if name in fine else name for name in right}

    narrowed = quantization._narrowed(model, wide, shared, [picture])
    assert {name for name in wide if narrowed[name] != wide[name]} == fine
    assert np.ptp(right["skip0"]) <= np.ptp(narrowed["skip0"]) < np.ptp(wide["skip0"])
    # Narrower than that they cut off too much.
    assert quantization._narrowed(model, right, shared, [picture]) == right


def test_a_sum_on_the_levels_of_its_parts_is_exact() -> None:
    steps = tf.constant(np.random.default_rng(0).integers(-60, 60, (2, 500)), tf.float32)
    one, two = steps[0] * (2 / 255), steps[1] * (2 / 255)
    total = tf.quantization.fake_quant_with_min_max_vars(one + two, -1.0, 1.0)
    np.testing.assert_allclose(total, one + two, atol=1e-6)


def test_in_training_the_ends_stay_as_they_are() -> None:
    model = tiny_model(3)
    picture = tf.constant(noise_image(1, 16, 16, 3, dtype=np.float32)) * 3 - 1
    ranges = choose_ranges(model, [picture[0].numpy()])
    inner = with_ranges(model, ranges, whole=False)(picture).numpy()
    assert inner.min() < 0 and inner.max() > 1
    assert 0 < np.abs(inner - model(picture, training=False).numpy()).max() < 0.5


def test_the_graph_is_the_model_in_steps_of_its_ranges() -> None:
    model = tiny_model(3)
    picture = noise_image(1, 16, 24, 3, dtype=np.float32)
    whole = model(picture, training=False).numpy()
    np.testing.assert_allclose(walk(model, picture, lambda _, x: x), whole, atol=1e-6)
    seen = {}

    def record(layer: object, output: tf.Tensor) -> tf.Tensor:
        seen[layer.name] = output.numpy()  # type: ignore[attr-defined]
        return output

    walk(model, tf.constant(picture), record)
    relu = "encoder0_block0_relu"
    ranges = {"denoised": (0.0, 1.0), relu: (0.0, float(seen[relu].max()))}
    eight_bits = with_ranges(model, ranges)(tf.constant(picture)).numpy()
    assert eight_bits.min() >= 0.0 and eight_bits.max() <= 1.0
    np.testing.assert_allclose(eight_bits * 255, np.rint(eight_bits * 255), atol=1e-3)
    difference = np.abs(eight_bits - np.clip(whole, 0, 1))
    assert 0.5 / 255 < difference.max() < 0.2
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(eight_bits, whole, atol=1e-3)
