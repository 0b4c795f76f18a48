import dataclasses
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kdae import tfds_source
from kdae.errors import UserError
from kdae.images import Picture, to_channels, write_image
from kdae.sources import Pictures, joined, load_pictures
from kdae.splits import choose_examples, held_out
from kdae.store import Store


def pixels(seed: int, height: int = 20, width: int = 24, deep: bool = False) -> np.ndarray:
    high, dtype = (65536, np.uint16) if deep else (256, np.uint8)
    return np.random.default_rng(seed).integers(0, high, (height, width, 3)).astype(dtype)


def fill(folder: Path, count: int, **options: Any) -> list[np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = [pixels(seed, **options) for seed in range(count)]
    for place, array in enumerate(arrays):
        suffix = ".png" if array.dtype == np.uint8 else ".tif"
        write_image(folder / f"p{place:02}{suffix}", Picture(array))
    return arrays


def load(source: Any, split: str = "train", channels: int = 3, **options: Any) -> Pictures:
    return load_pictures(source, split, channels, **options)


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


@pytest.mark.parametrize("deep", [False, True])
def test_channels_and_depth(tmp_path: Path, deep: bool) -> None:
    (array,) = fill(tmp_path, 1, deep=deep)
    read = load(str(tmp_path), channels=1, whole=True)
    np.testing.assert_array_equal(read.arrays[0], to_channels(array, 1))
    assert read.arrays[0].dtype == array.dtype


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


# Memory.


def test_beyond_the_limit_pictures_are_in_a_file(tmp_path: Path) -> None:
    arrays = [*fill(tmp_path, 4), pixels(4, 21, 5, deep=True)]
    write_image(tmp_path / "p04.tif", Picture(arrays[4]))
    read = load(tmp_path, whole=True, ram_limit=2 * arrays[0].nbytes)
    assert [isinstance(a, np.memmap) for a in read.arrays] == [False] * 2 + [True] * 3
    for got, expected in zip(read.arrays, arrays, strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_many_pictures_take_one_open_file() -> None:
    before = len(os.listdir("/proc/self/fd"))
    store = Store(ram_limit=0)
    for value in range(300):
        store.add(np.full((3, 3, 1), value % 256, np.uint8))
    arrays = store.arrays()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert [int(array[2, 2, 0]) for array in arrays] == [value % 256 for value in range(300)]


def test_no_room_for_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"none, which cannot be written \(No such file"):
        Store(ram_limit=0).add(np.zeros((2, 2, 1), np.uint8))


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
    with pytest.raises(UserError, match="two folders or two patterns"):
        load({"noisy": folder, "clean": pattern})
    with pytest.raises(UserError, match="expected the keys noisy and clean, got noisy, cleen"):
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


# TFDS.


class KdaeTinyHr(tfds.core.GeneratorBasedBuilder):
    """Ten pairs of large and small pictures, as super-resolution sets have them."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "lr": tfds.features.Image(shape=(None, None, 3)),
                    "hr": tfds.features.Image(
                        shape=(None, None, 4), dtype=np.uint16, encoding_format="png"
                    ),
                    "file_name": tfds.features.Text(),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        return {
            "train": self._generate_examples(0, 4),
            "validation": self._generate_examples(4, 9),
        }

    def _generate_examples(self, start: int, stop: int) -> Iterator[Any]:
        for place in range(start, stop):
            deep = np.concatenate([pixels(place, deep=True)] * 2, axis=-1)[..., :4]
            yield place, {"lr": pixels(50), "hr": deep, "file_name": f"f{place}"}


class KdaeNoPictures(tfds.core.GeneratorBasedBuilder):
    """A data set of words."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        features = tfds.features.FeaturesDict({"word": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[Any]:
        yield 0, {"word": "a"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tfds")
    for builder in (KdaeTinyHr, KdaeNoPictures):
        builder(data_dir=str(root)).download_and_prepare()
    return root


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(tfds_source.socket, "create_connection", refuse)


def test_the_full_pictures_of_a_tfds_data_set(data_dir: Path, no_network: None) -> None:
    read = load("tfds:kdae_tiny_hr", data_dir=data_dir)
    assert read.names == ["f0", "f1", "f2", "f3"]
    for place, array in enumerate(read.arrays):
        np.testing.assert_array_equal(array, pixels(place, deep=True))
    assert read.license_summary == {"unknown": 4}
    assert read.description == "tfds:kdae_tiny_hr (train): 4 pictures, 0.0 megapixels"
    assert load("tfds:kdae_tiny_hr:1.0.0", data_dir=data_dir, limit=2).names == ["f0", "f1"]


def test_a_lone_validation_split_also_gives_the_test_split(data_dir: Path) -> None:
    assert load("tfds:kdae_tiny_hr", "validation", data_dir=data_dir).names == [
        "f4",
        "f6",
        "f8",
    ]
    assert load("tfds:kdae_tiny_hr", "test", data_dir=data_dir).names == ["f5", "f7"]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"train": 5, "validation": 2, "test": 3}, {"validation": [0, 1], "test": [0, 1, 2]}),
        ({"train": 5, "valid": 4}, {"valid": [0, 2], "valid_": [1, 3]}),
        ({"train": 5, "test": 3}, {"test": [0, 2], "test_": [1]}),
        ({"train": 3}, {"train": [2], "train_": [2]}),
        ({"all": 20}, {"all": [9, 19], "all_": [4, 14]}),
    ],
)
def test_splits_of_other_data_sets(
    sizes: dict[str, int], expected: dict[str, list[int]]
) -> None:
    got = [choose_examples(sizes, split) for split in ("validation", "test")]
    assert got == [(name.rstrip("_"), places) for name, places in expected.items()]
    split, places = choose_examples(sizes, "train")
    assert split == next(iter(sizes))
    alone = len(sizes) == 1
    assert len(places) == {3: 2, 20: 16}[sizes[split]] if alone else 5


def test_a_data_set_without_pictures(data_dir: Path) -> None:
    with pytest.raises(UserError, match=r"kdae_no_pictures: none of its features \(word\)"):
        load("tfds:kdae_no_pictures", data_dir=data_dir)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("div2kk", "TFDS has none of this name; do you mean div2k"),
        ("zzzzzzzz", "TFDS has none of this name$"),
        ("huggingface:mnist", "TFDS has none of this name"),
        ("", "expected tfds:NAME"),
        ("a b", "expected tfds:NAME"),
        ("div2k/none", "expected one of bicubic_x2, .* behind the /"),
        ("div2k", "is not in .*, and there is no network to download it; .*tfds build div2k"),
    ],
)
def test_data_sets_that_cannot_be_had_say_so_quickly(
    tmp_path: Path, no_network: None, name: str, message: str
) -> None:
    start = time.monotonic()
    with pytest.raises(UserError, match=f"^data set tfds:{name}:?.*{message}"):
        load(f"tfds:{name}", data_dir=tmp_path)
    assert time.monotonic() - start < 10


def test_a_network_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: Any, **__: Any) -> None:
        time.sleep(3)
        raise OSError("no answer")

    monkeypatch.setattr(tfds_source.socket, "create_connection", hang)
    monkeypatch.setattr(tfds_source, "_NETWORK_SECONDS", 0.1)
    start = time.monotonic()
    assert not tfds_source.has_network()
    assert time.monotonic() - start < 2


def test_the_network_is_looked_for_behind_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Connection:
        def close(self) -> None:
            pass

    def connect(address: tuple[str, int], timeout: float) -> Connection:
        asked.append(address)
        return Connection()

    monkeypatch.setattr(tfds_source.socket, "create_connection", connect)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert tfds_source.has_network()
    assert asked == [("proxy.example", 3128)]


def test_a_failed_download_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any) -> None:
        raise AssertionError("\nManual download required.\nRead the instructions")

    monkeypatch.setattr(tfds_source, "has_network", lambda: True)
    monkeypatch.setattr(KdaeTinyHr, "download_and_prepare", fail)
    with pytest.raises(UserError, match=r"cannot be prepared: Manual download required\.$"):
        load("tfds:kdae_tiny_hr", data_dir=tmp_path)


def test_a_data_set_is_prepared_on_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfds_source, "has_network", lambda: True)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert len(load("tfds:kdae_tiny_hr")) == 4
    assert (tmp_path / "kdae_tiny_hr" / "1.0.0").is_dir()


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
