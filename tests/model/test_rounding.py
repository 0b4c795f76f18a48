"""Filters that lie on their 8-bit levels and still sum to zero; weights of fewer levels."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from kdae.model import ModelConfig, build_denoiser
from kdae.model.rounding import (
    channel_steps,
    layer_step,
    levels_with_sums,
    with_coarse_scales,
    with_rounded_filters,
)


def filters(seed: int) -> np.ndarray:
    """Returns filters [6, 6, 3, 8] whose sums are zero, float32, unlike in size."""
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(6, 6, 3, 8)) * random.uniform(0.1, 1, size=8)
    return (kernel - kernel.mean(axis=(0, 1), keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("step", [channel_steps, layer_step])
def test_sums_are_zero_and_no_weight_moves_by_more_than_a_level(
    step: Callable[[np.ndarray], np.ndarray],
) -> None:
    exact = filters(0) / step(filters(0))
    assert np.abs(np.rint(exact).sum(axis=(0, 1))).max() >= 2  # what rounding alone does
    levels = levels_with_sums(exact)
    assert (levels == np.rint(levels)).all()
    assert (levels.sum(axis=(0, 1)) == 0).all()
    assert np.abs(levels - exact).max() < 1.0
    assert (levels.min(), levels.max()) == (np.rint(exact).min(), np.rint(exact).max())


def test_the_weight_nearest_to_the_other_level_is_the_one_that_moves() -> None:
    # Rounded: 1, 2, -2, 0, with the sum 1. Only 0.52 was rounded up by nearly a half.
    kernel = np.array([0.52, 1.9, -2.3, -0.12], np.float32).reshape(2, 2, 1, 1)
    assert levels_with_sums(kernel).ravel().tolist() == [0, 2, -2, 0]


def test_a_filter_with_another_sum_keeps_that() -> None:
    exact = filters(2) / layer_step(filters(2)) + 0.3
    sums = exact.sum(axis=(0, 1))
    assert np.abs(sums).min() > 10  # 36 weights
    np.testing.assert_array_equal(levels_with_sums(exact).sum(axis=(0, 1)), np.rint(sums))


def rounded_by_channel(kernel: np.ndarray) -> np.ndarray:
    """Rounds as the 8-bit specification of TFLite does: symmetric, a scale per channel."""
    scale = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    return np.rint(kernel / scale) * scale


def test_a_converter_changes_the_filters_of_the_first_layer_no_more() -> None:
    model = build_denoiser(ModelConfig(widths=(8, 8), blocks=(1, 1)), channels=3)
    model.get_layer("down0_conv").kernel.assign(filters(1))
    copy = with_rounded_filters(model)
    kernel = copy.get_layer("down0_conv").kernel.numpy()
    np.testing.assert_allclose(kernel.sum(axis=(0, 1)), 0.0, atol=1e-6)
    np.testing.assert_allclose(rounded_by_channel(kernel), kernel, atol=1e-6)
    assert np.abs(kernel - filters(1)).max() > 1e-3
    for ours, theirs in zip(copy.get_weights()[1:], model.get_weights()[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.get_layer("down0_conv").kernel.numpy(), filters(1))


def test_coarse_scales_have_few_levels_and_the_finest_stays() -> None:
    widths = (4, 16, 16, 16)
    model = build_denoiser(ModelConfig(widths=widths, blocks=(1,) * 4, bias=False), channels=1)
    random = np.random.default_rng(3)
    for weights in model.trainable_variables:  # some begin at zero
        weights.assign(random.normal(size=weights.shape))
    copy = with_coarse_scales(model)
    fine = {"down0_conv", "head_conv"} | {
        f"{half}0_block0_conv{n}" for half in ("encoder", "decoder") for n in (1, 2)
    }
    first = {"down1_conv", "up0_conv"} | {
        f"{half}1_block0_conv{n}" for half in ("encoder", "decoder") for n in (1, 2)
    }
    names = {layer.name for layer in model.layers if layer.weights}
    assert fine | first < names
    for name in names:
        ours, exact = (some.get_layer(name).kernel.numpy() for some in (copy, model))
        if name in fine:
            np.testing.assert_array_equal(ours, exact)
            continue
        count = 192 if name in first else 64
        assert np.abs(ours - exact).max() <= 0.501 * (exact.max() - exact.min()) / count
        assert count / 3 < len(np.unique(ours)) <= count + 1.5


def test_a_model_without_such_filters_and_skips_is_copied_as_it_is() -> None:
    model = build_denoiser(
        ModelConfig(family="plain", widths=(8, 8), blocks=(1, 1)), channels=1
    )
    for change in (with_rounded_filters, with_coarse_scales):
        copy = change(model)
        assert isinstance(copy, keras.Model)
        assert copy is not model
        for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
