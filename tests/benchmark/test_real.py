"""The comparison on what people have: its figures and its files."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdae.benchmark.__main__ import main
from kdae.benchmark.earlier import Row, check_same_noise, read_rows
from kdae.benchmark.real import CLASSICAL, KINDS, Kind, format_table, measure_real, write_real
from kdae.cards import shipped_models
from kdae.data import KDAE_PHOTOS
from kdae.errors import UserError
from kdae.images import Picture, write_image
from tests.helpers import read_once


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    data = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number, picture in enumerate(read_once(KDAE_PHOTOS, "test", 3, 2).arrays):
        clean = picture[:48, :48]
        noisy = np.clip(clean + rng.normal(0, 15, clean.shape), 0, 255).astype(np.uint8)
        for name, pixels in ((f"{number}_real", noisy), (f"{number}_mean", clean)):
            (data / "Pairs").mkdir(exist_ok=True)
            write_image(data / f"Pairs/{name}.png", Picture(pixels))
        (data / "Grey").mkdir(exist_ok=True)
        write_image(data / f"Grey/{number}.png", Picture(clean[..., :1]))
    return measure_real(
        data,
        (
            Kind("pairs", "Pairs", 3, None, slow_limit=1),
            Kind("grey", "Grey", 1, {"gaussian": {"sigma": 25}}),
            Kind("nothing", "Grey", 1, {"gaussian": {"sigma": 0}}),
        ),
    )


def test_rows(rows: list[Row]) -> None:
    assert [row["method"] for row in rows if row["data"] == "grey"] == [
        *shipped_models(),
        *CLASSICAL,
    ]
    pairs = [(row["method"], row["images"]) for row in rows if row["data"] == "pairs"]
    assert pairs[-2:] == [("BM3D", 1), ("photo", 1)] and ("photo", 2) in pairs
    # All see the same noise; `color` was made for other noise than that of grey pictures.
    grey = [row for row in rows if row["data"] == "grey"]
    assert len({row["psnr_noisy"] for row in grey}) == 1
    for row in grey:
        assert row["psnr"] > row["psnr_noisy"] + 2 or row["method"] not in (*CLASSICAL, "gray")
    clean = [row for row in rows if row["data"] == "nothing"]
    assert all(row["psnr_noisy"] == pytest.approx(100) for row in clean)
    assert all(row["psnr"] > 25 for row in clean)


def test_files(rows: list[Row], tmp_path: Path) -> None:
    table = write_real(rows, tmp_path / "out", "the command")
    assert (tmp_path / "out/real.md").read_text().strip() == table
    told = json.loads((tmp_path / "out/real.json").read_text())
    assert told == {"command": "the command", "rows": rows}
    with open(tmp_path / "out/real.csv", newline="") as file:
        read = [float(row["psnr"]) for row in csv.DictReader(file)]
    assert read == pytest.approx([row["psnr"] for row in rows], 1e-5)
    assert (tmp_path / "out/real.png").read_bytes()[:4] == b"\x89PNG"


def test_table(rows: list[Row]) -> None:
    lines = [line.strip("| ").split(" | ") for line in format_table(rows).splitlines()]
    assert lines[0] == ["method", "pairs", "grey", "nothing"]
    assert lines[2][0] == "noisy" and lines[2][-1] == "unchanged"
    cells = {line[0]: line[1] for line in lines[3:]}
    one = {
        (row["method"], row["images"]): row["psnr"] for row in rows if row["data"] == "pairs"
    }
    assert cells["BM3D"] == f"{one['BM3D', 1]:.2f} (first 1)"
    photo = f"{one['photo', 2]:.2f}; {one['photo', 1]:.2f} (first 1)"
    assert cells["**kdae photo**"] == photo


def test_the_kinds_and_a_missing_folder(tmp_path: Path) -> None:
    assert {kind.folder for kind in KINDS} == {"CC15", "Set12", None}
    with pytest.raises(UserError, match=r"--data .*: expected a folder CC15 in it"):
        main(["real", "--data", str(tmp_path), "--out", str(tmp_path / "out")])


def test_classical_methods_from_an_earlier_report(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(data: Path, kind: Kind, method: str, limit: int | None) -> dict[str, Any]:
        assert method not in CLASSICAL
        noisy = next(row["psnr_noisy"] for row in rows if row["data"] == kind.title)
        return {"method": method, "data": kind.title, "psnr_noisy": noisy, "psnr": 50.0}

    monkeypatch.setattr("kdae.benchmark.real._row", measured)
    monkeypatch.setattr("kdae.benchmark.real.shipped_models", lambda: ["photo"])
    write_real(rows, tmp_path, "the command")
    kinds = [Kind("pairs", None, 3, None), Kind("grey", None, 1, None)]
    new = measure_real(tmp_path, kinds, read_rows(tmp_path / "real.json"))
    assert [row for row in new if row["method"] != "photo"] == [
        row for row in rows if row["method"] in CLASSICAL and row["data"] != "nothing"
    ]
    assert [row["psnr"] for row in new if row["method"] == "photo"] == [50, 50]
    with pytest.raises(UserError, match=r"--models-only: expected an earlier report .*real"):
        read_rows(tmp_path / "nowhere/real.json")


def test_noise_that_is_not_that_of_the_earlier_report() -> None:
    row = {"data": "Set12", "noise": "gaussian:25", "images": 12, "psnr_noisy": 20.0}
    check_same_noise([row, row, row | {"images": 6, "psnr_noisy": 21.0}])
    with pytest.raises(UserError, match="the noise on Set12 is not that of the earlier report"):
        check_same_noise([row, row | {"psnr_noisy": 20.1}])
