"""Compares the pipeline with `kdae.denoise`: `make test-beam`, in a separate environment."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import denoise
import numpy as np
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.prism_runner import PrismRunner
from PIL import Image

import kdae
import kdae.denoise.__main__
from kdae.cards import find_model
from kdae.denoise.journal import JOURNAL, LOCK, Settings
from kdae.errors import UserError
from kdae.images import Picture, write_image

pytestmark = pytest.mark.filterwarnings("default")  # Beam's own are many

# The sizes are tiny, odd, long, and of more than one tile.
SIZES = [(1, 1), (1, 9), (7, 3), (64, 64), (33, 57), (101, 40), (5, 300), (128, 96), (257, 131)]
LARGE = (700, 600)


def noise_image(*shape: int, seed: int = 0, dtype: Any = np.uint8) -> np.ndarray:
    """Uniform random values over the whole range of an integer type."""
    values = np.random.default_rng(seed).uniform(size=shape)
    return (values * (np.iinfo(dtype).max + 1)).astype(dtype)


def _ours(channels: int, alpha: bool = False, deep: bool = False) -> Callable[..., None]:
    def write(path: Path, height: int, width: int, seed: int) -> None:
        values = noise_image(
            height, width, channels + alpha, seed=seed, dtype=np.uint16 if deep else np.uint8
        )
        picture = Picture(values[..., :channels], values[..., -1] if alpha else None)
        write_image(path, picture)

    return write


def _pillow(mode: str, **options: Any) -> Callable[..., None]:
    def write(path: Path, height: int, width: int, seed: int) -> None:
        image = Image.fromarray(noise_image(height, width, 3, seed=seed))
        if mode == "turned":
            exif = Image.Exif()
            exif[0x0112] = 6
            image.save(path, exif=exif, **options)
        else:
            image.convert(mode).save(path, **options)

    return write


KINDS: list[tuple[str, Callable[..., None]]] = [
    ("grey.png", _ours(1)),
    ("rgb.png", _ours(3)),
    ("rgb.jpg", _ours(3)),
    ("grey.JPEG", _ours(1)),
    ("grey-alpha.png", _ours(1, alpha=True)),
    ("rgb-alpha.png", _ours(3, alpha=True)),
    ("grey16.png", _ours(1, deep=True)),
    ("rgb16.png", _ours(3, deep=True)),
    ("alpha16.png", _ours(3, alpha=True, deep=True)),
    ("rgb.tif", _ours(3)),
    ("rgb16.tiff", _ours(3, deep=True)),
    ("rgb-alpha.webp", _ours(3, alpha=True)),
    ("rgb.bmp", _ours(3)),
    ("palette.png", _pillow("P")),
    ("one bit.png", _pillow("1")),
    ("cmyk.jpg", _pillow("CMYK")),
    ("turned.jpg", _pillow("turned", quality=60)),
    ("first frame.gif", _pillow("P")),
]


def mixed(folder: Path, count: int) -> None:
    """Fills a folder and its subfolders with pictures of all kinds and sizes."""
    for place in range(count):
        name, write = KINDS[place % len(KINDS)]
        height, width = SIZES[place % 7 + place % 3]
        if place == 1:
            height, width = LARGE
        path = folder / ["", "ä b", "c/d"][place % 3] / f"{place:03} {name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, height, width, place)


def broken(folder: Path) -> dict[str, str]:
    """Adds ten files that must fail; returns what each reason must hold."""

    def encoded(name: str) -> bytes:
        file = io.BytesIO()
        Image.fromarray(noise_image(40, 50, 3)).save(file, name)
        return file.getvalue()

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    png = encoded("PNG")
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    contents = {
        "empty.png": (b"", "the file is empty"),
        "text.jpg": (b"not a picture", "not a picture"),
        "cut.png": (png[: len(png) // 2], "cannot be read"),
        "cut.jpg": (encoded("JPEG")[:400], "cannot be read"),
        "damaged.png": (bytes(damaged), "cannot be read"),
        "head.png": (png[:33], "broken from its start"),
        "cut.tif": (encoded("TIFF")[:50], "cannot be read"),
        "cut.webp": (encoded("WEBP")[:100], ""),
        "bomb.png": (
            png[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
            "megapixels",
        ),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    Image.fromarray(noise_image(8, 8, 4)).save(folder / "clear.jpg", "PNG")
    return {name: reason for name, (_, reason) in contents.items()} | {
        "clear.jpg": "transparency"
    }


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOCK
    }


def compare(folder: Path, count: int, model: str, *more: str) -> None:
    """Denoises `count` good and ten broken pictures in both ways and compares the files."""
    source, plain, out = (folder / name for name in ("in", "plain", "out"))
    mixed(source, count)
    reasons = broken(source)
    for name in ("notes.txt", "._hidden.png"):
        (source / name).write_bytes(b"x")
    assert kdae.denoise.__main__.main([str(source), "-o", str(plain), "--model", model]) == 1
    arguments = ["--input", str(source), "--output", str(out), "--model", model, *more]
    assert denoise.main(arguments) == 1

    expected, got = files(plain), files(out)
    journal = [json.loads(line) for line in expected.pop(JOURNAL).splitlines()]
    for name in ("results.jsonl", "dead-letter.jsonl", "settings.json"):
        got.pop(name)
    assert len(got) == count and sorted(got) == sorted(expected)
    assert [name for name in got if got[name] != expected[name]] == []

    done, failed = lines(out / "results.jsonl"), lines(out / "dead-letter.jsonl")
    assert {line["status"] for line in done} == {"done"}
    assert sorted(line["output"] for line in done) == sorted(str(out / name) for name in got)
    assert len(failed) == len(reasons) == 10
    for line in failed:
        name = Path(line["file"]).name
        assert reasons[name] in line["reason"] and name in line["reason"]
    said = {line["file"]: line["reason"] for line in journal if line["status"] == "failed"}
    assert said == {
        line["file"]: line["reason"].replace(str(out), str(plain)) for line in failed
    }


def test_500_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_prism(*_: Any) -> None:
        raise RuntimeError("DirectRunner would download a program")

    loads = []
    load = kdae.load
    monkeypatch.setattr(kdae, "load", lambda model: loads.append(model) or load(model))
    monkeypatch.setattr(PrismRunner, "run_pipeline", no_prism)
    compare(tmp_path.resolve(), 490, "photo", "--runner=DirectRunner")
    assert len(loads) == 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "mine.tflite"
    return str(shutil.copy(find_model("color").path, path))


def test_few_pictures(tmp_path: Path, model: str) -> None:
    compare(tmp_path.resolve(), 2 * len(KINDS), model)


def test_the_same_command_goes_on(tmp_path: Path, model: str) -> None:
    top = tmp_path.resolve()
    source, out = top / "in", top / "in" / "out"  # what was written is not read again
    mixed(source, 6)
    arguments = ["--input", str(source), "--output", str(out), "--model", model]
    assert denoise.main(arguments) == 0
    (victim, *_) = sorted(out.rglob("*.png"))
    before = files(out)
    victim.unlink()
    assert denoise.main(arguments) == 0
    statuses = Counter(line["status"] for line in lines(out / "results.jsonl"))
    assert statuses == {"done": 1, "before": 5}
    again = files(out)
    before.pop("results.jsonl"), again.pop("results.jsonl")
    assert again == before
    with pytest.raises(
        UserError, match=r"made by .*mine\.tflite \(\w+\) at strength 1.0, not by .* 0.5"
    ):
        denoise.main([*arguments, "--strength", "0.5"])
    (out / "settings.json").write_text("{}")
    with pytest.raises(UserError, match=r"settings\.json: not written by this pipeline"):
        denoise.main(arguments)
    (out / "settings.json").unlink()
    with pytest.raises(UserError, match=r"expected an empty folder or one with settings\.json"):
        denoise.main(arguments)


def test_a_pattern_and_two_files_for_one_output(tmp_path: Path, model: str) -> None:
    top = tmp_path.resolve()
    for name in ("a.png", "b.png", "b.gif", "c.jpg"):
        path = top / "in" / "sub" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise_image(9, 9, 3)).save(path)
    out = top / "out"
    arguments = ["--output", str(out), "--model", model]
    assert denoise.main(["--input", str(top / "in" / "s*" / "*.[pg]*"), *arguments]) == 1
    assert [Path(line["file"]).name for line in lines(out / "dead-letter.jsonl")] == [
        "b.gif",
        "b.png",
    ]
    for line in lines(out / "dead-letter.jsonl"):
        assert "b.gif and " in line["reason"] and "would both be written to" in line["reason"]
    assert sorted(p.name for p in (out / "sub").iterdir()) == ["a.png"]
    with pytest.raises(UserError, match="no picture"):
        denoise.main(
            ["--input", str(top / "none"), "--output", str(top / "x"), "--model", model]
        )


def test_a_model_on_a_file_system_of_beams(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose name has a scheme is read through Beam."""
    real, opened = FileSystems.open, []

    def open_(path: str, *args: Any, **more: Any) -> Any:
        opened.append(path)
        return real(path.removeprefix("far:/"), *args, **more)

    monkeypatch.setattr(FileSystems, "open", open_)
    monkeypatch.setattr(FileSystems, "join", lambda *parts: "/".join(parts))
    settings = denoise._with_model(f"far://{model}", lambda local: Settings.of(local, 1.0))
    assert settings.digest == Settings.of(model, 1.0).digest
    assert [Path(path).name for path in opened] == ["mine.tflite"]
    opened.clear()
    run = tmp_path / "run"
    run.mkdir()
    for name in ("model.keras", "model-card.json"):
        (run / name).write_bytes(b"x")
    denoise._with_model(f"far://{run}", lambda local: Settings.of(local, 1.0))
    assert [Path(path).name for path in opened] == ["model.keras", "model-card.json"]
    with pytest.raises(UserError, match="expected 0, the worker has"):
        denoise._load(Settings(f"far://{model}", "0", 1.0))


def test_as_a_user_runs_it(tmp_path: Path, model: str) -> None:
    """The pipeline runs in worker processes, to which Beam must send the script."""
    mixed(tmp_path / "in", 4)
    command = [
        sys.executable, denoise.__file__, "--input", "in", "--output", "out", "--model", model,
        "--direct_num_workers", "2", "--direct_running_mode", "multi_processing",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"4 of 4 pictures denoised, into {tmp_path.resolve() / 'out'}\n"
    plain = [str(tmp_path / "in"), "-o", str(tmp_path / "plain"), "--model", model]
    assert kdae.denoise.__main__.main(plain) == 0
    for path in (tmp_path / "plain").rglob("*.*"):
        if path.is_file() and path.name not in (JOURNAL, LOCK):
            name = path.relative_to(tmp_path / "plain")
            assert (tmp_path / "out" / name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("strength", ["-1", "2"])
def test_bad_arguments(tmp_path: Path, strength: str) -> None:
    with pytest.raises(UserError, match="--strength: expected 0 to 1"):
        denoise.main(["--input", "a", "--output", "b", "--strength", strength])
    with pytest.raises(UserError, match="nonesuch"):
        denoise.main(["--input", "a", "--output", "b", "--model", "nonesuch"])
    assert list(tmp_path.iterdir()) == [] and not Path("b").exists()


def test_the_runner_is_known() -> None:
    from apache_beam.runners.runner import create_runner

    assert type(create_runner(denoise.RUNNER)).__name__ == "FnApiRunner"
    assert PipelineOptions([f"--runner={denoise.RUNNER}"]).get_all_options()["runner"]


def test_without_tensorflow() -> None:
    assert not [name for name in ("tensorflow", "keras") if name in sys.modules]
    assert importlib.util.find_spec("tensorflow") is None  # nor in requirements.lock
