"""A model with more scales begins as the function that the smaller one is."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.model import ModelConfig, build_denoiser
from kdae.train.init import average_weights, take_weights
from tests.helpers import tiny_model

SMALL = ModelConfig(widths=(4, 8), blocks=(1, 3), bias=False)
IMAGE = tf.random.stateless_uniform([1, 32, 32, 3], [1, 2])


def test_an_added_scale_changes_nothing() -> None:
    small = tiny_model(3, SMALL)
    model = build_denoiser(ModelConfig(widths=(4, 8, 12), blocks=(1, 2, 1), bias=False), 3)
    fresh = take_weights(model, small)
    added = {"down2_conv", "encoder2_block0_conv1", "encoder2_block0_conv2", "up1_conv"}
    rest = {f"decoder1_block1_conv{n}" for n in (1, 2)}
    assert set(fresh) == added | rest
    np.testing.assert_allclose(model(IMAGE), small(IMAGE), atol=1e-6)
    assert np.abs(small(IMAGE) - IMAGE).max() > 0.01
    # The added scale is not dead: the gradient reaches the filters that are at zero.
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(IMAGE) - 0.5))
    kernel = model.get_layer("up1_conv").kernel
    assert np.abs(tape.gradient(loss, kernel.value)).max() > 0


def test_equal_shapes_are_copied_whole() -> None:
    model = build_denoiser(SMALL, 3)
    assert take_weights(model, tiny_model(3, SMALL)) == []
    np.testing.assert_array_equal(model(IMAGE), tiny_model(3, SMALL)(IMAGE))


def test_a_model_that_shares_nothing_leaves_the_filters_as_they_were() -> None:
    model = build_denoiser(ModelConfig(widths=(6, 10), blocks=(1, 1)), 1)
    before = model.get_weights()
    fresh = take_weights(model, tiny_model(3, SMALL))
    assert len(fresh) == sum(bool(layer.weights) for layer in model.layers)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_several_models_are_averaged() -> None:
    first, second, third = (build_denoiser(SMALL, 3) for _ in range(3))
    for factor, model in enumerate((first, second, third)):
        model.set_weights([np.full_like(w, 3.0 * factor**2) for w in model.get_weights()])
    assert average_weights([first, second, third]) is first
    for weights in first.get_weights():
        np.testing.assert_allclose(weights, (0 + 3 + 12) / 3)
    with pytest.raises(ValueError, match="expected models of one shape, got several"):
        average_weights([first, build_denoiser(ModelConfig(widths=(6, 10), blocks=(1, 1)), 3)])
    with pytest.raises(ValueError, match="at least one model, got none"):
        average_weights([])
