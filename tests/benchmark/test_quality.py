"""The comparison with classical methods: its figures and its files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kdae.benchmark import quality
from kdae.benchmark.__main__ import main
from kdae.benchmark.earlier import Row
from kdae.benchmark.methods import METHODS, estimated_sigma
from kdae.benchmark.quality import PictureSet, measure_quality
from kdae.benchmark.report import PUBLISHED, format_table, write_report
from kdae.data import KDAE_PHOTOS
from kdae.errors import UserError
from kdae.images import Picture, write_image
from kdae.metrics import psnr
from tests.helpers import read_once


def scene(channels: int, side: int = 96) -> np.ndarray:
    """A smooth slope with a bright square, float32 [side, side] or [side, side, 3]."""
    y, x = np.mgrid[:side, :side] / side
    image = 0.2 + 0.4 * x
    image[side // 4 : side // 2, side // 4 : side // 2] = 0.9
    if channels == 3:
        image = np.stack([image, 0.5 * image + 0.2 * y, 1 - image], -1)
    return image.astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_removes_noise(method: str, channels: int) -> None:
    clean = scene(channels)
    noise = np.random.default_rng(0).normal(0, 25 / 255, clean.shape)
    noisy = (clean + noise).astype(np.float32)
    denoised = METHODS[method](noisy, 25.0)
    assert denoised.shape == clean.shape
    before, after = (
        float(psnr(image.reshape(1, 96, 96, -1), clean.reshape(1, 96, 96, -1))[0])
        for image in (noisy, denoised.astype(np.float32))
    )
    assert after > before + 5


@pytest.mark.parametrize("channels", [1, 3])
def test_the_estimated_level(channels: int) -> None:
    noise = np.random.default_rng(0).normal(0, 25 / 255, scene(channels).shape)
    assert abs(estimated_sigma(scene(channels) + noise) - 25) < 2


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Two colour pictures with Gaussian noise, and a real pair."""
    data = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    first, second = read_once(KDAE_PHOTOS, "test", 3, 2).arrays
    noisy = np.clip(first + rng.normal(0, 15, first.shape), 0, 255).astype(np.uint8)
    pictures = {"Plain/one": first, "Plain/two": second}
    pictures |= {"Real/a_real": noisy, "Real/a_mean": first}
    for name, pixels in pictures.items():
        (data / name).parent.mkdir(exist_ok=True)
        write_image(data / f"{name}.png", Picture(pixels[:48, :48]))
    sets = (
        PictureSet("Plain", 3, "photo", slow_limit=1),
        PictureSet("Real", 3, "photo", pairs=("*_real.png", "*_mean.png")),
    )
    with pytest.MonkeyPatch.context() as patch:
        # Seconds are tested in test_isolated.py.
        patch.setattr(quality, "_speed", lambda method, channels: SPEED)
        return measure_quality(data, sets)


SPEED = {
    "cpu_seconds_per_megapixel": 1.5,
    "seconds_per_megapixel_1_thread": 1.6,
    "seconds_per_megapixel_2_threads": 0.8,
}


def test_rows(rows: list[Row]) -> None:
    assert {row["method"] for row in rows} == {"photo", *METHODS}
    plain = [row for row in rows if row["data"] == "Plain"]
    assert {row["noise"] for row in plain} == {"gaussian:15", "gaussian:25", "gaussian:50"}
    for method in ("photo", *METHODS):
        counts = [row["images"] for row in plain if row["method"] == method]
        # BM3D gets one picture. kdae gets all of them, and in a second row just that one.
        assert counts == {"photo": [2] * 3 + [1] * 3, "BM3D": [1] * 3}.get(method, [2] * 3)
    # All methods get the same noise.
    for noise in ("gaussian:25", "real"):
        same = [r["psnr_noisy"] for r in rows if r["noise"] == noise and r["images"] != 1]
        assert len(set(same)) <= 1
    assert all(row["psnr"] > row["psnr_noisy"] for row in rows)


def test_files(rows: list[Row], tmp_path: Path) -> None:
    table = write_report(rows, tmp_path / "out", "the command")
    assert (tmp_path / "out/quality.md").read_text().strip() == table == format_table(rows)
    told = json.loads((tmp_path / "out/quality.json").read_text())
    assert told["command"] == "the command" and told["rows"] == rows
    with open(tmp_path / "out/quality.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in read] == pytest.approx(
        [r["psnr"] for r in rows], 1e-5
    )
    assert (tmp_path / "out/quality.png").read_bytes()[:4] == b"\x89PNG"


def test_table(rows: list[Row]) -> None:
    lines = format_table(rows).splitlines()
    names = [line.split(" | ")[0].strip("| ") for line in lines[2:]]
    published = [f"{name} (published)" for name in PUBLISHED]
    assert names == ["**kdae photo**", *METHODS, *published]
    one = [row["psnr"] for row in rows if row["method"] == "BM3D" and row["data"] == "Plain"]
    (bm3d,) = (line for line in lines if line.startswith("| BM3D"))
    assert " / ".join(f"{value:.2f}" for value in one) + " (first 1)" in bm3d

    slow = [{**row, "cpu_seconds_per_megapixel": 123.4} for row in rows]
    assert format_table(slow).splitlines()[2].endswith("| 120 |")


def test_the_timed_function_denoises() -> None:
    denoised = quality.timed("wavelets", 1)()
    assert denoised.shape == (768, 768, 1) and denoised.dtype == np.float32


def test_bad_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"--data .*: expected a folder Set12 in it"):
        main(["quality", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(UserError, match="--processors: expected at least 1, got 0"):
        main(["memory", "--processors", "0"])
    with pytest.raises(UserError, match="model nowhere"):
        main(["memory", "--model", "nowhere"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"bm3d is missing; pip install 'kdae\[bench\]'"):
        main(["quality", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
