"""Ranges of 8-bit tensors: least error, and a graph that states them."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.exporters.calibrate import best_range, choose_ranges, walk, with_ranges
from tests.helpers import noise_image, tiny_model


def error(values: np.ndarray, low: float, high: float) -> float:
    """Mean squared error of TensorFlow's own rounding to 8 bits."""
    rounded = tf.quantization.fake_quant_with_min_max_args(values, low, high).numpy()
    return float(np.square(rounded - values).mean())


def test_long_tails_are_cut_where_theory_says() -> None:
    # Banner et al., section 3.1: of a Laplace distribution with b = 1, 8 bits serve best
    # up to 9.89. The search takes steps of 5% of the largest value, 13 or so.
    values = np.random.default_rng(0).laplace(0, 1, 300_000).astype(np.float32)
    low, high = best_range(values)
    assert low == pytest.approx(-9.89, abs=1.0) and high == pytest.approx(9.89, abs=1.0)
    assert error(values, low, high) < 0.8 * error(values, values.min(), values.max())


def test_even_values_keep_their_whole_range() -> None:
    values = np.linspace(0, 2, 4097, dtype=np.float32)
    assert best_range(values) == (0.0, 2.0)
    low, high = best_range(values - 1)
    assert (low, high) == (-1.0, 1.0)


def test_filters_that_never_fire_get_a_range() -> None:
    assert best_range(np.zeros(100, np.float32)) == (0.0, 1.0)


def test_layers_with_a_range_of_their_own() -> None:
    picture = noise_image(16, 16, 3, dtype=np.float32)
    ranges = choose_ranges(tiny_model(3), [picture])
    # Not: convolutions that end in a ReLU, and what only moves values.
    assert "encoder0_block0_relu" in ranges and "encoder0_block0_conv2" in ranges
    assert not {"encoder0_block0_conv1", "up0_d2s", "scale0", "decoded"} & set(ranges)
    assert ranges["denoised"] == (0.0, 1.0)
    assert ranges["encoder0_block0_relu"][0] == 0.0
    assert all(low <= 0.0 <= high for low, high in ranges.values())


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
