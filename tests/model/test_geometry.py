"""Sizes and receptive fields against the truth: shapes, and where the gradient is not zero."""

from fractions import Fraction

import keras
import numpy as np
import pytest
import tensorflow as tf

from kdae.model import ModelConfig, build_denoiser, format_table, layer_table, totals
from kdae.model.geometry import INPUT, Reach, joined, output_size


@pytest.mark.parametrize("size", [7, 8, 13])
@pytest.mark.parametrize("kernel", [1, 2, 3, 6])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_output_size_is_keras(size: int, kernel: int, stride: int, padding: str) -> None:
    layer = keras.layers.Conv1D(1, kernel, stride, padding)
    assert output_size(size, kernel, stride, padding) == layer(tf.zeros([1, size, 1])).shape[1]


def test_output_size_with_padding_in_pixels() -> None:
    # Dumoulin and Visin, relationship 6: i = 6, k = 3, s = 2, p = 1 gives 3.
    assert output_size(6, 3, 2, 1) == 3


def test_output_size_refuses() -> None:
    with pytest.raises(ValueError, match="at least 5, got 4"):
        output_size(4, 5, 1, "valid")
    with pytest.raises(ValueError, match="'full'"):
        output_size(4, 5, 1, "full")


def test_joined_refuses_unequal_strides() -> None:
    with pytest.raises(ValueError, match="one effective stride"):
        joined([INPUT, Reach(Fraction(2), Fraction(0), Fraction(0))])


def positive_model(config: ModelConfig) -> keras.Model:
    """With positive weights no gradient cancels and no ReLU is off."""
    model = build_denoiser(config, 1)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1, w.shape) / w.size for w in model.get_weights()])
    return model


def support(
    model: keras.Model, phase: int, axis: int, jump: Fraction
) -> tuple[Fraction, Fraction]:
    """First and last pixel that output `phase` depends on, relative to jump * phase."""
    size = 160
    image = tf.Variable(np.full((1, size, size, 1), 0.5, np.float32))
    with tf.GradientTape() as tape:
        out = model(image)
        middle = out.shape[1] // 2
        at = [middle, middle]
        at[axis] += phase
        value = tf.reduce_sum(out[0, at[0], at[1]])
    gradient = np.abs(tape.gradient(value, image).numpy()[0, :, :, 0]).sum(axis=1 - axis)
    seen = np.nonzero(gradient)[0]
    return seen[0] - jump * at[axis], seen[-1] - jump * at[axis]


CONFIGS = [
    ModelConfig(family="plain", widths=(4,), blocks=(1,)),
    ModelConfig(family="plain", widths=(4, 6), blocks=(1, 2), upsampling="bilinear"),
    ModelConfig(
        family="plain", widths=(4, 4, 4), blocks=(0, 1, 1), upsampling="transpose", kernel=5
    ),
    ModelConfig(family="skip", widths=(4, 6), blocks=(1, 1)),
    ModelConfig(family="skip", widths=(4, 4, 4), blocks=(1, 0, 1), upsampling="bilinear"),
    ModelConfig(family="skip", widths=(4, 6, 8), blocks=(1, 1, 1), upsampling="transpose"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.family}-{c.upsampling}")
def test_receptive_field_is_the_gradients_support(config: ModelConfig) -> None:
    model = positive_model(config)
    row = layer_table(model)[-1]
    multiple = totals(model).size_multiple
    for axis in (0, 1):
        found = [support(model, phase, axis, Fraction(1)) for phase in range(multiple)]
        assert min(low for low, _ in found) == row.reach.low
        assert max(high for _, high in found) == row.reach.high
    assert totals(model).receptive_field == row.reach.high - row.reach.low + 1


@pytest.mark.parametrize("config", CONFIGS[1:4:2], ids=lambda c: c.family)
def test_every_layer_of_the_encoder(config: ModelConfig) -> None:
    model = positive_model(config)
    for row in layer_table(model):
        if row.name.startswith(("down", "encoder")):
            part = keras.Model(model.input, model.get_layer(row.name).output)
            assert support(part, 0, 0, row.reach.jump) == (row.reach.low, row.reach.high)


def test_cost_by_hand() -> None:
    # skip, one scale: stem 6x6x1x4 at 1/4 of the pixels, a block of two 3x3x4x4, a head of
    # 3x3x4x4: (144 + 2 * 144 + 144) / 4 multiplications per pixel, two FLOP each.
    model = build_denoiser(ModelConfig(family="skip", widths=(4,), blocks=(1,)), 1)
    assert totals(model).flop_per_pixel == 2 * (144 + 2 * 144 + 144) / 4
    assert totals(model).parameters == 144 + 4 + 2 * (144 + 4) + 144 + 4
    assert totals(model).halo % totals(model).size_multiple == 0


def test_the_config_knows_the_multiple() -> None:
    config = ModelConfig(widths=(4, 4, 4, 4), blocks=(0, 0, 0, 0))
    assert totals(build_denoiser(config, 1)).size_multiple == config.size_multiple == 16


def test_the_table_has_a_line_for_every_convolution() -> None:
    model = build_denoiser(ModelConfig(), 3)
    text = format_table(model)
    for layer in model.layers:
        if "conv" in layer.name:
            assert layer.name in text
    assert "tiles need" in text


def test_unknown_layers_are_refused() -> None:
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.MaxPooling2D(name="pool")(image))
    with pytest.raises(ValueError, match="layer pool: no arithmetic for MaxPooling2D"):
        layer_table(model)
