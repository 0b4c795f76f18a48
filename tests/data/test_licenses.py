"""What a manifest says of the licences of a folder's pictures."""

import json
from pathlib import Path
from typing import Any

import pytest

from kdae.data import load_pictures
from kdae.data.licenses import read_licenses
from tests.helpers import blurred_photos


def manifest(folder: Path, entries: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = entries if isinstance(entries, str) else json.dumps(entries)
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def test_the_folder_goes_before_its_parent(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    manifest(
        top,
        [
            {"file": "in/a.png", "license": "CC0-1.0", "author": "Ada"},
            {"file": "in/sub/b.png", "license": "CC-BY-4.0"},
        ],
    )
    manifest(top / "in", [{"file": "a.png", "license": "public-domain"}])
    expected = {
        top / "in" / "a.png": "public-domain",
        top / "in" / "sub" / "b.png": "CC-BY-4.0",
    }
    assert read_licenses(top / "in") == expected
    assert read_licenses(top / "in" / "sub" / "..") == expected
    # No farther than the parent.
    assert top / "in" / "sub" / "b.png" not in read_licenses(top / "in" / "sub")


@pytest.mark.parametrize(
    "entries",
    [
        "not JSON",
        {"name": "a web page", "icons": []},
        ["a.png", 3, {"file": "a.png"}, {"file": 1, "license": "MIT"}, {"license": "MIT"}],
        [{"file": "a.png", "license": None}, {"file": "a.png", "license": ""}],
    ],
)
def test_other_files_of_this_name_say_nothing(tmp_path: Path, entries: Any) -> None:
    manifest(tmp_path / "in", entries)
    assert read_licenses(tmp_path / "in") == {}


def test_a_folder_records_them(tmp_path: Path) -> None:
    (tmp_path / "photos" / "one").mkdir(parents=True)
    folder = blurred_photos(tmp_path / "photos" / "one", 4)
    manifest(
        tmp_path / "photos",
        [{"file": f"one/{index:02}.png", "license": "CC-BY-2.0"} for index in range(3)],
    )
    read = load_pictures(folder, "train", 3, whole=True)
    assert read.licenses == ["CC-BY-2.0"] * 3 + ["unknown"]
    assert read.license_summary == {"CC-BY-2.0": 3, "unknown": 1}
