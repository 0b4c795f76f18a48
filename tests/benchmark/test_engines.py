"""The benchmark of whole commands: what it measures, and that it fails when they do."""

import time
from pathlib import Path

import numpy as np
import pytest

from kdae.benchmark.engines import Case, measure_engines, taken, write_pictures
from kdae.cards import LITERT
from kdae.errors import UserError
from kdae.images import list_images, read_image


def test_the_table() -> None:
    case = Case("small", 20, 30, ".png", 2, engines=(LITERT, f"{LITERT} --fast"))
    lines = [
        line.strip("| ").split(" | ") for line in measure_engines("gray", [case]).splitlines()
    ]
    assert [line[:2] for line in lines[3:]] == [
        ["small", LITERT],
        ["small", f"{LITERT} --fast"],
    ]
    for line in lines[3:]:
        seconds, cpu, per_megapixel = map(float, line[2:5])
        assert 0 < cpu < 60 and per_megapixel == pytest.approx(seconds / 0.0012, rel=0.1)


def test_help_is_light() -> None:
    """The bar of docs/speed.md is 0.4 CPU seconds on a quiet machine; TensorFlow takes 10."""
    start = time.perf_counter()
    took = taken("--help")
    assert took.seconds <= time.perf_counter() - start
    assert took.cpu_seconds < 2 and 5e6 < took.peak_bytes < 100e6


def test_the_memory_of_the_measuring_process_does_not_count() -> None:
    ballast = np.ones(300_000_000, np.uint8)
    assert taken("--help").peak_bytes < 100e6 < ballast.nbytes


def test_a_failure_is_told() -> None:
    with pytest.raises(UserError, match=r"none\.png: no such file or folder"):
        taken("none.png", "-o", "out")


def test_pictures(tmp_path: Path) -> None:
    write_pictures(Case("some", 800, 300, ".jpg", 2), tmp_path / "in")
    assert [read_image(path).pixels.shape for path in list_images(tmp_path / "in")] == [
        (800, 300, 3)
    ] * 2
