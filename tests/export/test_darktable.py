"""The darktable package: what is in it, and that it denoises as kdae does."""

import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from PIL import Image

import kdae
from kdae.cards import CARD, load_card, write_card
from kdae.engine import Denoiser, margin_of
from kdae.errors import UserError
from kdae.export.onnx.graph import read_card
from kdae.export.photographs import examples
from tests.helpers import tiny_run

KIT = Path(__file__).parents[2] / "export" / "darktable"
LEVEL = 1 / 255


def script(path: Path) -> ModuleType:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    return module


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the shipped model."""
    out = tmp_path_factory.mktemp("darktable") / "built"
    built = script(KIT / "package.py").build("photo", out)
    assert built == out / "output" / "denoise-kdae.dtmodel"
    return out


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return kdae.load("photo")


@pytest.fixture(scope="module")
def session(package: Path) -> Any:
    return onnxruntime.InferenceSession(str(package / "output" / "denoise-kdae" / "model.onnx"))


@pytest.fixture(scope="module")
def demo(package: Path) -> ModuleType:
    return script(package / "models" / "denoise-kdae" / "demo.py")


def test_the_files_are_those_of_darktable_ai(package: Path) -> None:
    source, target = (package / name / "denoise-kdae" for name in ("models", "output"))
    names = {"model.yaml", "convert.py", "demo.py", "README.md"}
    assert {path.name for path in source.iterdir()} == names
    with zipfile.ZipFile(package / "output" / "denoise-kdae.dtmodel") as archive:
        assert sorted(archive.namelist()) == [
            "denoise-kdae/config.json",
            "denoise-kdae/model.onnx",
        ]
        assert archive.read("denoise-kdae/config.json") == (target / "config.json").read_bytes()


def test_the_schemas(package: Path, denoiser: Denoiser) -> None:
    config = json.loads((package / "output" / "denoise-kdae" / "config.json").read_text())
    settings = yaml.safe_load((package / "models" / "denoise-kdae" / "model.yaml").read_text())
    assert all(config[key] == settings[key] for key in config)
    assert config["id"] == "denoise-kdae" and config["task"] == "denoise"
    assert config["backend"] == "onnx" and config["tiling"] is True
    assert config["version"] == kdae.__version__
    assert set(config) >= {"id", "name", "description", "task", "backend", "version", "arch"}
    assert settings["type"] == "single" and settings["dep_group"] == "kdae"
    card = settings["model_card"]
    assert set(card) == {
        "long_description", "scope", "author", "source", "paper", "license", "training_data",
        "training_data_license", "notes",
    }  # fmt: skip
    known = denoiser.card
    assert card["license"] == known["license"] == "Apache-2.0"
    for name, count in known["training"]["licenses"].items():
        assert f"{name} ({count})" in card["training_data_license"]
    assert f"{known['parameters']:,}" in card["long_description"]


def test_the_readme_has_every_row_of_the_selection_table(
    package: Path, denoiser: Denoiser
) -> None:
    text = (package / "models" / "denoise-kdae" / "README.md").read_text()
    rows = dict(
        [cell.strip() for cell in line.split("|")[1:3]]
        for line in text.split("## Selection Criteria")[1].splitlines()
        if line.startswith("| ")
    )
    asked = [
        "Model license", "OSAID v1.0", "MOF", "Training data license",
        "Training data provenance", "Training code", "Known limitations", "Published research",
        "Inference", "Scope", "Reproducibility",
    ]  # fmt: skip
    assert list(rows)[1:] == asked
    assert all(rows.values())
    assert "Not run inside darktable" in text and "$" not in text
    known = denoiser.card
    assert f"{known['halo']} pixels" in text and known["training"]["command"] in text
    assert f"by at least {margin_of(known)} pixels" in text


def test_the_model_is_what_darktable_takes(
    package: Path, session: Any, denoiser: Denoiser
) -> None:
    (given,), (got,) = session.get_inputs(), session.get_outputs()
    for tensor in (given, got):
        assert tensor.type == "tensor(float)"
        # darktable fixes these names to its tile's size.
        assert tensor.shape == ["batch", 3, "height", "width"]
    path = package / "output" / "denoise-kdae" / "model.onnx"
    assert read_card(path)["halo"] == denoiser.card["halo"]
    parameters = denoiser.card["parameters"]
    assert 2 * parameters < path.stat().st_size < 2.2 * parameters + 50_000


@pytest.mark.parametrize("as_darktable", [True, False])
def test_tiles_with_an_overlap_are_what_kdae_makes_of_the_mirrored_picture(
    session: Any, demo: ModuleType, denoiser: Denoiser, as_darktable: bool
) -> None:
    border = demo.OVERLAP if as_darktable else max(demo.halo_of(session), demo.OVERLAP)
    # Else both cases are one, and the margin is not seen.
    assert as_darktable or (border > demo.OVERLAP and margin_of(denoiser.card) > 0)
    noisy = np.tile(examples(3)[0].noisy, (2, 2, 1))[:301, :203]
    clean = demo.denoise(session, noisy, 256, border if as_darktable else None)
    assert clean.shape == noisy.shape
    mirrored = np.pad(noisy, [(border, border), (border, border), (0, 0)], "reflect")
    expected = denoiser.denoise(mirrored)[border:-border, border:-border]
    assert np.abs(clean - expected).max() < LEVEL
    # Away from the edges nothing depends on what lies beyond them.
    inner = (slice(denoiser.card["halo"], -denoiser.card["halo"]),) * 2
    assert np.abs(clean - denoiser.denoise(noisy))[inner].max() < LEVEL
    # The comparison can fail: without an overlap there are seams.
    seams = demo.denoise(session, noisy, tile=128, overlap=0)
    assert np.abs(seams - clean)[inner].max() > LEVEL


def test_the_demo_writes_a_picture(
    package: Path, demo: ModuleType, denoiser: Denoiser, tmp_path: Path
) -> None:
    noisy = np.rint(255 * examples(3)[0].noisy[:50, :70]).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    model = package / "output" / "denoise-kdae" / "model.onnx"
    demo.demo(str(model), str(tmp_path / "noisy.png"), str(tmp_path / "clean.png"))
    clean = np.asarray(Image.open(tmp_path / "clean.png")).astype(int)
    border = max(denoiser.card["halo"], demo.OVERLAP)  # more than the picture is high
    mirrored = np.pad(noisy, [(border, border), (border, border), (0, 0)], "reflect")
    expected = denoiser.denoise(mirrored)[border:-border, border:-border]
    assert np.abs(clean - expected).max() <= 1


def test_what_is_refused(tmp_path: Path) -> None:
    package, convert = script(KIT / "package.py"), script(KIT / "convert.py")
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match="exists already"):
        package.build("photo", tmp_path / "taken")
    for channels, training in [
        (1, {"licenses": {"CC0-1.0": 1}}),
        (3, {"licenses": {"CC0-1.0": 1, "unknown": 2}}),
    ]:
        run = tiny_run(tmp_path / str(channels), channels=channels)
        write_card(load_card(run / CARD) | {"training": training}, run / CARD)
        with pytest.raises(UserError, match="expected a colour model whose card states"):
            package.build(str(run), tmp_path / "out")
    with pytest.raises(ValueError, match="opset: expected 17, got 20"):
        convert.convert("photo", str(tmp_path / "x.onnx"), opset=20)
    with pytest.raises(ValueError, match="expected a colour model, got 1 channel"):
        convert.convert(str(tmp_path / "1"), str(tmp_path / "x.onnx"))
    assert not (tmp_path / "out").exists() and not (tmp_path / "x.onnx").exists()
