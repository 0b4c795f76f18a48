"""TIFF stacks as training pictures: pages, channels and values of any type."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kdae.errors import UserError
from tests.data.samples import fill, load

NOISE = np.random.default_rng(0)


def stack(path: Path, pages: int, **options: Any) -> np.ndarray:
    """Writes a stack of grey 16-bit pages; returns them as `[pages, H, W]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = NOISE.integers(0, 65536, (pages, 16, 20), np.uint16)
    tifffile.imwrite(path, data, photometric="minisblack", **options)
    return data


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"metadata": None}])
def test_the_pages_of_a_few_stacks_are_divided(tmp_path: Path, options: dict[str, Any]) -> None:
    one = stack(tmp_path / "a.tif", 7, **options)
    two = stack(tmp_path / "b.tif", 5, **options)
    pages = [*one, *two]
    shares = {"train": [0, 1, 2, 3, 5, 6, 7, 8, 10, 11], "validation": [9], "test": [4]}
    for split, places in shares.items():
        read = load(tmp_path, split, channels=1)
        np.testing.assert_array_equal(
            np.stack(read.arrays)[..., 0], [pages[place] for place in places]
        )
    assert load(tmp_path, "validation", channels=1).names == [f"{tmp_path / 'b.tif'}, page 3"]


def test_of_ten_files_whole_ones_are_held_out(tmp_path: Path) -> None:
    data = [stack(tmp_path / f"{number}.tif", 2) for number in range(10)]
    assert len(load(tmp_path, channels=1)) == 16
    held_out = load(tmp_path, "validation", channels=1)
    np.testing.assert_array_equal(np.stack(held_out.arrays)[..., 0], data[9])


def test_a_limit_counts_pages(tmp_path: Path) -> None:
    data = stack(tmp_path / "a.tif", 4)
    read = load(tmp_path, channels=1, whole=True, limit=3)
    np.testing.assert_array_equal(np.stack(read.arrays)[..., 0], data[:3])


def test_every_channel_of_fluorescence_is_a_picture(tmp_path: Path) -> None:
    data = NOISE.integers(0, 256, (16, 20, 5), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        photometric="minisblack",
        planarconfig="contig",
        extrasamples=["unspecified"] * 4,
        metadata=None,
    )
    read = load(tmp_path, channels=1, whole=True)
    np.testing.assert_array_equal(np.concatenate(read.arrays, -1), data)
    assert read.names[1] == f"{tmp_path / 'a.tif'}, channel 2"


def test_inks_become_a_colour_picture(tmp_path: Path) -> None:
    inks = np.zeros((16, 20, 4), np.uint8)
    inks[..., 3] = 55  # black ink alone: grey of 200
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    (array,) = load(tmp_path, channels=3, whole=True).arrays
    assert np.abs(array.astype(int) - 200).max() <= 4


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int16, np.uint32])
def test_values_of_other_types_need_levels(
    tmp_path: Path, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path / "b", 1)
    data = (1000 * NOISE.normal(5, 1, (16, 20))).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", data)
    read = load(tmp_path, channels=1, whole=True, any_values=True)
    assert read.arrays[0].dtype == kind
    np.testing.assert_array_equal(read.arrays[0][..., 0], data)
    assert len(load(tmp_path, channels=1, whole=True)) == 1
    assert f"a.tif: values of type {np.dtype(kind)}, which" in caplog.text
    assert "data.levels=percentiles" in caplog.text


def test_what_is_not_finite_becomes_the_mean(tmp_path: Path) -> None:
    data = np.array([[1, 3], [np.nan, np.inf]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", data)
    (array,) = load(tmp_path, channels=1, whole=True, any_values=True).arrays
    np.testing.assert_array_equal(array[..., 0], [[1, 3], [2, 2]])


def test_grey_of_large_integers_does_not_overflow(tmp_path: Path) -> None:
    data = np.full((16, 20, 3), 4_000_000_000, np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb")
    (array,) = load(tmp_path, channels=1, whole=True, any_values=True).arrays
    np.testing.assert_allclose(array, 4e9)


def test_repeats_are_matched_page_by_page(tmp_path: Path) -> None:
    one, two = (stack(tmp_path / place / "s.tif", 3) for place in "ab")
    source = {"repeats": [str(tmp_path / "a"), str(tmp_path / "b")]}
    read = load(source, channels=1, whole=True)
    for shots, first, second in ((read.noisy or [], one, two), (read.arrays, two, one)):
        np.testing.assert_array_equal(np.stack(shots)[::2, ..., 0], first)
        np.testing.assert_array_equal(np.stack(shots)[1::2, ..., 0], second)
    stack(tmp_path / "b" / "s.tif", 2)
    with pytest.raises(UserError, match=r"different numbers of pages: .*a/s\.tif and .*b/s"):
        load(source, channels=1, whole=True)
