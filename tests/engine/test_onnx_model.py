"""ONNX files as models: the same results as with LiteRT, and what is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import kdae
from kdae.denoise.__main__ import main
from kdae.engine import Denoiser
from kdae.engine.litert import LiteRT
from kdae.engine.onnx_model import OnnxModel
from kdae.errors import UserError
from kdae.export.onnx.graph import build_onnx
from tests.helpers import noise_image, tiny_card, tiny_model, tiny_tflite

LEVELS = [1000.0, 3000.0]


def tiny_onnx(path: Path, card: dict[str, Any], **options: Any) -> Path:
    model = tiny_model(card["channels"])
    path.write_bytes(build_onnx(model, card, **options).SerializeToString())
    return path


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, LiteRT]:
    """The networks of the same weights with LiteRT, which do not clip, by channels."""
    folder = tmp_path_factory.mktemp("litert")
    return {n: LiteRT(tiny_tflite(folder / f"{n}.tflite", n)) for n in (1, 3)}


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("margin", [0, 16])
def test_the_same_as_with_litert(
    tmp_path: Path, theirs: dict[int, LiteRT], layout: str, channels: int, margin: int
) -> None:
    card = tiny_card(channels) | {"margin": margin}
    ours = kdae.load(tiny_onnx(tmp_path / "tiny.onnx", card, layout=layout), threads=1)
    assert isinstance(ours.network, OnnxModel)
    assert ours.card == card and ours.margin == margin
    reference = Denoiser(theirs[channels], card)
    for shape in ((50, 97, channels), (7, 5, channels), (1, 1, channels)):
        image = noise_image(*shape, dtype=np.float32)
        expected = np.clip(reference.denoise_float(image, tile=20), 0, 1)
        result = ours.denoise_float(image, tile=20)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)
    if channels == 1:  # shown the colours as three pictures at once
        image = noise_image(30, 41, 3)
        off = ours.denoise(image).astype(int) - reference.denoise(image)
        assert abs(off).max() <= 1 and (ours.denoise(image) != image).any()


def test_values_beyond_the_levels_are_kept(tmp_path: Path, theirs: dict[int, LiteRT]) -> None:
    card = tiny_card() | {"levels": LEVELS}
    ours = kdae.load(tiny_onnx(tmp_path / "tiny.onnx", card))
    picture = np.random.default_rng(0).integers(0, 9000, (40, 48, 1)).astype(np.uint16)
    expected = Denoiser(theirs[1], card).denoise(picture)
    assert expected.min() < LEVELS[0] < LEVELS[1] < expected.max()
    assert abs(ours.denoise(picture).astype(int) - expected).max() <= 1


def test_the_command(tmp_path: Path) -> None:
    image = noise_image(20, 30, 3)
    Image.fromarray(image).save(tmp_path / "in.png")
    model = tiny_onnx(tmp_path / "tiny.onnx", tiny_card(3))
    source, target = (str(tmp_path / name) for name in ("in.png", "out.png"))
    assert main([source, "-o", target, "--engine", "onnx", "--model", str(model)]) == 0
    clean = np.asarray(Image.open(target))
    np.testing.assert_array_equal(clean, kdae.load(model).denoise(image))


def test_what_is_refused(tmp_path: Path) -> None:
    file = tiny_onnx(tmp_path / "tiny.onnx", tiny_card())
    fixed = tiny_onnx(tmp_path / "fixed.onnx", tiny_card(), side=64)
    (tmp_path / "text.onnx").write_text("not a model")
    bare = onnx.load_model(file)
    del bare.metadata_props[:]
    onnx.save_model(bare, tmp_path / "bare.onnx")
    for name, how, message in (
        (file, {"engine": "litert"}, r"engine: litert does not run .*tiny\.onnx, onnx does"),
        (file, {"engine": "keras"}, r"engine: keras does not run .*tiny\.onnx, onnx does"),
        (file, {"fast": True}, r"fast: .*tiny\.onnx with the engine onnx has no file of 8"),
        ("gray", {"engine": "onnx"}, r"`kdae export --model gray --format onnx` makes some"),
        (tmp_path / "none.onnx", {}, r"none\.onnx: no such file"),
        (tmp_path / "text.onnx", {}, r"text\.onnx: ONNX Runtime cannot run it \("),
        (tmp_path / "bare.onnx", {}, r"bare\.onnx: holds no model card \(kdae\.json\)"),
        (fixed, {}, r"fixed\.onnx: takes 64x64 pixels; expected any size"),
    ):
        with pytest.raises(UserError, match=message):
            kdae.load(name, **how)


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tiny_onnx(tmp_path / "tiny.onnx", tiny_card())
    monkeypatch.delitem(sys.modules, "kdae.engine.onnx_model", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    told = r"runs with ONNX Runtime; .* onnxruntime is missing; pip install 'kdae\[onnx\]'"
    with pytest.raises(UserError, match=told):
        kdae.load(file)
