"""TFLite files: sizes, ranges, what is inside, and tiles as an app would cut them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter

from kdae.cards import card_inside
from kdae.errors import UserError
from kdae.export.formats import Artifact, Bounds, ExportRequest
from kdae.export.tflite import exporter
from kdae.export.tflite.flatbuffer import operators
from kdae.model import ModelConfig, describe
from tests.helpers import calibrate_quickly, noise_image, tiny_card, tiny_denoiser, tiny_model

README = Path(__file__).parents[2] / "export" / "mobile" / "README.md"
TILE = 64


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """All files of a tiny colour model, by name without the model's, with tiles of 64."""
    folder = tmp_path_factory.mktemp("tflite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "TILE", TILE)
        calibrate_quickly(patch, exporter)
        request = ExportRequest("tiny", tiny_model(3), tiny_card(3), folder, 1)
        artifacts = exporter.export(request)
    assert {artifact.path for artifact in artifacts} == set(folder.iterdir())
    return {artifact.path.stem.removeprefix("tiny-"): artifact for artifact in artifacts}


def test_there_are_all_variants_for_any_size_and_for_tiles(files: dict[str, Artifact]) -> None:
    variants = {"float32", "float16", "weights8", "int8", "uint8"}
    assert set(files) == variants | {f"{variant}-{TILE}" for variant in variants}
    for name, artifact in files.items():
        assert (artifact.side, artifact.multiple) == (TILE if "-" in name else None, 4)


def test_signature_shapes_and_types(files: dict[str, Artifact]) -> None:
    for name, artifact in files.items():
        interpreter = Interpreter(str(artifact.path))
        assert interpreter.get_signature_list() == {
            "denoise": {"inputs": ["image"], "outputs": ["denoised"]}
        }
        side = TILE if name.endswith(f"-{TILE}") else -1
        dtype = np.uint8 if name.startswith("uint8") else np.float32
        for details in (interpreter.get_input_details(), interpreter.get_output_details()):
            assert list(details[0]["shape_signature"]) == [1, side, side, 3]
            assert details[0]["dtype"] == dtype
            if dtype == np.uint8:
                # The bytes of a picture are the bytes of the tensor: 0 is black, 255 white.
                scale, zero = details[0]["quantization"]
                assert scale == pytest.approx(1 / 255, rel=1e-4) and zero == 0


def test_built_in_operators_only(files: dict[str, Artifact]) -> None:
    for name, artifact in files.items():
        found = operators(artifact.path)
        assert {"CONV_2D", "DEPTH_TO_SPACE"} <= found, name
        assert not [operator for operator in found if operator.startswith("CUSTOM")], name


def test_eight_bits_throughout(files: dict[str, Artifact]) -> None:
    for name in ("int8", "uint8", f"int8-{TILE}", f"uint8-{TILE}"):
        interpreter = Interpreter(str(files[name].path))
        floats = [
            x["name"] for x in interpreter.get_tensor_details() if x["dtype"] == np.float32
        ]
        assert len(floats) == (2 if name.startswith("int8") else 0), name
        kernels = [
            x["quantization_parameters"]["scales"]
            for x in interpreter.get_tensor_details()
            if x["dtype"] == np.int8 and len(x["shape"]) == 4 and x["shape"][0] != 1
        ]
        # A scale for each filter, not one for all.
        assert kernels and all(len(scales) > 1 for scales in kernels), name


def test_custom_operators_would_be_noticed(tmp_path: Path) -> None:
    class Root(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([4], tf.float32)])
        def run(self, x: Any) -> Any:
            return tf.math.erfinv(x)

    root = Root()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [root.run.get_concrete_function()], root
    )
    converter.allow_custom_ops = True
    (tmp_path / "custom.tflite").write_bytes(converter.convert())
    assert operators(tmp_path / "custom.tflite") == {"CUSTOM Erfinv"}


def test_the_card_is_inside(files: dict[str, Artifact], tmp_path: Path) -> None:
    for artifact in files.values():
        assert card_inside(artifact.path) == tiny_card(3)
    (tmp_path / "text.tflite").write_text("not a model")
    with pytest.raises(UserError, match="not a TFLite file"):
        card_inside(tmp_path / "text.tflite")
    with pytest.raises(UserError, match="cannot be read"):
        card_inside(tmp_path / "nosuch.tflite")


@pytest.mark.parametrize("size", [(4, 4), (8, 20), (100, 36)])
def test_sizes_of_a_dynamic_file(files: dict[str, Artifact], size: tuple[int, int]) -> None:
    image = noise_image(*size, 3, dtype=np.float32)
    expected = np.clip(tiny_denoiser(3).denoise_float(image), 0.0, 1.0)
    # Random filters amplify rounding: what is tested here is the sizes.
    for name, bound in (("float32", 1e-4), ("float16", 1e-2), ("int8", 0.3)):
        (run,) = exporter.run([files[name]], [[image]])
        assert np.abs(run.outputs[0] - expected).max() <= bound, name
        assert set(run.milliseconds) == {1, 2}


def test_one_interpreter_takes_one_size_after_another(files: dict[str, Artifact]) -> None:
    images = [noise_image(*size, 3, dtype=np.float32) for size in ((8, 8), (40, 12), (8, 8))]
    (run,) = exporter.run([files["float32"]], [images])
    assert [output.shape for output in run.outputs] == [(8, 8, 3), (40, 12, 3), (8, 8, 3)]
    np.testing.assert_array_equal(run.outputs[0], run.outputs[2])


def test_tiles_run_as_the_apps_of_the_readme_do(files: dict[str, Artifact]) -> None:
    """With CompiledModel, the interface that Kotlin has, on the CPU."""
    image = noise_image(1, TILE, TILE, 3)
    for variant in ("float32", "float16", "weights8", "int8", "uint8"):
        path = str(files[f"{variant}-{TILE}"].path)
        given = image if variant == "uint8" else image / np.float32(255)
        model = CompiledModel.from_file(path)
        source = model.create_input_buffer_by_name("denoise", "image")
        target = model.create_output_buffer_by_name("denoise", "denoised")
        source.write(given)
        model.run_by_name("denoise", {"image": source}, {"denoised": target})
        ours = target.read(given.size, given.dtype).reshape(given.shape)
        runner = Interpreter(path).get_signature_runner("denoise")
        np.testing.assert_allclose(ours, runner(image=given)["denoised"], atol=1e-6)


def test_gpu_delegates_know_every_operator_of_the_tiles(
    files: dict[str, Artifact], capfd: pytest.CaptureFixture[str]
) -> None:
    for variant in ("float32", "float16", "int8"):
        path = str(files[f"{variant}-{TILE}"].path)
        tf.lite.experimental.Analyzer.analyze(model_path=path, gpu_compatibility=True)
        assert "compatible with GPU delegate" in capfd.readouterr().out


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(
            family="plain", widths=(4, 8), blocks=(1, 1), upsampling="transpose", bias=True
        ),
        ModelConfig(
            family="skip", widths=(4, 8, 8), blocks=(1, 0, 1), upsampling="bilinear", bias=False
        ),
    ],
    ids=lambda config: f"{config.family}-{config.upsampling}",
)
def test_other_architectures(
    config: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(1, config)
    card = describe(model, "other")
    bounds = {"float32": 1e-5, "int8": 0.2}
    monkeypatch.setattr(exporter, "BOUNDS", dict.fromkeys(bounds, Bounds()))
    monkeypatch.setattr(exporter, "TILE", TILE)
    calibrate_quickly(monkeypatch, exporter)
    artifacts = exporter.export(ExportRequest("other", model, card, tmp_path, 1))
    assert len(artifacts) == 4
    image = noise_image(TILE, TILE, 1, dtype=np.float32)
    expected = np.clip(model(image[None])[0], 0.0, 1.0)
    for artifact in artifacts:
        assert not [name for name in operators(artifact.path) if name.startswith("CUSTOM")]
        (run,) = exporter.run([artifact], [[image]])
        assert np.abs(run.outputs[0] - expected).max() <= bounds[artifact.variant]


def test_bytes_in_and_out_are_the_pictures(files: dict[str, Artifact]) -> None:
    image = noise_image(64, 64, 3)
    interpreter = Interpreter(str(files[f"uint8-{TILE}"].path))
    denoised = interpreter.get_signature_runner("denoise")(image=image[None])["denoised"][0]
    (run,) = exporter.run([files[f"int8-{TILE}"]], [[image / np.float32(255)]])
    np.testing.assert_allclose(denoised / 255, run.outputs[0], atol=1e-6)


def test_the_readme_names_the_tiles() -> None:
    for variant in ("float16", "int8", "uint8"):
        assert f"`photo-{variant}-{exporter.TILE}.tflite`" in README.read_text()


def tiling() -> Callable[..., np.ndarray]:
    """The function `denoise` of the README, as an app would write it."""
    code = README.read_text().split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) <= 20
    names: dict[str, Any] = {"np": np}
    exec(code, names)
    found: Callable[..., np.ndarray] = names["denoise"]
    return found


@pytest.mark.parametrize("size", [(64, 64), (150, 97), (65, 300)])
def test_tiles_of_fixed_size_make_the_whole_picture(
    files: dict[str, Artifact], size: tuple[int, int]
) -> None:
    runner = Interpreter(str(files[f"float32-{TILE}"].path)).get_signature_runner("denoise")

    def run(tile: np.ndarray) -> np.ndarray:
        result: np.ndarray = runner(image=tile[None])["denoised"][0]
        return result

    picture = noise_image(*size, 3, dtype=np.float32)
    card = tiny_card(3)
    ours = tiling()(picture, run, TILE, card["size_multiple"], card["halo"])
    expected = np.clip(tiny_denoiser(3).denoise_float(picture), 0.0, 1.0)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
