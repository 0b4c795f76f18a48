import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdae.denoise import Job, denoise_file, main, plan
from kdae.errors import UserError
from kdae.images import Picture, read_image, write_image
from tests.helpers import noise_image, tiny_denoiser, tiny_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_run(tmp_path_factory.mktemp("models") / "run", 3))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def save(path: Path, pixels: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, Picture(pixels, alpha))
    return pixels


def test_plan_one_file(tmp_path: Path) -> None:
    source, out = tmp_path / "a.png", tmp_path / "out"
    touch(source)
    new = tmp_path / "new.TIF"
    assert plan([str(source)], str(new)) == [Job(source, new)]
    assert plan([str(source)], str(out)) == [Job(source, out / "a.png")]
    assert plan([str(source)], f"{out}.v2/") == [Job(source, tmp_path / "out.v2" / "a.png")]
    (tmp_path / "folder.png").mkdir()
    inside = tmp_path / "folder.png" / "a.png"
    assert plan([str(source)], str(tmp_path / "folder.png")) == [Job(source, inside)]


def test_plan_keeps_the_structure_of_folders(tmp_path: Path) -> None:
    top, out = tmp_path / "in", tmp_path / "out"
    touch(top / "b.png", top / "x" / "b.jpg", top / "x" / "y" / "c.gif", tmp_path / "d.bmp")
    (top / "notes.txt").write_text("not a picture")
    assert plan([str(top), str(tmp_path / "d.bmp"), str(top / "b.png")], str(out)) == [
        Job(top / "b.png", out / "b.png"),  # named twice, done once
        Job(top / "x" / "b.jpg", out / "x" / "b.jpg"),
        Job(top / "x" / "y" / "c.gif", out / "x" / "y" / "c.png"),  # GIF is only read
        Job(tmp_path / "d.bmp", out / "d.bmp"),
    ]


def test_plan_does_not_read_what_was_written(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "out" / "a.png", tmp_path / "out" / "b.png")
    out = tmp_path / "out"
    assert plan([str(tmp_path)], str(out), force=True) == [
        Job(tmp_path / "a.png", out / "a.png")
    ]
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match="no picture in this folder but those in"):
        plan([str(tmp_path)], str(out), force=True)


def test_plan_refuses_to_replace(tmp_path: Path) -> None:
    touch(*(tmp_path / f"{n}.png" for n in range(5)))
    source = str(tmp_path / "0.png")
    for inputs, out in (
        ([source], source),
        ([source], str(tmp_path)),
        ([source], str(tmp_path / "1.png")),
    ):
        with pytest.raises(UserError, match=r"[01]\.png would be replaced; .* --force"):
            plan(inputs, out)
        assert len(plan(inputs, out, force=True)) == 1
    with pytest.raises(UserError, match=r"2\.png and 2 more would be replaced"):
        plan([str(tmp_path)], str(tmp_path))


def test_plan_refuses_two_inputs_for_one_output(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.png", tmp_path / "b" / "x.png", tmp_path / "a" / "x.gif")
    out = str(tmp_path / "out")
    with pytest.raises(UserError, match=r"a/x\.png and .*b/x\.png would both be written"):
        plan([str(tmp_path / "a" / "x.png"), str(tmp_path / "b")], out, force=True)
    with pytest.raises(UserError, match=r"x\.gif and .*x\.png would both be written"):
        plan([str(tmp_path / "a")], out)


def test_plan_refuses_what_cannot_be(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "file")
    (tmp_path / "empty").mkdir()
    a = str(tmp_path / "a.png")
    for inputs, out, message in (
        ([str(tmp_path / "none.png")], "out", "none.png: no such file"),
        ([a, str(tmp_path / "empty")], "out", "empty: no picture in this folder"),
        ([a], str(tmp_path / "b.xyz"), r"cannot write \.xyz, expected one of \.png"),
        ([a], str(tmp_path / "b.gif"), r"cannot write \.gif"),
        ([a, a], str(tmp_path / "b.png"), "expected a folder"),
        ([str(tmp_path)], str(tmp_path / "b.png"), "expected a folder"),
        ([a, a], str(tmp_path / "file"), "expected a folder, this is a file"),
    ):
        with pytest.raises(UserError, match=message):
            plan(inputs, out)


def test_a_folder_of_everything(
    tmp_path: Path, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    top, out = tmp_path / "in", tmp_path / "out"
    names = {
        "grey.png": save(top / "grey.png", noise_image(21, 30, 1)),
        "sub/rgb.webp": save(top / "sub" / "rgb.webp", noise_image(17, 30, 3)),
        "deep.png": save(top / "deep.png", noise_image(9, 9, 3, dtype=np.uint16)),
        "deep.tif": save(top / "deep.tif", noise_image(9, 9, 1, dtype=np.uint16)),
        "one.png": save(top / "one.png", noise_image(1, 1, 3)),
        "long.bmp": save(top / "long.bmp", noise_image(3, 1000, 3)),
    }
    (top / "sub" / "broken.png").write_bytes((top / "grey.png").read_bytes()[:60])
    assert main([str(top), "-o", str(out), "--model", run]) == 1
    captured = capsys.readouterr()
    assert "6 of 7 pictures denoised" in captured.out
    (error,) = captured.err.strip().splitlines()
    assert error.startswith("error: ") and "broken.png" in error
    written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert written == sorted(names)
    for name, pixels in names.items():
        result = read_image(out / name)
        assert result.alpha is None
        assert result.pixels.dtype == pixels.dtype
        np.testing.assert_array_equal(result.pixels, tiny_denoiser(3).denoise(pixels))


def test_alpha_is_kept(tmp_path: Path, run: str) -> None:
    source, out = tmp_path / "a.png", tmp_path / "b.png"
    alpha = noise_image(12, 13, seed=1)
    pixels = save(source, noise_image(12, 13, 3), alpha)
    assert main([str(source), "-o", str(out), "--model", run]) == 0
    result = read_image(out)
    assert result.alpha is not None
    np.testing.assert_array_equal(result.alpha, alpha)
    np.testing.assert_array_equal(result.pixels, tiny_denoiser(3).denoise(pixels))


def test_the_result_is_upright_once(tmp_path: Path, run: str) -> None:
    stored = noise_image(10, 20, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn clockwise
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--model", run]) == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.getexif().get(0x0112, 1) == 1
        upright = np.ascontiguousarray(np.rot90(stored, -1))
        np.testing.assert_array_equal(np.asarray(image), tiny_denoiser(3).denoise(upright))


def test_strength_and_force(tmp_path: Path, run: str) -> None:
    path = tmp_path / "a.png"
    pixels = save(path, noise_image(16, 16, 3))
    arguments = [str(path), "-o", str(path), "--model", run]
    before = path.read_bytes()
    with pytest.raises(UserError, match="would be replaced"):
        main(arguments)
    assert path.read_bytes() == before
    assert main([*arguments, "--force", "--strength", "0"]) == 0
    np.testing.assert_array_equal(read_image(path).pixels, pixels)
    assert main([*arguments, "--force", "--strength", "0.5"]) == 0
    expected = tiny_denoiser(3).denoise(pixels, 0.5)
    np.testing.assert_array_equal(read_image(path).pixels, expected)


def test_a_format_that_cannot_hold_it(
    tmp_path: Path, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.png", noise_image(8, 8, 3), noise_image(8, 8))
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.jpg"), "--model", run]) == 1
    assert "b.jpg" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise_image(4, 4, 1))
    touch(tmp_path / "file")
    job = Job(tmp_path / "a.png", tmp_path / "file" / "out" / "a.png")
    with pytest.raises(UserError, match=r"file/out: cannot make this folder"):
        denoise_file(tiny_denoiser(), job)


def test_progress_adds_up(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise_image(600, 40, 1))
    shares: list[Any] = []
    job = Job(tmp_path / "a.png", tmp_path / "b.png")
    denoise_file(tiny_denoiser(), job, progress=shares.append)
    assert len(shares) > 1 or shares == [1.0]
    assert sum(shares) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png", "-o", "out"], "error: none.png: no such file or folder\n"),
        (
            ["none.png", "-o", "out", "--strength", "2"],
            "error: --strength: expected 0 to 1, got 2\n",
        ),
    ],
)
def test_bad_arguments_end_with_status_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    command = [sys.executable, "-m", "kdae.denoise", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, message)


def test_unknown_model(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise_image(4, 4, 1))
    with pytest.raises(UserError, match="nonesuch"):
        main([str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--model", "nonesuch"])
    assert not (tmp_path / "out").exists()
