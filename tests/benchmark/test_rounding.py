"""What files in 8 bits lose: the rows and their table."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kdae.benchmark.__main__ import main
from kdae.benchmark.rounding import format_table, measure_rounding
from kdae.cards import FAST, tflite_name, weights_folder
from kdae.errors import UserError
from kdae.images import Picture, write_image


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped files of `gray`, in place of exported ones."""
    folder = tmp_path_factory.mktemp("exports")
    (folder / "gray/tflite").mkdir(parents=True)
    for variant, shipped in (("float32", ""), ("weights8", FAST), ("int8", "")):
        source = weights_folder() / tflite_name("gray", shipped)
        shutil.copy(source, folder / f"gray/tflite/gray-{variant}.tflite")
    return folder


def test_rows_and_table(exports: Path, tmp_path: Path) -> None:
    slope = np.linspace(40, 200, 300 * 300 * 3).reshape(300, 300, 3).astype(np.uint8)
    write_image(tmp_path / "slope.png", Picture(slope))
    rows = measure_rounding(["gray"], exports, tmp_path, ["colour, sigma 25", "grey, sigma 10"])
    # A grey model has nothing to say of colour.
    assert {row["kind"] for row in rows} == {"grey, sigma 10"}
    loss = {row["variant"]: row["loss"] for row in rows}
    assert loss["float32"] == loss["int8"] == 0 and loss["weights8"] != 0
    assert all(row["images"] == 1 and row["psnr"] > 35 for row in rows)

    more = [rows[1] | {"kind": "other", "loss": 0.126}, *rows]
    lines = [line.strip("| ").split(" | ") for line in format_table(more).splitlines()]
    assert lines[0] == ["file", "other", "grey, sigma 10"]
    assert lines[2] == ["gray-weights8", "0.13", f"{loss['weights8']:.2f}"]
    assert lines[3] == ["gray-int8", "-", "0.00"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"--exports .*: expected .*photo-float32.tflite; python"
    ):
        main(["rounding", "--exports", str(tmp_path), "--data", str(tmp_path)])
