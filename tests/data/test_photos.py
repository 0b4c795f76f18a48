import hashlib
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import kdae.data.photos
from kdae.data import load_pictures
from kdae.data.photos import FOLDER, cut, prepared_builder, read_manifest
from kdae.errors import UserError
from kdae.images import Picture, read_image, write_image

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    prepared_builder(root)
    return root


@pytest.fixture
def few_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves a few tiles, for tests of how the data set is made, not of what it holds."""
    manifest = read_manifest()
    few = manifest | {"tiles": dict(list(manifest["tiles"].items())[::12])}
    monkeypatch.setattr(kdae.data.photos, "read_manifest", lambda: few)


# The tiles in the package.


def test_the_tiles_are_small_enough_and_all_listed() -> None:
    manifest = read_manifest()
    files = sorted(FOLDER.glob("*.png"))
    assert [file.name for file in files] == sorted(manifest["tiles"])
    assert 30e6 < sum(file.stat().st_size for file in FOLDER.parent.rglob("*.*")) < 35e6


def test_the_version_belongs_to_these_tiles() -> None:
    # Fails when a tile was changed by hand: python -m kdae.data.photos.cut makes a new version,
    # without which TFDS goes on giving the old tiles to those who have them.
    digest = hashlib.sha256()
    for file in sorted(FOLDER.glob("*.png")):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    assert read_manifest()["digest"] == digest.hexdigest()


def test_no_photograph_is_in_two_splits_and_no_tiles_overlap() -> None:
    manifest = read_manifest()
    places = defaultdict(list)
    splits: dict[str, set[str]] = defaultdict(set)
    for name, tile in manifest["tiles"].items():
        places[tile["picture"]].append((tile["x"], tile["y"]))
        split = name.split("-")[0]
        splits[split].add(tile["picture"])
        assert manifest["pictures"][tile["picture"]]["split"] == split
        assert name == f"{split}-{Path(tile['picture']).stem}-{tile['x']}-{tile['y']}.png"
    assert set(splits) == set(SPLITS)
    assert len(splits["train"]) > 100
    assert all(name.startswith("gcompris/") for name in splits["train"])
    for split in ("validation", "test"):
        assert len(splits[split]) == 7
        assert all(name.startswith("lomiri/") for name in splits[split])
    assert not splits["validation"] & splits["test"]
    for of_picture in places.values():
        for index, (x, y) in enumerate(of_picture):
            for other_x, other_y in of_picture[:index]:
                assert abs(x - other_x) >= 256 or abs(y - other_y) >= 256


def test_every_photograph_is_attributed() -> None:
    page = (FOLDER.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    rows = {row.split(" | ")[0].strip("| "): row for row in page.splitlines() if "](" in row}
    pictures = read_manifest()["pictures"]
    assert len(rows) == len(pictures)
    for name, picture in pictures.items():
        row = rows[Path(name).stem]
        assert f"[{picture['license']}](https://creativecommons.org/" in row
        assert " ".join(picture["author"].split()) in row
        assert picture["source"] in row
        assert "downscale" in row


# The data set.


@pytest.mark.parametrize("split", SPLITS)
def test_the_data_set_holds_the_tiles_with_their_licences(data_dir: Path, split: str) -> None:
    manifest = read_manifest()
    names = sorted(name for name in manifest["tiles"] if name.startswith(split))
    examples = tfds.load("kdae_photos", split=split, data_dir=data_dir, download=False)
    seen = []
    for place, example in enumerate(examples.as_numpy_iterator()):
        name = example["name"].decode()
        seen.append(name)
        picture = manifest["pictures"][manifest["tiles"][name]["picture"]]
        for key in ("license", "author", "source"):
            assert example[key].decode() == picture[key] != ""
        assert example["image"].shape == (256, 256, 3)
        if place % 20 == 0:
            np.testing.assert_array_equal(example["image"], read_image(FOLDER / name).pixels)
        # Something is to be seen on every tile.
        assert cut.texture(example["image"]).mean() > 3
    assert seen == names
    assert len(names) in ({252} if split == "train" else range(16, 25))


def test_load_pictures(data_dir: Path) -> None:
    grey = load_pictures("kdae_photos", "validation", 1, data_dir=data_dir)
    colour = load_pictures("tfds:kdae_photos", "validation", 3, data_dir=data_dir, limit=3)
    assert sum(grey.license_summary.values()) == len(grey) >= 16
    assert "unknown" not in grey.license_summary
    assert {array.shape for array in grey.arrays} == {(256, 256, 1)}
    assert colour.names == grey.names[:3]
    for name, array in zip(colour.names, colour.arrays, strict=True):
        np.testing.assert_array_equal(array, read_image(FOLDER / name).pixels)
    assert grey.description.startswith("kdae_photos (validation): ")


@pytest.mark.usefixtures("few_tiles")
def test_building_is_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    prepared_builder(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.usefixtures("few_tiles")
def test_a_second_process_may_be_first(tmp_path: Path) -> None:
    kdae.data.photos._build(tmp_path)
    (done,) = (tmp_path / "kdae_photos").iterdir()
    marks = {file.name: file.stat().st_mtime_ns for file in done.iterdir()}
    kdae.data.photos._build(tmp_path)
    assert {file.name: file.stat().st_mtime_ns for file in done.iterdir()} == marks
    assert [file.name for file in tmp_path.iterdir()] == ["kdae_photos"]


@pytest.mark.usefixtures("few_tiles")
def test_it_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert Path(prepared_builder().data_path).is_relative_to(tmp_path)

    def fail(root: Path) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(kdae.data.photos, "_build", fail)
    assert prepared_builder().is_prepared()


@pytest.mark.usefixtures("few_tiles")
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(kdae.data.photos.tempfile, "tempdir", str(tmp_path / "tmp"))
    builder = prepared_builder(tmp_path / "file" / "x")
    assert Path(builder.data_path).is_relative_to(tmp_path / "tmp")
    assert builder.is_prepared()


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_no_place_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(self: Any) -> None:
        raise error

    monkeypatch.setattr(kdae.data.photos.KdaePhotos, "download_and_prepare", full)
    with pytest.raises(UserError, match=r"kdae_photos: cannot be written .*\(No space left"):
        prepared_builder(tmp_path)
    assert not os.listdir(tmp_path)


# Cutting.


def test_texture_of_known_images() -> None:
    image = np.zeros((40, 64, 1), np.uint8)
    image[:, ::2] = 4  # every difference along a row is 4: root mean square 4
    image[:, 32:] = 0
    image[3, 40] = 255  # four differences of 255 among 256 places: sqrt(4 * 255**2 / 256)
    # The last column of the stripes is 0 and so is what follows: one difference in 16 is 0.
    second = 4 * np.sqrt(15 / 16)
    np.testing.assert_allclose(cut.texture(image), [[4, second, 24, 0], [4, second, 0, 0]])


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(100, 110, (height, width, 3)).astype(np.uint8)


def test_the_best_tiles_are_where_the_texture_is() -> None:
    # Two columns of tiles have room for shifts up to 88, one row for shifts up to 44.
    image = np.full((300, 600, 3), 100, np.uint8)
    image[40:, 330:] = noise(260, 270)
    (tile,) = cut.best_tiles("p", image, 9)  # the flat one is none
    assert (tile.x, tile.y) == (336, 32)
    assert cut.best_tiles("p", image[:, ::-1], 9)[0].x == 0
    assert cut.best_tiles("p", noise(255, 999), 5) == []
    assert cut.best_tiles("p", np.full((600, 800, 3), 100, np.uint8), 5) == []


def test_no_room_is_wasted() -> None:
    tiles = cut.best_tiles("p", noise(540, 960), 9)
    assert len(tiles) == 6
    assert [tile.score for tile in tiles] == sorted((t.score for t in tiles), reverse=True)
    assert len(cut.best_tiles("p", noise(540, 960), 4)) == 4


def manifest_entry(name: str) -> dict[str, Any]:
    return {
        "file": name,
        "author": "A | B,\n2018",
        "license": "CC-BY-SA-3.0",
        "source": "https://example.org/x",
        "package": "a 1",
        "member": "m.jpg",
        "change": "none",
    }


def test_cutting_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["gcompris/a.png", "gcompris/b.png", *(f"lomiri/{n}.png" for n in "cdef")]
    for place, name in enumerate(names):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / "in" / name, Picture(noise(512, 256 + 16 * place)))
    entries = [manifest_entry(name) for name in names]
    (tmp_path / "in" / "manifest.json").write_text(json.dumps(entries))
    tiles = tmp_path / "out" / "tiles"
    for module in (cut, kdae.data.photos):
        monkeypatch.setattr(module, "FOLDER", tiles)
        monkeypatch.setattr(module, "MANIFEST", tiles / "tiles.json")
    tiles.mkdir(parents=True)
    (tiles / "tiles.json").write_text('{"version": "3.0.0", "digest": "old"}')
    (tiles / "left-over.png").touch()
    command = ["--photos", str(tmp_path / "in")]
    assert cut.main(command) == 0
    manifest = kdae.data.photos.read_manifest()
    assert manifest["version"] == "4.0.0"
    assert "train: 4 tiles" in capsys.readouterr().out
    splits = {name: picture["split"] for name, picture in manifest["pictures"].items()}
    assert [splits[name] for name in names[:2]] == ["train", "train"]
    assert sorted(splits[name] for name in names[2:]) == ["test"] * 2 + ["validation"] * 2
    for name, tile in manifest["tiles"].items():
        source = read_image(tmp_path / "in" / tile["picture"]).pixels
        x, y = tile["x"], tile["y"]
        np.testing.assert_array_equal(
            np.asarray(Image.open(tiles / name)), source[y : y + 256, x : x + 256]
        )
    assert not (tiles / "left-over.png").exists()
    page = (tmp_path / "out" / "ATTRIBUTION.md").read_text()
    assert r"| a | A \| B, 2018 | [CC-BY-SA-3.0](https://creativecommons.org/" in page
    # The same photographs give the same tiles and the same version; others a new one.
    cut.main(command)
    assert kdae.data.photos.read_manifest() == manifest
    write_image(tmp_path / "in" / names[0], Picture(noise(512, 256) // 2))
    cut.main(command)
    assert kdae.data.photos.read_manifest()["version"] == "5.0.0"


def test_the_budget_is_kept() -> None:
    images = {f"gcompris/{name}.png": noise(512, 512) for name in "abc"}
    size = len(cut.encode(noise(512, 512), cut.Tile("p", 0, 0, 0.0)))
    chosen = cut.choose(images, int(size * 4.5))
    assert len(chosen["train"]) == 4
    # Each photograph gives one tile before any gives a second.
    assert {tile.picture for tile, _ in chosen["train"][:3]} == set(images)


def test_cutting_from_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected a folder with manifest\.json"):
        cut.main(["--photos", str(tmp_path)])
