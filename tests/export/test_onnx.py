"""ONNX files: every kind of network as Keras runs it, layouts, 8 bits, OpenCV, the card."""

import json
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from kdae.cards import CARD, MODEL, load_card, write_card
from kdae.errors import UserError
from kdae.export import parity
from kdae.export.__main__ import main
from kdae.export.formats import MAX_PIXELS, Artifact, Bounds, ExportRequest
from kdae.export.onnx import exporter
from kdae.export.onnx.graph import build_onnx, read_card
from kdae.export.photographs import calibration_pictures, examples
from kdae.model import ModelConfig, build_denoiser, describe, load_model, save_model
from kdae.model.quantization import choose_ranges
from kdae.model.rounding import with_rounded_filters
from tests.helpers import (
    TINY,
    calibrate_quickly,
    noise_image,
    tiny_card,
    tiny_model,
)

VARIANTS = ("float32", "float16", "int8", "float32-nhwc", "float16-nhwc", "float32-256")
CONFIGS = [
    ModelConfig(widths=(4,), blocks=(1,)),
    ModelConfig(widths=(4, 8, 12), blocks=(1, 0, 2), bias=False),
    ModelConfig(widths=(4, 8), blocks=(1, 1), kernel=5, upsampling="bilinear"),
    ModelConfig(widths=(4, 8), blocks=(1, 1), upsampling="transpose"),
    ModelConfig(family="plain", widths=(4, 8), blocks=(1, 1)),
]


def apply(built: onnx.ModelProto, image: np.ndarray, layout: str = "NCHW") -> np.ndarray:
    """[N, H, W, C] through ONNX Runtime."""
    session = onnxruntime.InferenceSession(built.SerializeToString())
    planar = layout == "NCHW"
    given = np.moveaxis(image, -1, 1) if planar else image
    (result,) = session.run(None, {"image": given})
    return np.moveaxis(result, 1, -1) if planar else result


def expected(model: keras.Model, image: np.ndarray) -> np.ndarray:
    return np.clip(model(image, training=False).numpy(), 0, 1)


def calm_model(channels: int, config: ModelConfig = TINY) -> keras.Model:
    """An untrained network, whose layers that start at zero do something.

    Its values are as small as those of a trained one; the bounds of 16 and 8 bits presume that.
    """
    model = build_denoiser(config, channels)
    generator = np.random.default_rng(0)
    for weight in model.trainable_variables:
        if not weight.numpy().any():
            weight.assign(generator.normal(0.0, 0.03, weight.shape))
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of a tiny colour model."""
    folder = tmp_path_factory.mktemp("onnx")
    run = folder / "small"
    run.mkdir()
    model = calm_model(3)
    save_model(model, run / MODEL)
    write_card(describe(model, "small"), run / CARD)
    with pytest.MonkeyPatch.context() as patch:
        calibrate_quickly(patch, exporter)
        arguments = ["--model", str(run), "--format", "onnx", "--out", str(folder / "exports")]
        assert main(arguments) == 0
    return folder / "exports" / "small"


def test_the_report_holds_every_file_against_keras(exported: Path) -> None:
    report = json.loads((exported / parity.REPORT).read_text())
    rows = {row["variant"]: row for row in report["artifacts"]}
    assert tuple(rows) == VARIANTS
    for variant, row in rows.items():
        assert row["file"] == f"onnx/small-{variant}.onnx"
        assert row["failures"] == [] and row["runtime"].startswith("onnxruntime ")
        assert set(row["milliseconds"]) == {"1", "2"}
        if variant.startswith("float32"):
            assert row["max_difference"] <= row["bounds"]["max_difference"] == 1e-5
        elif variant.startswith("float16"):
            # Weights in 16 bits do differ.
            assert 1e-5 < row["max_difference"] <= row["bounds"]["max_difference"] == 2e-3
        else:
            assert row["psnr_change"] >= -row["bounds"]["psnr_loss"] == -0.15
    assert report["sizes"] == ["256x256", "135x201", "5x7"]


def test_every_file_carries_the_card_and_states_its_format(exported: Path) -> None:
    card = load_card(exported / CARD)
    for variant in VARIANTS:
        path = exported / "onnx" / f"small-{variant}.onnx"
        assert read_card(path) == card
        model = onnx.load_model(path)
        assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
        assert model.ir_version == 8 and model.producer_name == "kdae"
        sides: list[Any] = ["batch", "height", "width"]
        if variant.endswith("256"):
            sides = [1, 256, 256]
        sides.insert(3 if variant.endswith("nhwc") else 1, 3)
        session = onnxruntime.InferenceSession(str(path))
        (given,), (got,) = session.get_inputs(), session.get_outputs()
        assert (given.name, got.name) == ("image", "denoised")
        for tensor in (given, got):
            assert tensor.type == "tensor(float)" and tensor.shape == sides


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_as_keras_runs_it(config: ModelConfig, channels: int) -> None:
    model = tiny_model(channels, config)
    card = describe(model, "tiny")
    side = card["size_multiple"]
    for shape in ((2, 3 * side, 5 * side), (1, side, side)):
        image = noise_image(*shape, channels, dtype=np.float32)
        wanted = expected(model, image)
        assert 0.02 < np.mean((wanted > 0) & (wanted < 1))  # most is clipped
        for layout in ("NCHW", "NHWC"):
            built = build_onnx(model, card, layout=layout)
            np.testing.assert_allclose(apply(built, image, layout), wanted, rtol=0, atol=1e-5)


def test_weights_in_16_bits_are_stored_so_and_rounded_once() -> None:
    model = tiny_model(3)
    built = build_onnx(model, tiny_card(3), half=True)
    weights = [tensor for tensor in built.graph.initializer if tensor.dims]
    assert weights and all(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in weights)
    whole = model.get_weights()
    rounded = keras.models.clone_model(model)
    rounded.set_weights([w.astype(np.float16).astype(np.float32) for w in whole])
    image = noise_image(1, 16, 24, 3, dtype=np.float32)
    np.testing.assert_allclose(apply(built, image), expected(rounded, image), rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_eight_bits_throughout(config: ModelConfig) -> None:
    model = calm_model(3, config)
    pictures = [noise_image(64, 64, 3, seed=seed, dtype=np.float32) for seed in range(2)]
    ranges = choose_ranges(model, pictures)
    built = build_onnx(model, describe(model, "tiny"), ranges=ranges)
    makers = {node.output[0]: node.op_type for node in built.graph.node}
    fed = {"Conv", "ConvTranspose", "Add", "DepthToSpace", "Resize"}
    for node in built.graph.node:
        if node.op_type in fed:
            inputs = [name for name in node.input if name in makers]
            assert {makers[name] for name in inputs} == {"DequantizeLinear"}, node.name
    kernels = [t for t in built.graph.initializer if t.name.endswith("_kernel")]
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    convolutions = [x for x in model.layers if isinstance(x, kinds)]
    assert len(kernels) == len(convolutions)
    # Signed weights saturate in ONNX Runtime on processors without VNNI.
    assert all(kernel.data_type == onnx.TensorProto.UINT8 for kernel in kernels)
    scales = {t.name: t for t in built.graph.initializer if t.name.endswith("_kernel_scale")}
    for layer in convolutions:
        # A scale for each filter: the largest weight is 127 of it.
        found = onnx.numpy_helper.to_array(scales[f"{layer.name}_kernel_scale"])
        axes = (0, 1, 3) if isinstance(layer, keras.layers.Conv2DTranspose) else (0, 1, 2)
        largest = np.abs(layer.kernel.numpy()).max(axis=axes)
        np.testing.assert_allclose(127 * found, largest, rtol=1e-5)
    error = apply(built, pictures[0][None]) - expected(model, pictures[0][None])
    assert np.sqrt(np.mean(error**2)) < 0.05


def test_the_shipped_model_loses_little_in_8_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed weights lost 0.92 dB on a processor without VNNI."""
    model, card = load_model("photo")
    rounded = with_rounded_filters(model)
    ranges = choose_ranges(rounded, calibration_pictures(card, exporter.TILE, count=16))
    path = tmp_path / "photo-int8.onnx"
    path.write_bytes(build_onnx(rounded, card, ranges=ranges).SerializeToString())
    artifact = Artifact("int8", path, Bounds(None, 0.15), card["size_multiple"])
    request = ExportRequest("photo", model, card, tmp_path, MAX_PIXELS)
    monkeypatch.setattr(exporter, "REPEATS", 1)
    (row,) = parity.measure(exporter, request, [artifact], examples(3)[:4])
    print(row)
    assert row["failures"] == []
    # It denoises: the pictures have 20.4 dB.
    assert row["psnr"] > 27


def test_opencv_runs_the_file_of_fixed_size(exported: Path) -> None:
    image = noise_image(1, 256, 256, 3, dtype=np.float32)
    network = cv2.dnn.readNetFromONNX(str(exported / "onnx" / "small-float32-256.onnx"))
    network.setInput(np.ascontiguousarray(np.moveaxis(image, -1, 1)))
    result = np.moveaxis(network.forward(), 1, -1)
    np.testing.assert_allclose(result, expected(calm_model(3), image), rtol=0, atol=1e-5)


def test_a_layer_without_onnx_is_an_error() -> None:
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Softmax(name="odd")(image))
    with pytest.raises(ValueError, match="layer odd: no ONNX written for Softmax"):
        build_onnx(model, tiny_card())


def test_files_without_a_card(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_card(tmp_path / "nosuch.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(UserError, match="not an ONNX file"):
        read_card(tmp_path / "text.onnx")
    built = build_onnx(tiny_model(), tiny_card())
    del built.metadata_props[:]
    onnx.save_model(built, tmp_path / "bare.onnx")
    with pytest.raises(UserError, match=r"holds no model card \(kdae.json\)"):
        read_card(tmp_path / "bare.onnx")


def test_values_beyond_the_levels_are_kept_except_in_8_bits() -> None:
    card = tiny_card() | {"levels": [1000.0, 3000.0]}
    image = noise_image(1, 16, 16, 1, dtype=np.float32) * 4 - 2
    model = calm_model(1)
    result = apply(build_onnx(model, card), image)
    np.testing.assert_allclose(result, model(image, training=False), atol=1e-5)
    assert result.min() < 0 and result.max() > 1
    ranges = choose_ranges(model, [noise_image(16, 16, 1, dtype=np.float32)])
    rounded = apply(build_onnx(model, card, ranges=ranges), image)
    assert rounded.min() >= 0 and rounded.max() <= 1
