"""The network's shapes, its halves, its regularizers, and saving."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kdae.model import ModelConfig, build_denoiser, decoder, encoder

IMAGE = np.random.default_rng(0).random((2, 24, 16, 3), np.float32)


def shaken(config: ModelConfig, **kw: object) -> keras.Model:
    """A model whose weights are all random, also those that start at zero."""
    model = build_denoiser(config, 3, **kw)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("upsampling", ["depth_to_space", "bilinear", "transpose"])
@pytest.mark.parametrize("family", ["plain", "skip"])
def test_shapes_halves_and_round_trip(family: Any, upsampling: Any, tmp_path: Path) -> None:
    config = ModelConfig(
        family=family, widths=(4, 6, 8), blocks=(1, 0, 2), upsampling=upsampling
    )
    model = shaken(config)
    out = model(IMAGE).numpy()
    assert out.shape == IMAGE.shape
    scales = encoder(model)(IMAGE)
    assert [tuple(s.shape) for s in scales] == [(2, 12, 8, 4), (2, 6, 4, 6), (2, 3, 2, 8)]
    if family == "plain":  # its scales end in a ReLU, those of skip in a sum
        assert all((s.numpy() >= 0).all() for s in scales)
    back = decoder(model)(scales if family == "skip" else scales[-1]).numpy()
    np.testing.assert_allclose(back + IMAGE * (family == "skip"), out, atol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(loaded(IMAGE), out)


def test_skip_starts_as_the_identity() -> None:
    np.testing.assert_array_equal(build_denoiser(ModelConfig(), 3)(IMAGE), IMAGE)


def test_zero_mean_is_blind_to_brightness() -> None:
    seeing = build_denoiser(ModelConfig(zero_mean=False), 3).get_layer("down0_conv").kernel
    assert np.abs(keras.ops.sum(seeing, axis=[0, 1])).max() > 0.1
    model = build_denoiser(ModelConfig(widths=(4, 8), blocks=(1, 1)), 3)
    stem = model.get_layer("down0_conv").kernel
    np.testing.assert_allclose(keras.ops.sum(stem, axis=[0, 1]), 0, atol=1e-6)
    # A step moves every weight; what is learned is blind too, away from the border.
    model.compile(keras.optimizers.SGD(0.1), "mae")
    image = np.random.default_rng(2).random((1, 32, 32, 3), np.float32)
    for _ in range(3):
        model.train_on_batch(image, image**2)
    before, after = (encoder(model)(x)[0][:, 4:-4, 4:-4] for x in (image, image + 0.3))
    np.testing.assert_allclose(before, after, atol=1e-5)
    assert np.abs(before).max() > 0.1


def test_plain_has_no_path_around_the_bottleneck() -> None:
    model = shaken(ModelConfig(family="plain", widths=(4, 6), blocks=(1, 1)))
    assert not [x for x in model.layers if isinstance(x, keras.layers.Add)]
    cut = model.get_layer("down1_conv")
    cut.set_weights([np.zeros_like(w) for w in cut.get_weights()])
    np.testing.assert_array_equal(model(IMAGE), model(np.zeros_like(IMAGE)))


def test_without_biases_the_output_scales_with_the_input() -> None:
    # Mohan et al. 2020, arXiv:1906.05478: a bias-free net is homogeneous of order 1.
    model = shaken(ModelConfig(widths=(4, 8), blocks=(1, 1), bias=False))
    np.testing.assert_allclose(model(2 * IMAGE), 2 * model(IMAGE).numpy(), rtol=1e-5, atol=1e-6)


def test_every_kernel_is_regularized() -> None:
    model = shaken(ModelConfig(widths=(4, 8), blocks=(1, 1)), weight_decay=0.5)
    kernels = [v for v in model.trainable_variables if v.path.endswith("kernel")]
    expected = sum(0.5 * np.square(v.numpy()).sum() for v in kernels)
    assert len(model.losses) == len(kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_the_seed_makes_the_filters() -> None:
    first, again, other = (
        build_denoiser(ModelConfig(), 1, seed=s).get_weights() for s in (0, 0, 1)
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()
    # He et al. 2015: standard deviation sqrt(2 / fan in) keeps the signal's size.
    wide = build_denoiser(ModelConfig(widths=(64, 64), blocks=(1, 0)), 1)
    kernel = wide.get_layer("encoder0_block0_conv1").kernel.numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.03)
