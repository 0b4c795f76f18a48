import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdae.denoise.__main__ import main
from kdae.denoise.journal import JOURNAL, LOCK
from kdae.engine import Denoiser, Strength, load
from kdae.errors import UserError
from kdae.images import Picture, read_image, write_image
from tests import warm
from tests.helpers import noise_image, tiny_run, tiny_tflite


@pytest.fixture(scope="module", params=["keras", "litert"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model for each engine: a run folder, and a `.tflite` file."""
    folder = tmp_path_factory.mktemp("models")
    if request.param == "keras":
        return str(tiny_run(folder / "run", 3))
    return str(tiny_tflite(folder / "tiny.tflite", 3))


@pytest.fixture(scope="module")
def denoiser(run: str) -> Denoiser:
    return load(run)


def save(path: Path, pixels: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, Picture(pixels, alpha))
    return pixels


def test_a_folder_of_everything(
    tmp_path: Path, run: str, denoiser: Denoiser, capsys: pytest.CaptureFixture[str]
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
    assert written == sorted([*names, JOURNAL, LOCK])
    for name, pixels in names.items():
        result = read_image(out / name)
        assert result.alpha is None
        assert result.pixels.dtype == pixels.dtype
        np.testing.assert_array_equal(result.pixels, denoiser.denoise(pixels))


def records(out: Path) -> dict[str, dict[str, str]]:
    lines = (out / JOURNAL).read_text().splitlines()
    return {Path(line["output"]).name: line for line in map(json.loads, lines)}


def test_the_same_command_goes_on(
    tmp_path: Path, run: str, denoiser: Denoiser, capsys: pytest.CaptureFixture[str]
) -> None:
    top, out = tmp_path / "in", tmp_path / "out"
    for seed, name in enumerate(["a.png", "b.png", "c/d.png"]):
        save(top / name, noise_image(9, 9, 3, seed=seed))
    whole = (top / "b.png").read_bytes()
    (top / "b.png").write_bytes(whole[:60])
    command = [str(top), "-o", str(out), "--model", run]
    assert main(command) == 1
    assert (
        f"2 of 3 pictures denoised, into {out}; {out / JOURNAL} says" in capsys.readouterr()[0]
    )
    written = records(out)
    assert {name: line["status"] for name, line in written.items()} == {
        "a.png": "done", "b.png": "failed", "d.png": "done",
    }  # fmt: skip
    assert "b.png: cannot be read" in written["b.png"]["reason"]
    assert written["a.png"] == written["a.png"] | {
        "file": str((top / "a.png").resolve()), "reason": "", "model": run, "strength": 1.0,
    }  # fmt: skip
    made = (out / "a.png").stat().st_mtime_ns

    (top / "b.png").write_bytes(whole)
    assert main(command) == 0
    assert "1 of 1 pictures denoised" in (said := capsys.readouterr().out)
    assert said.strip().endswith("; 2 were done before")
    assert (out / "a.png").stat().st_mtime_ns == made
    assert {line["status"] for line in records(out).values()} == {"done"}
    assert main(command) == 0
    assert "0 of 0 pictures denoised" in capsys.readouterr().out

    with pytest.raises(
        UserError, match=r"a\.png, .* at strength 1\.0, not by .* strength 0\.5;"
    ):
        main([*command, "--strength", "0.5"])
    assert (out / "a.png").stat().st_mtime_ns == made
    assert main([*command, "--strength", "0.5", "--force"]) == 0
    assert {line["strength"] for line in records(out).values()} == {0.5}
    expected = denoiser.denoise(read_image(top / "a.png").pixels, 0.5)
    np.testing.assert_array_equal(read_image(out / "a.png").pixels, expected)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures that takes a while."""
    top = tmp_path_factory.mktemp("many")
    for seed in range(60):
        save(top / f"{seed:03}.png", noise_image(200, 200, 3, seed=seed))
    return top


@pytest.fixture(scope="module")
def denoised(many: Path, denoiser: Denoiser) -> dict[str, np.ndarray]:
    """What each of these pictures becomes."""
    return {path.name: denoiser.denoise(read_image(path).pixels) for path in many.iterdir()}


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle(
    tmp_path: Path,
    run: str,
    many: Path,
    denoised: dict[str, np.ndarray],
    kill: signal.Signals,
) -> None:
    out, names = tmp_path / "out", sorted(denoised)
    arguments = [str(many), "-o", str(out), "--model", run]
    with warm.Command("-m", "kdae.denoise", *arguments) as command:
        end = time.monotonic() + 300
        while len(list(out.glob("[0-9]*.png"))) < 3:
            assert command.code is None and time.monotonic() < end
            time.sleep(0.005)
        command.send(kill)
        ended = command.ended()
    early = {path.name: path.stat().st_mtime_ns for path in out.glob("[0-9]*.png")}
    assert 3 <= len(early) < len(names)
    if kill == signal.SIGINT:
        assert ended.code == 130
        # Before it may be what TensorFlow has to say of this machine.
        assert ended.err.endswith("interrupted\n") and "Traceback" not in ended.err
        # All that was begun is whole and recorded, so nothing is done twice.
        done = {name for name, line in records(out).items() if line["status"] == "done"}
        assert done == set(early)
    else:
        assert ended.code == -signal.SIGKILL
    assert main(arguments) == 0
    for name, expected in denoised.items():
        np.testing.assert_array_equal(read_image(out / name).pixels, expected)
    assert sorted(path.name for path in out.iterdir()) == [LOCK, *names, JOURNAL]
    again = [name for name in early if (out / name).stat().st_mtime_ns != early[name]]
    assert len(again) <= (4 if kill == signal.SIGKILL else 0)


def test_alpha_is_kept(tmp_path: Path, run: str, denoiser: Denoiser) -> None:
    source, out = tmp_path / "a.png", tmp_path / "b.png"
    alpha = noise_image(12, 13, seed=1)
    pixels = save(source, noise_image(12, 13, 3), alpha)
    assert main([str(source), "-o", str(out), "--model", run]) == 0
    result = read_image(out)
    assert result.alpha is not None
    np.testing.assert_array_equal(result.alpha, alpha)
    np.testing.assert_array_equal(result.pixels, denoiser.denoise(pixels))


def test_the_result_is_upright_once(tmp_path: Path, run: str, denoiser: Denoiser) -> None:
    stored = noise_image(10, 20, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn clockwise
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--model", run]) == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.getexif().get(0x0112, 1) == 1
        upright = np.ascontiguousarray(np.rot90(stored, -1))
        np.testing.assert_array_equal(np.asarray(image), denoiser.denoise(upright))


def test_strength_and_force(tmp_path: Path, run: str, denoiser: Denoiser) -> None:
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
    expected = denoiser.denoise(pixels, 0.5)
    np.testing.assert_array_equal(read_image(path).pixels, expected)


def test_brightness_and_colour_apart_and_detail_kept(
    tmp_path: Path, run: str, denoiser: Denoiser
) -> None:
    top, out = tmp_path / "in", tmp_path / "out"
    pixels = save(top / "a.png", noise_image(16, 16, 3))
    arguments = [str(top), "-o", str(out), "--model", run, "--strength", "0.5"]
    assert main([*arguments, "--luma", "0.25", "--keep-detail", "0.75"]) == 0
    strength = Strength(luma=0.25, colour=0.5, keep_detail=0.75)
    expected = denoiser.denoise(pixels, strength)
    np.testing.assert_array_equal(read_image(out / "a.png").pixels, expected)
    asked = "at strength luma 0.25, colour 0.5, keep_detail 0.75"
    with pytest.raises(UserError, match=rf"made by .* {asked}, not by .* at strength 0\.5;"):
        main(arguments)
    # With the same strength for both there is one number, however it was asked for.
    assert main([*arguments, "--force"]) == 0
    assert main([*arguments, "--luma", "0.5", "--colour", "0.5"]) == 0
    assert records(out)["a.png"]["strength"] == 0.5


def test_a_format_that_cannot_hold_it(
    tmp_path: Path, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.png", noise_image(8, 8, 3), noise_image(8, 8))
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.jpg"), "--model", run]) == 1
    assert "b.jpg" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_bad_arguments_end_with_status_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kdae.denoise", "none.png", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    message = "error: none.png: no such file or folder\n"
    assert (done.returncode, done.stderr) == (2, message)
    with pytest.raises(UserError) as caught:
        main(["none.png", "-o", "out", "--strength", "2"])
    assert str(caught.value) == "--strength: expected 0 to 1, got 2"
    for option in ("--luma", "--colour", "--keep-detail"):
        with pytest.raises(UserError, match=f"{option}: expected 0 to 1, got 2"):
            main(["none.png", "-o", "out", option, "2"])


def test_unknown_model(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise_image(4, 4, 1))
    with pytest.raises(UserError, match="nonesuch"):
        main([str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--model", "nonesuch"])
    assert not (tmp_path / "out").exists()


def test_fast_exact_and_threads(tmp_path: Path) -> None:
    """Each option reaches the engine, and changes the pixels as it does there."""
    pixels = save(tmp_path / "a.png", noise_image(150, 300, 1))
    for number, options in enumerate(
        (["--fast"], ["--exact"], ["--engine", "keras"], ["--threads", "1"])
    ):
        out = tmp_path / f"{number}.png"
        command = [str(tmp_path / "a.png"), "-o", str(out), "--model", "gray", *options]
        assert main(command) == 0
        name, *value = options
        how: dict[str, Any] = {name[2:]: value[0] if value else True}
        if name == "--threads":
            how = {"threads": 1}
        np.testing.assert_array_equal(
            read_image(out).pixels, load("gray", **how).denoise(pixels)
        )
    with pytest.raises(UserError, match="--threads: expected at least 1, got 0"):
        main([*command[:3], "--threads", "0"])
