"""How the command writes: names, formats, quality, in place, and what is passed over."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdae.denoise import run as command
from kdae.denoise.__main__ import main
from kdae.denoise.output import Output
from kdae.denoise.plan import Job
from kdae.denoise.stream import denoise_file
from kdae.errors import UserError
from tests.denoise.halving import Halving, halving
from tests.denoise.test_cases import CASES
from tests.images.samples import RGB


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Halving:
    """Stands for every model that the command loads."""
    made = Halving()

    def loaded(*_: Any, **__: Any) -> Halving:
        return made

    monkeypatch.setattr(command, "load", loaded)
    return made


def saved(path: Path) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RGB).save(path, lossless=True)
    return np.asarray(Image.open(path))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_in_place_keeps_the_original(
    tmp_path: Path, network: Halving, capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved(tmp_path / "a.png")
    other = saved(tmp_path / "sub" / "b.webp")
    data = (tmp_path / "a.png").read_bytes()
    command_line = [str(tmp_path), "--in-place", ".orig"]
    assert main(command_line) == 0
    assert names(tmp_path) == ["a.png", "a.png.orig", "sub/b.webp", "sub/b.webp.orig"]
    assert (tmp_path / "a.png.orig").read_bytes() == data
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), before // 2)
    np.testing.assert_array_equal(pixels(tmp_path / "sub" / "b.webp"), other // 2)
    # Once more: nothing is denoised twice.
    assert main(command_line) == 0
    assert "0 of 0 pictures denoised, in place; 2 were done before" in capsys.readouterr().out
    assert len(network.shown) == 2
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), before // 2)


def test_in_place_goes_on_where_it_was_stopped(tmp_path: Path, network: Halving) -> None:
    before = saved(tmp_path / "a.png")
    # Stopped after the original was kept, and before it was replaced.
    shutil.copy(tmp_path / "a.png", tmp_path / "a.png.orig")
    assert main([str(tmp_path), "--in-place", ".orig"]) == 0
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), before // 2)
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "a.png.orig", formats=["PNG"])), before
    )
    assert len(network.shown) == 1


def test_a_kept_original_is_never_replaced(tmp_path: Path) -> None:
    saved(tmp_path / "a.png")
    (tmp_path / "a.png.orig").write_bytes(b"the original")
    data = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UserError, match=r"a\.png\.orig: is there already"):
        job = Job(tmp_path / "a.png", tmp_path / "a.png")
        denoise_file(halving(), job, output=Output(in_place=".orig"))
    assert (tmp_path / "a.png.orig").read_bytes() == b"the original"
    assert (tmp_path / "a.png").read_bytes() == data


def test_in_place_without_a_copy_needs_the_word(tmp_path: Path, network: Halving) -> None:
    before = saved(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "--in-place", "overwrite"]) == 0
    assert names(tmp_path) == ["a.png"]
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), before // 2)


def test_a_picture_that_fails_in_place_stays(tmp_path: Path, network: Halving) -> None:
    saved(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()[:-200]
    (tmp_path / "a.png").write_bytes(data)
    assert main([str(tmp_path), "--in-place", ".orig"]) == 1
    assert names(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == data


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected either --out or --in-place"),
        (["-o", "out", "--in-place", ".orig"], "expected either --out or --in-place"),
        (["--in-place", "yes"], "--in-place: expected an ending such as .orig"),
        (["--in-place", ".orig", "--format", "png"], "--in-place: does not go with --format"),
        (["-o", "out", "--quality", "0"], "--quality: expected 1 to 100, got 0"),
        (["-o", "out", "--suffix", "a/b"], "--suffix: expected a part of a name, got 'a/b'"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main(["a.png", *words])


def test_quality(tmp_path: Path, network: Halving) -> None:
    saved(tmp_path / "a.png")
    for ending in ("jpg", "webp", "avif"):
        sizes = []
        for quality in ("20", "80"):
            out = tmp_path / f"{quality}.{ending}"
            assert main([str(tmp_path / "a.png"), "-o", str(out), "--quality", quality]) == 0
            sizes.append(out.stat().st_size)
        assert sizes[0] < 0.8 * sizes[1], ending
    # The tables of JPEG's annex K for 80: the first value, 16, times 0.4, rounded.
    with Image.open(tmp_path / "80.jpg") as image:
        assert image.quantization[0][0] == 6  # type: ignore[attr-defined]
    # Without the option WebP loses nothing.
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.webp")]) == 0
    np.testing.assert_array_equal(pixels(tmp_path / "b.webp"), RGB // 2)


def test_format_and_suffix(tmp_path: Path, network: Halving) -> None:
    saved(tmp_path / "in" / "a.png")
    saved(tmp_path / "in" / "sub" / "b.webp")
    out = tmp_path / "out"
    words = ["-o", str(out), "--format", "tiff", "--suffix=-clean"]
    assert main([str(tmp_path / "in"), *words]) == 0
    written = [name for name in names(out) if name.endswith(".tif")]
    assert written == ["a-clean.tif", "sub/b-clean.tif"]
    np.testing.assert_array_equal(pixels(out / "a-clean.tif"), RGB // 2)


def test_pictures_that_are_passed_over_are_counted(
    tmp_path: Path, network: Halving, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path / "in" / "a.png")
    for name in ("b.psd", "sub/c.PSD", "d.exr", "notes.txt", ".hidden.psd"):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"?")
    assert main([str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "3 passed over, which are not read (1 .exr, 2 .psd)"


def test_what_is_lost_is_said_before(
    tmp_path: Path, network: Halving, capsys: pytest.CaptureFixture[str]
) -> None:
    source = CASES / "photo-exif.jpg"
    assert main([str(source), "-o", str(tmp_path / "a.webp")]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"note: {source}: IPTC, density: .webp does not hold this"
    ]


def test_sides_too_long_for_jpeg_are_refused_before_the_work(tmp_path: Path) -> None:
    Image.new("L", (65_536, 1)).save(tmp_path / "a.png")
    network = Halving()
    with pytest.raises(UserError, match=r"65536x1, but \.jpg holds at most 65535 pixels"):
        denoise_file(network, Job(tmp_path / "a.png", tmp_path / "a.jpg"))  # type: ignore[arg-type]
    assert network.shown == []
