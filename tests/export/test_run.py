"""The export command: a run trained in half precision to every format, and what goes wrong."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdae.cards import card_inside, load_card
from kdae.engine import Denoiser
from kdae.engine.keras_model import KerasModel
from kdae.errors import UserError
from kdae.export import parity
from kdae.export import run as export_module
from kdae.export.__main__ import main, model_name
from kdae.export.formats import Artifact, Bounds, ExportRequest, NotRun, Run, find_exporter
from kdae.export.photographs import examples
from kdae.export.run import export_model, in_float32
from kdae.export.tflite import exporter as tflite
from kdae.model import build_denoiser, load_model
from kdae.train import train
from kdae.train.config import config_from_dict
from tests.helpers import (
    TINY,
    calibrate_quickly,
    noise_image,
    skip_plots,
    tiny_card,
    tiny_model,
    tiny_run,
)

# `test_tfjs` and `test_onnx` have the others.
FORMATS = ["savedmodel", "tflite"]
TILE = 256  # the side of the largest picture of the measurement


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained for two steps in mixed_float16."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "photos").mkdir()
    for index in range(3):
        Image.fromarray(noise_image(32, 32, 3, seed=index)).save(
            folder / "photos" / f"{index}.png"
        )
    config = config_from_dict(
        {
            "data": {"source": str(folder / "photos"), "channels": 3},
            "model": {"widths": [4, 8], "blocks": [1, 1]},
            "train": {"steps": 2, "batch": 2, "patch": 16, "precision": "mixed_float16"},
            "validation": {"patch": 16},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        skip_plots(patch)
        return train(config, folder / "small")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of the run, in two formats at once."""
    out = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        # Every picture fills a whole tile of a file of fixed size, however small it is.
        patch.setattr(tflite, "TILE", TILE)
        calibrate_quickly(patch, tflite)
        assert main(["--model", str(run), "--format", *FORMATS, "--out", str(out)]) == 0
    assert [path.name for path in out.iterdir()] == ["small"]
    return out / "small"


def test_the_report_holds_every_artifact_against_keras(exported: Path) -> None:
    report = json.loads((exported / parity.REPORT).read_text())
    rows = {(row["file"], row["variant"]): row for row in report["artifacts"]}
    names = [f"tflite/small-{v}" for v in ("float32", "float16", "weights8", "int8", "uint8")]
    files = [f"{name}{size}.tflite" for name in names for size in ("", f"-{TILE}")]
    files += ["savedmodel/1"] * 2
    assert sorted(file for file, _ in rows) == sorted(files)
    for (file, variant), row in rows.items():
        assert "not_run" not in row, row["not_run"]
        assert row["failures"] == []
        path = exported / file
        sizes = [f.stat().st_size for f in (path.rglob("*") if path.is_dir() else [path])]
        assert row["bytes"] > 1000 and (path.is_dir() or row["bytes"] == sizes[0])
        assert set(row["milliseconds"]) == {"1", "2"}
        if variant == "float32":
            assert row["max_difference"] <= row["bounds"]["max_difference"] == 1e-5
        elif variant != "PNG bytes":
            assert row["bounds"]["psnr_loss"] == (0.01 if variant == "float16" else 0.15)
    assert report["sizes"] == ["256x256", "135x201", "5x7"]
    assert len(report["photographs"]) == 8


def test_every_artifact_carries_the_card(exported: Path, run: Path) -> None:
    card = load_card(run / "model-card.json")
    cards = list(exported.rglob("model-card.json"))
    folders = {path.parent.relative_to(exported).as_posix() for path in cards}
    assert folders == {".", "savedmodel/1/assets.extra"}
    assert all(load_card(path).items() >= card.items() for path in cards)
    for path in (exported / "tflite").iterdir():
        assert card_inside(path).items() >= card.items()


def test_the_table_has_a_line_for_each(exported: Path) -> None:
    rows = json.loads((exported / parity.REPORT).read_text())["artifacts"]
    lines = parity.format_table(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    assert all(line.endswith("yes") for line in lines[1:])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_half_precision_model_is_rebuilt(dtype: str, tmp_path: Path) -> None:
    half = build_denoiser(TINY, 1, dtype=f"mixed_{dtype}")
    half.set_weights(tiny_model().get_weights())
    half.save(tmp_path / "half.keras")
    loaded, _ = load_model(tmp_path / "half.keras")
    assert dtype in {layer.compute_dtype for layer in loaded.layers}
    whole = in_float32(loaded)
    assert {layer.compute_dtype for layer in whole.layers} == {"float32"}
    image = noise_image(1, 16, 16, 1, dtype=np.float32)
    np.testing.assert_array_equal(whole(image), tiny_model()(image))
    assert in_float32(whole) is whole


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("photo", "photo"),
        ("runs/mine", "mine"),
        ("runs/mine/", "mine"),
        ("runs/mine/model.keras", "mine"),
        ("a/b.keras", "b"),
    ],
)
def test_names(argument: str, name: str) -> None:
    assert model_name(argument) == name


class Fake:
    """A format of one file; its runtime adds `error` to what Keras says."""

    def __init__(self, error: float = 0.0, missing: str = "") -> None:
        self.error, self.missing = error, missing

    def export(self, request: ExportRequest) -> list[Artifact]:
        path = request.folder / "file"
        path.write_bytes(bytes(10))
        bounds = Bounds(difference=1e-3, psnr_loss=0.1)
        return [Artifact("fake", path, bounds, multiple=4, clipped=False)]

    def run(self, artifacts: Sequence[Artifact], pictures: Any) -> list[Run]:
        if self.missing:
            raise NotRun(self.missing)
        outputs = [tiny_model()(image[None])[0].numpy() + self.error for image in pictures[0]]
        return [Run(outputs, {1: 2.0}, "fake 1")]


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(**kw: Any) -> None:
        monkeypatch.setattr(export_module, "find_exporter", lambda name: Fake(**kw))

    return install


def test_a_missed_bound_fails_with_the_figures(
    faked: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faked(error=0.25)
    with pytest.raises(UserError) as caught:
        export_model("tiny", tiny_model(), tiny_card(), ["fake"], tmp_path / "out")
    said = str(caught.value)
    assert "fake/file (fake) differs from Keras by 2.50e-01, allowed are 1.0e-03" in said
    assert "dB at sigma 25, allowed are 0.1 dB" in said
    assert "missed: fake/file (fake): differs" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_not_a_number_misses_its_bound(faked: Any, tmp_path: Path) -> None:
    faked(error=float("nan"))
    with pytest.raises(UserError, match="differs from Keras by nan"):
        export_model("tiny", tiny_model(), tiny_card(), ["fake"], tmp_path / "out")


def test_a_runtime_that_is_missing_is_said_not_hidden(
    faked: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faked(missing="Node.js is not installed")
    report = export_model("tiny", tiny_model(), tiny_card(), ["fake"], tmp_path / "out")
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("fake/file (fake)") and said[1].endswith("not run")
    assert said[2:] == ["not run: Node.js is not installed"]
    assert report["artifacts"][0]["not_run"] == "Node.js is not installed"
    assert json.loads((tmp_path / "out" / parity.REPORT).read_text()) == report


def test_an_empty_folder_is_filled_another_left_alone(faked: Any, tmp_path: Path) -> None:
    faked()
    out = tmp_path / "out"
    out.mkdir()
    export_model("tiny", tiny_model(), tiny_card(), ["fake"], out)
    before = sorted(path.stat().st_mtime_ns for path in out.rglob("*"))
    with pytest.raises(UserError, match="exists already and is never written over"):
        export_model("tiny", tiny_model(), tiny_card(), ["fake"], out)
    assert sorted(path.stat().st_mtime_ns for path in out.rglob("*")) == before


def test_the_pictures_of_the_measurement_are_odd_and_tiny_too() -> None:
    example = examples(1)[0]
    assert example.noisy.shape == (256, 256, 1)
    sigma = 255 * float(np.std(example.noisy - example.clean))
    assert 20 < sigma < 26  # 25, less what clipping takes
    artifact = Artifact("x", Path("x"), Bounds(), multiple=8)
    grown = parity.continued(example.noisy[:7, :5], artifact)
    np.testing.assert_array_equal(
        grown, np.pad(example.noisy[:7, :5], [(0, 1), (0, 3), (0, 0)], "reflect")
    )
    tile = parity.continued(example.noisy[:7, :5], replace(artifact, side=64))
    assert tile.shape == (64, 64, 1)


def test_the_reference_continues_pictures_as_the_artifact_does() -> None:
    image, model = noise_image(10, 13, 1, dtype=np.float32), tiny_model()
    denoiser = Denoiser(KerasModel(model), tiny_card() | {"margin": 8})
    expected = denoiser.denoise_float(image)
    reference = parity.Reference(model, 4)
    np.testing.assert_allclose(reference(image, 8), expected, atol=1e-6)
    assert np.abs(reference(image) - expected).max() > 1e-4


def test_a_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("onnx", "tensorflowjs"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    for name in ("tfjs", "onnx"):
        monkeypatch.delitem(sys.modules, f"kdae.export.{name}.exporter", raising=False)
    with pytest.raises(UserError, match=r"tensorflowjs is missing; pip install 'kdae\[tfjs\]'"):
        find_exporter("tfjs")
    with pytest.raises(UserError, match=r"onnx is missing; pip install 'kdae\[onnx\]'"):
        find_exporter("onnx")
    with pytest.raises(UserError, match="savedmodel, tflite, tfjs, onnx, got 'coreml'"):
        find_exporter("coreml")


def test_bad_arguments(tmp_path: Path) -> None:
    out, run = str(tmp_path / "out"), str(tiny_run(tmp_path / "run"))
    fine = ["--format", "savedmodel", "--out", out]
    for arguments, message in [
        (["--model", "nosuch", *fine], "nosuch: expected a run folder"),
        (["--model", run, run, *fine], "two models are called run"),
        (["--model", run, *fine, "--max-pixels", "0"], "--max-pixels: expected at least 1"),
    ]:
        with pytest.raises(UserError, match=message):
            main(arguments)
    with pytest.raises(SystemExit) as caught:
        main(["--model", run, "--format", "coreml", "--out", out])
    assert caught.value.code == 2
    assert not Path(out).exists()
    Path(out).write_text("a file")
    with pytest.raises(UserError, match=r"out/run: cannot be written .*File exists"):
        main(["--model", run, *fine])


def test_a_folder_that_cannot_be_written(faked: Any) -> None:
    faked()
    # Not even root can make a folder there.
    with pytest.raises(UserError, match="--out /proc/kdae/tiny: cannot be written"):
        export_model("tiny", tiny_model(), tiny_card(), ["fake"], Path("/proc/kdae/tiny"))
