import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

from kdae.data import joined
from kdae.errors import UserError
from kdae.images import Picture, to_channels, write_image
from tests.data.samples import fill, load, pixels

# Folders.


def test_a_folder_flat_and_nested(tmp_path: Path) -> None:
    for place, name in enumerate(["b.png", "a/z.tif", "a/y/x.webp"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / name, Picture(pixels(place)))
    write_image(tmp_path / "c.png", Picture(pixels(3)[..., :1], pixels(3)[..., 1]))
    (tmp_path / "notes.txt").touch()
    read = load(tmp_path, whole=True)
    names = ["a/y/x.webp", "a/z.tif", "b.png", "c.png"]
    assert read.names == [str(tmp_path / name) for name in names]
    for array, seed in zip(read.arrays, [2, 1, 0], strict=False):
        np.testing.assert_array_equal(array, pixels(seed))
    np.testing.assert_array_equal(read.arrays[3], pixels(3)[..., [0, 0, 0]])
    assert read.noisy is None
    assert len(read) == 4
    assert read.license_summary == {"unknown": 4}
    assert read.description == f"folder {tmp_path}: 4 pictures, 0.0 megapixels"


def test_a_list_of_sources_is_joined_in_order(tmp_path: Path) -> None:
    for place, name in enumerate(["one/a.png", "two/b.png", "two/c.png"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_image(tmp_path / name, Picture(pixels(place)))
    sources = [str(tmp_path / "two"), str(tmp_path / "one")]
    read = load(sources, whole=True)
    assert [Path(name).name for name in read.names] == ["b.png", "c.png", "a.png"]
    assert "two" in read.source and "one" in read.source
    with pytest.raises(UserError, match="limit: expected one source, got 2"):
        load(sources, whole=True, limit=1)


@pytest.mark.parametrize("deep", [False, True])
def test_channels_and_depth(tmp_path: Path, deep: bool) -> None:
    (array,) = fill(tmp_path, 1, deep=deep)
    read = load(str(tmp_path), channels=1, whole=True)
    np.testing.assert_array_equal(read.arrays[0], to_channels(array, 1))
    assert read.arrays[0].dtype == array.dtype


def test_one_unreadable_picture_is_reported_once_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, 12)
    (tmp_path / "p03.png").write_bytes((tmp_path / "p03.png").read_bytes()[:99])
    (tmp_path / "p05.png").write_bytes(b"")
    read = load(tmp_path, whole=True)
    assert [Path(name).name for name in read.names] == [
        f"p{place:02}.png" for place in range(12) if place not in (3, 5)
    ]
    np.testing.assert_array_equal(read.arrays[3], pixels(4))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "skipped 2 of 12 pictures" in record.message
    assert "p03.png" in record.message and "p05.png: the file is empty" in record.message


def test_a_long_report_is_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, 1)
    for place in range(8):
        (tmp_path / f"x{place}.jpg").touch()
    assert len(load(tmp_path, whole=True)) == 1
    assert "x4.jpg" in caplog.text and "x5.jpg" not in caplog.text
    assert "and 3 more" in caplog.text


def test_nothing_readable_is_an_error_naming_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("not a picture")
    with pytest.raises(UserError, match=r"no usable picture: .*a\.jpg: not a picture"):
        load(tmp_path, whole=True)


def test_small_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, 3)
    write_image(tmp_path / "p01.png", Picture(pixels(7, 15, 99)))
    message = "p01.png: 99x15 pixels is smaller than the 20x20"
    assert len(load(tmp_path, whole=True, min_size=20)) == 2
    assert message in caplog.text
    with pytest.raises(UserError, match=r"p00\.png: 24x20 pixels is smaller than the 64x64"):
        load(tmp_path, whole=True, min_size=64)


def test_limit_counts_usable_pictures(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    (tmp_path / "p00.png").write_bytes(b"")
    read = load(tmp_path, whole=True, limit=2)
    assert [Path(name).stem for name in read.names] == ["p01", "p02"]
    with pytest.raises(UserError, match="limit: expected at least 1, got 0"):
        load(tmp_path, limit=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "this path does not exist"),
        ("file.png", "this path is a file"),
        ("empty", "no picture in this folder"),
    ],
)
def test_folders_that_are_none(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").touch()
    with pytest.raises(UserError, match=f"{name}.*{message}"):
        load(tmp_path / name)


def test_wrong_arguments_are_the_callers() -> None:
    with pytest.raises(ValueError, match="split"):
        load("x", "val")
    with pytest.raises(ValueError, match="channels"):
        load("x", channels=2)


def test_sets_are_joined(tmp_path: Path) -> None:
    arrays = fill(tmp_path, 2)
    first, second = load(tmp_path, "train"), load(tmp_path, "validation")
    both = joined([first, second])
    for array, expected in zip(both.arrays, arrays, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert both.names == first.names + second.names and both.noisy is None
    assert both.license_summary == {"unknown": 2} and "(train) + " in both.source
    pairs = dataclasses.replace(second, noisy=second.arrays)
    assert len(joined([pairs, pairs]).noisy or []) == 2
    with pytest.raises(UserError, match="pairs or clean pictures alone, got both"):
        joined([first, pairs])
