"""Pictures beyond the memory limit."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kdae.data.spill import Store
from kdae.errors import UserError
from kdae.images import Picture, write_image
from tests.data.samples import fill, load, pixels

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
