"""Runs on noisy pictures alone: the folder, resuming, levels, and what is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import kdae
from kdae.cards import CARD, load_card
from kdae.denoise.plan import Job
from kdae.denoise.stream import denoise_file
from kdae.engine import Denoiser
from kdae.engine.keras_model import KerasModel
from kdae.errors import UserError
from kdae.images import Picture, read_image, write_image
from kdae.train import run, train
from kdae.train.config import config_from_dict
from tests.helpers import skip_plots, tiny_card, tiny_model
from tests.train.test_run import equal

OFFSET, GAIN, SIGMA = 1000, 7, 150


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of noisy 16-bit pictures: smooth, with offset and gain."""
    folder = tmp_path_factory.mktemp("camera")
    rng = np.random.default_rng(0)
    for index in range(6):
        small = Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8))
        clean = np.asarray(small.resize((48, 48), Image.Resampling.BICUBIC), np.float64)
        noisy = OFFSET + GAIN * clean + rng.normal(0, SIGMA, clean.shape)
        pixels = np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)[..., None]
        write_image(folder / f"{index}.tif", Picture(pixels))
    return folder


def settings(camera: Path, **train: Any) -> dict[str, Any]:
    base = {
        "supervision": "blind_spot", "steps": 6, "batch": 2, "patch": 16, "warmup": 0,
        "optimizer": "sgd", "learning_rate": 0.2, "validate_every": 3, "checkpoint_every": 3,
        "precision": "float32", "ema": 0.0,
    }  # fmt: skip
    return {
        "data": {"source": str(camera), "levels": "percentiles"},
        "model": {"widths": [4], "blocks": [1]},
        "validation": {"patch": 48},
        "train": base | train,
    }


@pytest.fixture(scope="module")
def whole(camera: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    return train(config_from_dict(settings(camera)), out)


@pytest.fixture(autouse=True)
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the plots of all runs but `whole`, which is made before."""
    skip_plots(monkeypatch)


def test_the_card_says_what_was_measured(whole: Path) -> None:
    card = load_card(whole / CARD)
    low, high = card["levels"]
    assert low < OFFSET + 3 * SIGMA < high < OFFSET + GAIN * 255 + 5 * SIGMA
    [result] = card["results"]
    assert result["note"].startswith("PSNR against noisy targets")
    assert result["noise"] == "of the pictures"
    assert result["psnr"] < 30
    assert card["training"]["supervision"] == "blind_spot"
    # What exports choose their ranges with: the same estimate, on the scale of 0 to 255.
    estimate = card["training"]["noise"]["kind"]["gaussian"]["sigma"]
    assert estimate / 255 * (high - low) == pytest.approx(card["removed"]["sigma"], rel=0.01)
    assert set(card["removed"]) == {"sigma", "with_picture", "along_rows", "along_columns"}
    assert 0 < card["removed"]["sigma"] < 1000
    assert (whole / "samples.png").is_file()


def test_pictures_come_back_in_their_units(whole: Path, camera: Path) -> None:
    noisy = read_image(camera / "0.tif").pixels
    model = kdae.load(whole)
    denoised = model.denoise(noisy)
    assert denoised.dtype == np.uint16
    assert denoised.mean() == pytest.approx(noisy.mean(), rel=0.05)
    np.testing.assert_array_equal(model.denoise(noisy, strength=0), noisy)
    # Floats have the units of the files too, and are not clipped to [0, 1].
    floats = model.denoise(noisy.astype(np.float32))
    np.testing.assert_allclose(floats, denoised, atol=0.6)
    with pytest.raises(ValueError, match="finite"):
        model.denoise(np.full((8, 8), np.nan, np.float32))


def test_a_stopped_run_goes_on_bit_for_bit(whole: Path, camera: Path, tmp_path: Path) -> None:
    def stop(step: int, *_: object) -> None:
        raise KeyboardInterrupt

    config = config_from_dict(settings(camera))
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", on_validation=stop)
    train(config, tmp_path / "run", resume=True)
    assert equal(tmp_path / "run", whole)


def test_a_stack_of_floats_has_levels_and_comes_back_in_its_units(tmp_path: Path) -> None:
    pages = np.random.default_rng(0).normal(-5e4, 300, (12, 48, 48)).astype(np.float32)
    pages[3, 0, 0] = np.nan
    source, target = tmp_path / "in" / "a.tif", tmp_path / "b.tif"
    source.parent.mkdir()
    tifffile.imwrite(source, pages, photometric="minisblack")
    tree = settings(source.parent)
    pictures = run._training_pictures(config_from_dict(tree))
    assert len(pictures) == 10 and pictures.levels is not None
    low, high = pictures.levels
    # Of a normal distribution the percentiles 0.1 and 99.9 are at 3.09 sigmas.
    assert (low, high) == pytest.approx((-5e4 - 3.09 * 300, -5e4 + 3.09 * 300), abs=60)
    card = tiny_card() | {"levels": [low, high]}
    denoiser = Denoiser(KerasModel(tiny_model()), card)
    denoise_file(denoiser, Job(source, target))
    denoised = tifffile.imread(target)
    assert denoised.dtype == np.float32 and np.isnan(denoised[3, 0, 0])
    expected = denoiser.denoise(pages[5])
    assert abs(expected - pages[5]).max() > 100
    np.testing.assert_allclose(denoised[5], expected, rtol=0, atol=0.05)
    tree["data"]["levels"] = "file"
    with pytest.raises(UserError, match=r"float32, which .* data\.levels=percentiles"):
        run._training_pictures(config_from_dict(tree))


def test_clean_pictures_are_for_measuring_only(camera: Path, tmp_path: Path) -> None:
    tree = settings(camera, supervision="neighbors", steps=1)
    tree["data"]["validation"] = {
        "noisy": f"{camera}/[012].tif",
        "clean": f"{camera}/[345].tif",
    }
    with pytest.raises(UserError, match="no clean partner"):
        train(config_from_dict(tree), tmp_path / "a")
    (tmp_path / "clean").mkdir()
    for file in camera.iterdir():
        (tmp_path / "clean" / file.name).write_bytes(file.read_bytes())
    tree["data"]["validation"] = {"noisy": str(camera), "clean": str(tmp_path / "clean")}
    card = load_card(train(config_from_dict(tree), tmp_path / "b") / CARD)
    assert card["results"][0]["psnr_noisy"] == 100.0
    assert "note" not in card["results"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train": {"supervision": "pairs"}}, "train.supervision: expected clean"),
        ({"data": {"source": {"repeats": ["a", "b"]}}}, "train.supervision: expected repeats"),
        ({"train": {"blind_mask": [1, 3]}}, "train.blind_mask: expected [1, 1] unless"),
        ({"train": {"supervision": "blind_spot", "blind_mask": [1, 2]}}, "two odd sizes"),
        ({"augment": {"exposure": 1.0}}, "augment.exposure: expected 0 with neighbors"),
        ({"model": {"widths": [4, 4], "blocks": [1, 1]}, "train": {"patch": 20}}, "stride 8"),
    ],
)
def test_what_does_not_fit(change: dict[str, dict[str, Any]], words: str) -> None:
    tree: dict[str, dict[str, Any]] = {"train": {"supervision": "neighbors"}}
    for section, values in change.items():
        tree[section] = tree.get(section, {}) | values
    with pytest.raises(UserError) as error:
        config_from_dict(tree)
    assert words in str(error.value)


def test_noisy_targets_have_the_l2_loss_unless_another_is_given() -> None:
    def losses(tree: dict[str, Any]) -> tuple[float, float]:
        loss = config_from_dict(tree).loss
        return loss.l1, loss.l2

    assert losses({}) == (1.0, 0.0)
    assert losses({"data": {"source": {"noisy": "a", "clean": "b"}}}) == (1.0, 0.0)
    assert losses({"data": {"source": {"repeats": ["a", "b"]}}}) == (0.0, 1.0)
    alone = {"train": {"supervision": "blind_spot"}}
    assert losses(alone) == (0.0, 1.0)
    assert losses(alone | {"loss": {"l1": 0.5}}) == (0.5, 0.0)
