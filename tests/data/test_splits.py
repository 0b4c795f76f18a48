"""Which pictures train, validate and test."""

from pathlib import Path

import pytest

from kdae.data.splits import held_out
from tests.data.samples import fill, load


def test_splits_of_a_folder_do_not_overlap(tmp_path: Path) -> None:
    fill(tmp_path, 21)
    read = {split: load(tmp_path, split) for split in ("train", "validation", "test")}
    assert [Path(name).stem for name in read["validation"].names] == ["p09", "p19"]
    assert [Path(name).stem for name in read["test"].names] == ["p04", "p14"]
    assert sum(map(len, read.values())) == len({n for r in read.values() for n in r.names})
    assert sum(map(len, read.values())) == 21
    assert read["test"].description == f"folder {tmp_path} (test): 2 pictures, 0.0 megapixels"


@pytest.mark.parametrize(
    ("count", "train", "validation", "test"),
    [
        (2, [0], [1], [1]),
        (9, list(range(8)), [8], [8]),
        (10, [0, 1, 2, 3, 5, 6, 7, 8], [9], [4]),
        (15, [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13], [9], [4, 14]),
    ],
)
def test_held_out(count: int, train: list[int], validation: list[int], test: list[int]) -> None:
    assert held_out(range(count), "train") == train
    assert held_out(range(count), "validation") == validation
    assert held_out(range(count), "test") == test


def test_a_single_picture_is_all_three_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for split in ("train", "validation", "test"):
        assert held_out(["a"], split) == ["a"]
    assert caplog.text.count("only one picture") == 3
