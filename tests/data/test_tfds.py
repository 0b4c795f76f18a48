"""TensorFlow Datasets, without a network."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kdae.data import tfds as tfds_source
from kdae.data.splits import choose_examples
from kdae.errors import UserError
from tests.data.samples import load, pixels

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
        ("div2kk", "TFDS has none of this name, did you mean 'div2k"),
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
