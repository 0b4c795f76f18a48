"""The figures of the technical report: those of the model cards, and of every card."""

from pathlib import Path
from types import ModuleType

import pytest

KIT = Path(__file__).parents[2] / "export" / "darktable"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    module = ModuleType("figures")
    path = KIT / "figures.py"
    module.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    return module


def test_the_report_has_the_figures_of_the_shipped_weights(script: ModuleType) -> None:
    text = script.REPORT.read_text()
    written = script.figures(script.shipped())
    assert written in text, "weights or cards have changed: run make weights"
    assert script.filled(text, written) == text
    assert "../shared" not in text


def test_the_tables_of_two_cards(script: ModuleType) -> None:
    training = {
        "command": "train a",
        "steps": 12345,
        "seconds": 1999.6,
        "licenses": {"CC0-1.0": 7, "CC-BY-2.0": 1},
        "noise": {"kind": {"choice": {"specs": [{"chain": ["grain", {"jpeg": {}}]}, "b:2"]}}},
    }
    card = {
        "model": {"widths": [8, 16], "blocks": [1, 2]},
        "parameters": 9876,
        "flop_per_pixel": 4321.0,
        "receptive_field": 41,
        "halo": 12,
        "margin": 8,
        "training": training,
        "results": [
            {"data": "Set1", "noise": "gaussian:9", "images": 3, "psnr_noisy": 20.0,
             "psnr": 30.1236, "command": "evaluate a"},
        ],
    }  # fmt: skip
    other = card | {"training": training | {"licenses": {"MIT": 4}}, "results": []}
    lines = script.figures({"a": card, "b": other}).splitlines()
    for line in (
        "| `a` | 8, 16 | 1, 2 | 9,876 | 4.3 | 41 pixels | 12 pixels | 8 pixels |",
        "| `b` | 12,345 | 2,000 | b, grain, jpeg | `train a` |",
        "| licence | `a` | `b` |",
        "|---|---|---|",
        "| CC-BY-2.0 | 1 | 0 |",
        "| MIT | 0 | 4 |",
        "| `a` | Set1 | `gaussian:9` | 3 | 20.000 | 30.124 |",
    ):
        assert lines.count(line) == 1, line
    assert lines[-3:] == ["```sh", "evaluate a", "```"]


def test_other_figures_replace_those_between_the_marks(script: ModuleType) -> None:
    text = f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n"
    once = script.filled(text, "new")
    assert once == f"before\n{script.BEGIN}\n\nnew\n\n{script.END}\nafter\n"
    assert script.filled(once, "new") == once
