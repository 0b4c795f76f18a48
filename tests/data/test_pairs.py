"""Pairs of noisy and clean pictures."""

from pathlib import Path

import numpy as np
import pytest

from kdae.data import Pictures
from kdae.errors import UserError
from kdae.images import Picture, write_image
from tests.data.samples import load, pixels

# Pairs.


def make_pairs(root: Path, count: int) -> None:
    for place in range(count):
        for kind, seed in (("real", place), ("mean", 100 + place)):
            write_image(root / f"s{place}_{kind}.png", Picture(pixels(seed)))


def check_pairs(read: Pictures, count: int) -> None:
    assert read.noisy is not None
    for place in range(count):
        np.testing.assert_array_equal(read.noisy[place], pixels(place))
        np.testing.assert_array_equal(read.arrays[place], pixels(100 + place))
    assert len(read) == len(read.noisy) == count


@pytest.mark.parametrize("ram_limit", [1 << 20, 4000])
def test_pairs_by_pattern(tmp_path: Path, ram_limit: int) -> None:
    make_pairs(tmp_path, 3)
    source = {"noisy": f"{tmp_path}/*_real.png", "clean": f"{tmp_path}/*_mean.*"}
    with pytest.raises(UserError, match="have no clean partner"):
        load(source, whole=True)  # the second * must stand for the same too
    source["clean"] = f"{tmp_path}/*_mean.png"
    read = load(source, whole=True, ram_limit=ram_limit)
    check_pairs(read, 3)
    assert read.description.endswith("*_mean.png: 3 pairs, 0.0 megapixels")


def test_pairs_by_folder_nested_with_other_suffix(tmp_path: Path) -> None:
    for place in range(3):
        for kind, suffix, seed in (("n", ".png", place), ("c", ".tif", 100 + place)):
            path = tmp_path / kind / f"d{place}" / f"x{suffix}"
            path.parent.mkdir(parents=True)
            write_image(path, Picture(pixels(seed)))
    source = {"noisy": str(tmp_path / "n"), "clean": str(tmp_path / "c")}
    check_pairs(load(source, whole=True), 3)
    assert load(source, "validation").names == [str(tmp_path / "c/d2/x.tif")]


@pytest.mark.parametrize(
    ("noisy", "clean", "message"),
    [
        ("**/n.png", "**/clean.png", None),
        ("*/deep/n.png", "*/deep/clean.png", None),
        ("[0-9]/deep/n.*", "[0-9]/deep/clean.*", None),
        ("?/deep/n.png", "[!x[]/deep/clean.png", None),
        ("**/n*.png", "**/clea*.png", "2 of 2 pictures have no clean partner"),
        ("**/n.png", "0/*/clean.png", "2 of 2 pictures have no clean partner"),
    ],
)
def test_pairs_by_pattern_over_folders(
    tmp_path: Path, noisy: str, clean: str, message: str | None
) -> None:
    for place in range(2):
        (tmp_path / f"{place}" / "deep").mkdir(parents=True)
        write_image(tmp_path / f"{place}/deep/n.png", Picture(pixels(place)))
        write_image(tmp_path / f"{place}/deep/clean.png", Picture(pixels(100 + place)))
    source = {"noisy": f"{tmp_path}/{noisy}", "clean": f"{tmp_path}/{clean}"}
    if message is None:
        check_pairs(load(source, whole=True), 2)
    else:
        with pytest.raises(UserError, match=message):
            load(source, whole=True)


def test_pairs_without_partner_are_named(tmp_path: Path) -> None:
    make_pairs(tmp_path, 3)
    (tmp_path / "s1_mean.png").unlink()
    source = {"noisy": f"{tmp_path}/*_real.png", "clean": f"{tmp_path}/*_mean.png"}
    with pytest.raises(UserError, match=r"1 of 3 .* no clean partner: .*s1_real\.png$"):
        load(source)
    (tmp_path / "s1_real.png").unlink()
    (tmp_path / "s2_real.png").unlink()
    with pytest.raises(UserError, match=r"1 of 2 .* no noisy partner: .*s2_mean\.png$"):
        load(source)


def test_pairs_of_different_sizes_are_named(tmp_path: Path) -> None:
    make_pairs(tmp_path, 2)
    write_image(tmp_path / "s1_mean.png", Picture(pixels(0, 24, 20)))
    source = {"noisy": f"{tmp_path}/*_real.png", "clean": f"{tmp_path}/*_mean.png"}
    with pytest.raises(UserError, match=r"s1_real\.png is 24x20, .*s1_mean\.png is 20x24"):
        load(source, whole=True)


def test_a_pair_with_an_unreadable_half_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_pairs(tmp_path, 3)
    (tmp_path / "s1_real.png").write_bytes(b"")
    source = {"noisy": f"{tmp_path}/*_real.png", "clean": f"{tmp_path}/*_mean.png"}
    read = load(source, whole=True)
    assert [Path(name).name for name in read.names] == ["s0_mean.png", "s2_mean.png"]
    assert "skipped 1 of 3 pictures: " in caplog.text and "s1_real.png" in caplog.text


def test_pairs_that_cannot_be_meant(tmp_path: Path) -> None:
    make_pairs(tmp_path, 2)
    folder, pattern = str(tmp_path), f"{tmp_path}/*.png"
    with pytest.raises(UserError, match="only folders or only patterns"):
        load({"noisy": folder, "clean": pattern})
    with pytest.raises(UserError, match=r"expected the keys noisy and clean.*got noisy, cleen"):
        load({"noisy": folder, "cleen": folder})
    with pytest.raises(UserError, match=r"clean: .*none', which does not exist"):
        load({"noisy": folder, "clean": f"{folder}/none"})
    with pytest.raises(UserError, match="no picture matches this pattern"):
        load({"noisy": f"{folder}/*.tif", "clean": pattern})
    with pytest.raises(UserError, match="are the same"):
        load({"noisy": folder, "clean": folder})
    write_image(tmp_path / "s0_real.tif", Picture(pixels(0)))
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match=r"s0_real\.png and .*s0_real\.tif have the same name"):
        load({"noisy": folder, "clean": f"{folder}/other"})
