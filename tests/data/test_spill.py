"""Pictures beyond the memory limit."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kdae.data.spill import Store, chained
from kdae.errors import UserError
from kdae.images import Picture, write_image
from kdae.images.levels import measure_levels
from tests.data.samples import fill, load, pixels

# Memory.


def test_beyond_the_limit_pictures_are_in_a_file(tmp_path: Path) -> None:
    arrays = [*fill(tmp_path, 4), pixels(4, 21, 5, deep=True)]
    write_image(tmp_path / "p04.tif", Picture(arrays[4]))
    read = load(tmp_path, whole=True, ram_limit=2 * arrays[0].nbytes)
    assert [isinstance(a, np.memmap) for a in read.arrays] == [False] * 2 + [True] * 3
    assert read.arrays[0] is read.arrays[0]
    for got, expected in zip(read.arrays, arrays, strict=True):
        assert not got.flags.writeable
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_many_pictures_take_one_open_file() -> None:
    before = len(os.listdir("/proc/self/fd"))
    store = Store(ram_limit=0)
    for value in range(300):
        store.add(np.full((3, 3, 1), value % 256, np.uint8))
    arrays = store.arrays()
    assert [int(array[2, 2, 0]) for array in arrays] == [value % 256 for value in range(300)]
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del store, arrays
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="reads /proc")
def test_pictures_in_the_file_take_memory_only_while_they_are_in_use() -> None:
    store = Store(ram_limit=0)
    for value in range(8):
        store.add(np.full((1024, 1024, 1), value, np.uint8))
    halves = chained([store.arrays()[:4], store.arrays()[4:]])
    assert [int(array.max()) for array in halves] == list(range(8))
    assert measure_levels(halves) == (0, 7)
    assert _mapped() == 0
    one = halves[6]
    assert int(one.max()) == 6
    assert _mapped() == one.nbytes
    del one
    assert _mapped() == 0


def _mapped() -> int:
    """Returns how many bytes of temporary files without a name are in memory."""
    blocks = Path("/proc/self/smaps").read_text("utf-8").split("\nVmFlags:")
    own = [block for block in blocks if f"{tempfile.gettempdir()}/" in block]
    return sum(
        int(line.split()[1]) << 10
        for block in own
        if "(deleted)" in block
        for line in block.splitlines()
        if line.startswith("Rss:")
    )


def test_no_room_for_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"none, which cannot be written \(No such file"):
        Store(ram_limit=0).add(np.zeros((2, 2, 1), np.uint8))
