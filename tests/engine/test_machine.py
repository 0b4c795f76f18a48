"""The memory that a tile may take, and what processors calculate in."""

from pathlib import Path

import pytest

from kdae.engine import machine

GIB = 1 << 30


def test_free_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MEMORY", "_LIMIT", "_USED"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    assert machine.free_memory() == 2 * GIB  # not Linux
    (tmp_path / "_MEMORY").write_text("MemTotal: 9 kB\nMemAvailable:   1048576 kB\n")
    assert machine.free_memory() == GIB
    assert machine.tile_memory() == GIB // 4
    (tmp_path / "_LIMIT").write_text("max\n")
    (tmp_path / "_USED").write_text("5\n")
    assert machine.free_memory() == GIB
    (tmp_path / "_LIMIT").write_text("1005\n")
    assert machine.free_memory() == 1000
    (tmp_path / "_MEMORY").write_text("MemAvailable: 1048576000 kB\n")
    (tmp_path / "_LIMIT").unlink()
    assert machine.tile_memory() == 11 * 2**25


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16 amx_tile", True),
        ("fpu amx_bf16 amx_tile amx_int8", True),
        ("fpu avx2 avx512f avx512_fp16 amx_tile amx_int8", False),
    ],
)
def test_bfloat16(
    flags: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "_PROCESSORS", file)
    assert not machine.has_bfloat16()  # not Linux
    one = f"processor\t: 0\nvmx flags\t: avx512_bf16\nflags\t\t: {flags}\nbugs\t: none\n\n"
    file.write_text(one * 2)
    assert machine.has_bfloat16() == expected
    file.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")  # ARM
    assert not machine.has_bfloat16()


def test_processors() -> None:
    assert machine.processors() >= 1
