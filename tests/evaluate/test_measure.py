import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kdae.engine
from kdae.data import load_pictures
from kdae.errors import UserError
from kdae.evaluate import evaluate
from kdae.evaluate.__main__ import main
from kdae.evaluate.measure import format_table, noisy_examples, pair_examples
from kdae.images import Picture, write_image
from kdae.metrics import MAX_PSNR
from kdae.noise import parse_noise
from tests.helpers import noise_image, tiny_run

KEYS = [
    "data",
    "noise",
    "images",
    "psnr_noisy",
    "psnr",
    "ssim_noisy",
    "ssim",
    "seconds_per_megapixel",
]
GAUSSIAN = {"gaussian": {"sigma": 25}}


@pytest.fixture(scope="module")
def grey_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_run(tmp_path_factory.mktemp("grey") / "run", 1))


@pytest.fixture(scope="module")
def colour_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_run(tmp_path_factory.mktemp("colour") / "run", 3))


def folder_of(path: Path, *pictures: np.ndarray) -> str:
    path.mkdir(exist_ok=True)
    for index, pixels in enumerate(pictures):
        write_image(path / f"{index}.png", Picture(pixels))
    return str(path)


def flat(value: float, channels: int = 1) -> np.ndarray:
    return np.full((16, 20, channels), value, np.float32)


def psnr_of(difference: float) -> float:
    return -20 * math.log10(difference)


def test_means_over_pictures() -> None:
    # Noisy pictures are off by 51/255 = 0.2 and 0.4. The denoiser subtracts 0.1 from every
    # value, so the errors are 0.1 and 0.3.
    samples = [(flat(0.6), flat(0.4)), (flat(0.6), flat(0.2))]
    result = evaluate(lambda image: image - np.float32(0.1), samples, "flat", "offset")
    assert list(result) == KEYS
    assert (result["data"], result["noise"], result["images"]) == ("flat", "offset", 2)
    assert result["psnr_noisy"] == pytest.approx((psnr_of(0.2) + psnr_of(0.4)) / 2, abs=0.02)
    # 0.5 becomes 128/255 (rounding half to even), an error of 0.102.
    expected = (psnr_of(128 / 255 - 0.4) + psnr_of(128 / 255 - 0.2)) / 2
    assert result["psnr"] == pytest.approx(expected, abs=1e-3)
    assert 0 < result["ssim_noisy"] < result["ssim"] < 1
    assert result["seconds_per_megapixel"] > 0


def test_output_is_clipped_and_rounded_to_8_bits() -> None:
    samples = [(flat(1.7), flat(1.0))]
    assert evaluate(lambda image: image + 3, samples, "", "")["psnr"] == pytest.approx(
        MAX_PSNR, abs=1e-3
    )
    samples = [(flat(0.2), flat(0.4))]
    result = evaluate(lambda image: image * 0 + (102 + 0.4) / 255, samples, "", "")
    assert result["psnr"] == pytest.approx(MAX_PSNR, abs=1e-3)
    result = evaluate(lambda image: image * 0 + (102 + 0.6) / 255, samples, "", "")
    assert result["psnr"] == pytest.approx(psnr_of(1 / 255), abs=1e-2)


def test_the_denoiser_sees_noise_that_is_not_clipped() -> None:
    black = [np.zeros((64, 64, 1), np.uint8)]
    ((noisy, clean),) = noisy_examples(black, GAUSSIAN)
    assert noisy.dtype == np.float32 and not clean.any()
    assert noisy.std() * 255 == pytest.approx(25, abs=1)
    assert noisy.min() < -0.2
    ((clipped, _),) = noisy_examples(black, GAUSSIAN, clip=True)
    np.testing.assert_allclose(clipped, np.rint(np.clip(noisy, 0, 1) * 255) / 255, atol=1e-6)


def test_noise_depends_on_seed_place_and_kind_only() -> None:
    pictures = [np.full((8, 8, 3), 128, np.uint8)] * 3

    def draw(count: int = 3, sigma: Any = 25, seed: int = 0) -> list[np.ndarray]:
        spec = {"gaussian": {"sigma": sigma}}
        return [noisy for noisy, _ in noisy_examples(pictures[:count], spec, seed=seed)]

    first = draw()
    np.testing.assert_array_equal(first, draw())
    np.testing.assert_array_equal(first[:2], draw(count=2))
    assert (first[0] != first[1]).any()
    assert (first[0] != draw(seed=1)[0]).any()
    assert not np.allclose((draw(sigma=50)[0] - 0.5) / 2, first[0] - 0.5, atol=0.05)


def test_noisy_psnr_is_that_of_sigma() -> None:
    # Mid-grey is not clipped at sigma 25: PSNR = 20 log10(255 / 25) = 20.17 dB.
    samples = noisy_examples([np.full((200, 200, 3), 128, np.uint8)], GAUSSIAN)
    result = evaluate(lambda image: image, samples, "", "")
    assert result["psnr_noisy"] == pytest.approx(20.17, abs=0.06)
    assert result["psnr"] == result["psnr_noisy"]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("gaussian:25", {"gaussian": {"sigma": 25}}),
        ("gaussian: 2.5", {"gaussian": {"sigma": 2.5}}),
        ("gaussian:[0, 55]", {"gaussian": {"sigma": [0, 55]}}),
        ("poisson:30", {"poisson": {"peak": 30}}),
        ("camera", {"camera": None}),
        ("{poisson: {peak: 30}}", {"poisson": {"peak": 30}}),
        ("chain: [camera, {gaussian: {sigma: 5}}]", None),
        ("[camera, {gaussian: {sigma: 5}}]", None),
    ],
)
def test_parse_noise(text: str, spec: Any) -> None:
    assert parse_noise(text) == (spec or {"chain": ["camera", {"gaussian": {"sigma": 5}}]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gausian:25", "gausian:25: .*unknown noise 'gausian', did you mean 'gaussian'"),
        ("gaussian:lots", "gaussian: sigma: expected a number"),
        ("gaussian", "sigma is missing"),
        ("identity:3", "identity"),
        ("{gaussian: {sigma: 25", "not valid YAML"),
        ("{gaussian: {sigma: 5}, camera: {}}", "expected a name and its parameters"),
        ("25", "--noise 25: "),
        ("", "--noise : "),
    ],
)
def test_bad_noise(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_noise(text)


def test_table() -> None:
    row = dict(
        zip(KEYS, ["Set12", "gaussian:25", 12, 20.345, 30.0, 0.36636, 0.9, 1.5], strict=True)
    )
    head, line = format_table([row]).splitlines()
    assert head.split()[:3] == ["data", "noise", "images"]
    values = [
        "Set12",
        "gaussian:25",
        "12",
        "20.34",
        "->",
        "30.00",
        "0.3664",
        "->",
        "0.9000",
        "1.50",
    ]
    assert line.split() == values
    assert line.index("0.3664") == head.index("SSIM")


def test_main_prints_and_writes(
    tmp_path: Path, grey_run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder_of(tmp_path / "set", *(noise_image(16, 18, 3, seed=n) for n in range(3)))
    target = tmp_path / "results.json"
    arguments = ["--model", grey_run, "--data", data, "--noise", "gaussian:25"]
    arguments += ["--noise", "{poisson: {peak: 30}}", "--limit", "2", "--json", str(target)]
    assert main(arguments) == 0
    written = json.loads(target.read_text())
    assert list(written) == ["results"]
    assert [list(row) for row in written["results"]] == [KEYS, KEYS]
    assert [row["noise"] for row in written["results"]] == [
        "gaussian:25",
        "{poisson: {peak: 30}}",
    ]
    for row in written["results"]:
        assert (row["data"], row["images"]) == ("set", 2)
    printed = capsys.readouterr().out
    assert "not clipped; 2 of 2 pictures measured in grey" in printed
    assert format_table(written["results"]) in printed
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["results.json"]


def test_clip_and_seed_reach_the_noise(tmp_path: Path, grey_run: str) -> None:
    data = folder_of(tmp_path / "set", noise_image(32, 32, 1))
    target = tmp_path / "results.json"

    def measure(*more: str) -> dict[str, Any]:
        common = ["--model", grey_run, "--data", data, "--noise", "gaussian:50"]
        assert main([*common, "--json", str(target), *more]) == 0
        return json.loads(target.read_text())["results"][0]

    plain, again, clipped, other = (
        measure(),
        measure(),
        measure("--clip"),
        measure("--seed", "1"),
    )
    assert plain["psnr"] == again["psnr"]
    # With and without `--clip` the noisy figures are those of the 8-bit picture.
    assert clipped["psnr_noisy"] == pytest.approx(plain["psnr_noisy"], abs=1e-4)
    assert clipped["psnr"] != plain["psnr"]
    assert other["psnr_noisy"] != plain["psnr_noisy"]


def test_a_colour_model_on_grey_pictures(
    tmp_path: Path, grey_run: str, colour_run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Grey pictures get one noise, not three, so the noisy figures are those of a grey model.
    data = folder_of(tmp_path / "set", noise_image(32, 32, 1))
    target = tmp_path / "results.json"
    figures = []
    for run in (grey_run, colour_run):
        common = ["--model", run, "--data", data, "--noise", "gaussian:25"]
        assert main([*common, "--json", str(target)]) == 0
        figures.append(json.loads(target.read_text())["results"][0])
        assert "1 of 1 pictures measured in grey" in capsys.readouterr().out
    assert figures[0]["psnr_noisy"] == figures[1]["psnr_noisy"]
    assert figures[0]["psnr"] != figures[1]["psnr"]


def test_colour_pictures_are_measured_in_colour(
    tmp_path: Path, colour_run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder_of(tmp_path / "set", noise_image(16, 16, 3))
    assert main(["--model", colour_run, "--data", data, "--noise", "camera"]) == 0
    assert "grey" not in capsys.readouterr().out


def pairs_folder(path: Path) -> str:
    path.mkdir()
    for index in range(2):
        clean = np.full((16, 16, 3), 102, np.uint8)
        noisy = clean + np.uint8(51)  # 0.2 off
        write_image(path / f"shot{index}_mean.png", Picture(clean))
        write_image(path / f"shot{index}_real.png", Picture(noisy))
    return str(path)


def test_pairs(tmp_path: Path, colour_run: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, target = pairs_folder(tmp_path / "real[1]"), tmp_path / "results.json"
    pattern = "*_real.png:*_mean.png"
    common = ["--model", colour_run, "--data", data, "--pairs", pattern]
    assert main([*common, "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["results"]
    assert (row["data"], row["noise"], row["images"]) == ("real[1]", pattern, 2)
    assert row["psnr_noisy"] == pytest.approx(psnr_of(0.2), abs=1e-3)
    assert "as they are" in capsys.readouterr().out


def test_pair_examples_are_noisy_then_clean(tmp_path: Path) -> None:
    data = pairs_folder(tmp_path / "real")
    source = {"noisy": f"{data}/*_real.png", "clean": f"{data}/*_mean.png"}
    for noisy, clean in pair_examples(load_pictures(source, "test", 3, whole=True)):
        assert noisy.mean() == pytest.approx(0.6) and clean.mean() == pytest.approx(0.4)


def test_errors_come_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_load(name: str) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(kdae.engine, "load", no_load)
    data = folder_of(tmp_path / "set", noise_image(16, 16, 1))
    gaussian = ["--noise", "gaussian:25"]
    for arguments, message in (
        (["--noise", "fog:3"], "unknown noise 'fog'"),
        ([*gaussian, "--seed", "-1"], "--seed: expected at least 0"),
        ([*gaussian, "--limit", "0"], "--limit: expected at least 1"),
        ([*gaussian, "--json", str(tmp_path)], "--json .*is a folder"),
        (
            [*gaussian, "--json", str(tmp_path / "none" / "r.json")],
            "--json .*cannot be written",
        ),
        (["--pairs", "*_real.png"], "--pairs: expected NOISY:CLEAN"),
        (["--pairs", "a*:b*", "--clip"], "--clip: pairs are measured as they are"),
    ):
        with pytest.raises(UserError, match=message):
            main(["--model", "m", "--data", data, *arguments])
    for source in (gaussian, ["--pairs", "a*:b*"]):
        with pytest.raises(UserError, match="none"):
            main(["--model", "m", "--data", str(tmp_path / "none"), *source])


@pytest.mark.parametrize("noise", [[], ["--noise", "camera", "--pairs", "a*:b*"]])
def test_noise_or_pairs(noise: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--model", "m", "--data", "d", *noise])
    assert stop.value.code == 2
    assert "--pairs" in capsys.readouterr().err


def test_data_without_usable_pictures(tmp_path: Path, grey_run: str) -> None:
    empty = folder_of(tmp_path / "empty")
    small = folder_of(tmp_path / "small", noise_image(10, 40, 1))
    pairs = pairs_folder(tmp_path / "pairs")
    write_image(tmp_path / "pairs" / "shot2_real.png", Picture(noise_image(16, 16, 3)))
    for arguments, message in (
        (["--data", empty, "--noise", "camera"], "no picture in this folder"),
        (["--data", small, "--noise", "camera"], "40x10 pixels is smaller than the 11x11"),
        (["--data", pairs, "--pairs", "*_a.png:*_b.png"], "no picture matches"),
        (["--data", pairs, "--pairs", "*_real.png:*_mean.png"], "shot2_real.png"),
    ):
        with pytest.raises(UserError, match=message):
            main(["--model", grey_run, *arguments])
