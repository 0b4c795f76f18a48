"""The lecture: its measuring functions are correct, and every claim runs."""

import base64
import contextlib
import io
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.ndimage import gaussian_filter

from kdae.data import KDAE_PHOTOS, Pictures, load_pictures
from kdae.errors import UserError
from kdae.lecture import CLAIMS, lab
from kdae.lecture.__main__ import main
from kdae.lecture.claims import descent, generalization, indicator
from kdae.lecture.claims.alone import MASK, SHARED, with_noise
from kdae.lecture.claims.cheating import hand_made
from kdae.lecture.claims.descent import chain_rule_difference
from kdae.lecture.claims.sharpness import edge_rise, misplaced_edge
from kdae.lecture.exhibits import curves, mean_range, pictures, table
from kdae.lecture.filters import SIZE, Bank, bank, level
from kdae.lecture.lab import Lab
from kdae.lecture.report import Entry, Outcome, as_html, as_json
from kdae.train import run as training
from kdae.tune import run as searching
from kdae.tune import sealed
from tests.helpers import noise_image, read_once, skip_plots


def load(
    source: Any, split: str, channels: int, limit: Any = None, *rest: Any, **more: Any
) -> Pictures:
    """Loads pictures, those of the package once and two of its test; folders may change."""
    if source != KDAE_PHOTOS:
        return load_pictures(source, split, channels, limit, *rest, **more)
    # The rest is of no effect: all these pictures are large enough, and few.
    return read_once(source, split, channels, 2 if split == "test" else limit)


@contextlib.contextmanager
def without_graphs() -> Iterator[None]:
    """Runs TensorFlow step by step: to trace a network takes longer than four steps of it."""
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Even though the `tf.config.*eagerly` option")
            yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every claim, cut to seconds.

    The two dozen trainings are cut further: they read the photographs once and draw no plots.
    """
    out = tmp_path_factory.mktemp("lecture")
    with pytest.MonkeyPatch.context() as patch:
        for module in (training, lab, descent, generalization, indicator, sealed):
            patch.setattr(module, "load_pictures", load)
        skip_plots(patch)
        patch.setattr(searching, "plot_search", lambda *_: None)
        with without_graphs():
            assert main(["--quick", "--out", str(out)]) == 0
    return out


def test_every_claim_is_measured(quick: Path) -> None:
    report = json.loads((quick / "report.json").read_text())
    assert [claim["name"] for claim in report["claims"]] == list(CLAIMS)
    for claim in report["claims"]:
        assert len(claim["checks"]) >= 3, claim["name"]
        assert claim["numbers"], claim["name"]
    page = (quick / "report.html").read_text()
    assert "mean nothing" in page and "<!--" not in page
    assert len(page) < 6e6
    for name in CLAIMS:
        assert f'id="{name}"' in page and f"python -m kdae.lecture {name} --quick" in page
    # The page is one file that loads no other.
    assert 'src="http' not in page and 'href="http' not in page and "url(http" not in page
    assert "Axes" not in page and "nan dB" not in page
    # Black text cannot be read on a dark page. Matplotlib leaves out a colour that is its
    # default.
    texts = re.findall(r"<text style=\"([^\"]*)\"", page)
    assert texts and all("fill: currentColor" in style for style in texts)


def test_the_page_names_the_statements_that_do_not_hold(quick: Path) -> None:
    report = json.loads((quick / "report.json").read_text())
    page = (quick / "report.html").read_text()
    checks = [check for claim in report["claims"] for check in claim["checks"]]
    # After four steps of training some statements cannot hold.
    failed = sum(not check["holds"] for check in checks)
    assert 0 < failed < len(checks)
    assert page.count("<b>Does not hold:</b>") == failed


def test_finished_runs_are_used_again(quick: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (quick / "runs").rglob("*") if p.is_file()}
    text = (quick / "report.json").read_text()
    first = {claim["name"]: claim["numbers"] for claim in json.loads(text)["claims"]}
    assert main(["8", "--quick", "--out", str(quick)]) == 0
    (again,) = json.loads((quick / "report.json").read_text())["claims"]
    assert again["name"] == "sharpness" and again["numbers"] == first["sharpness"]
    assert {
        p: p.stat().st_mtime_ns for p in (quick / "runs").rglob("*") if p.is_file()
    } == before
    (quick / "report.json").write_text(text)


def test_unknown_claims_and_test_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"CLAIM: expected one of 1 detectors, .*, got '14'"):
        main(["14", "--out", str(tmp_path)])
    with pytest.raises(ValueError, match=r"for kdae\.tune alone"):
        Lab(tmp_path, True).photos(1, "test")


def test_a_filter_responds_most_at_the_place_of_its_pattern() -> None:
    names, kernels = zip(*bank(), strict=True)
    assert len(set(names)) >= 18
    neurons = Bank(len(kernels), 40)
    for place, kernel in enumerate(kernels):
        image = np.zeros((40, 40))
        image[10 : 10 + SIZE, 20 : 20 + SIZE] = kernel
        response = neurons.respond(image)[place]
        peak = np.unravel_index(response.argmax(), response.shape)
        assert tuple(map(int, peak)) == (10 + SIZE // 2, 20 + SIZE // 2)
        assert response.max() == pytest.approx(1.0)


def test_pictures_are_recovered() -> None:
    image = gaussian_filter(noise_image(48, 48, dtype=np.float64), 1, mode="wrap")
    neurons = Bank(36, 48)
    linear = neurons.respond(image)
    np.testing.assert_allclose(neurons.recover(linear, 0.0), image, atol=1e-9)
    rectified = np.maximum(linear, 0)

    def misfit(rounds: int) -> float:
        own = np.maximum(neurons.respond(neurons.recover_rectified(rectified, rounds)), 0)
        return float(np.square(own - rectified).sum())

    assert misfit(60) < misfit(10) < misfit(0)
    assert level(neurons.recover_rectified(rectified, 60), image) > 35
    wrong = linear.copy()
    wrong[:, 5:9, 5:9] += 1.0
    trusting, plain = neurons.recover_trusting(wrong, 20), neurons.recover(wrong)
    assert level(trusting, image) > level(plain, image)
    assert level(image, image) == 100


def test_the_chain_rule_is_tensorflows() -> None:
    assert chain_rule_difference(0) < 1e-12


def test_the_hand_made_network_copies_exactly() -> None:
    image = noise_image(1, 10, 14, 1, dtype=np.float32)
    cheat = hand_made()
    np.testing.assert_array_equal(np.asarray(cheat(image)), image)
    kernel = cheat.layers[2].get_weights()[0]
    assert kernel[1, 1, 0, 0] == 1 and kernel.sum() == 4


def test_an_edge_of_known_width_is_measured() -> None:
    def perfect(noisy: np.ndarray) -> np.ndarray:
        clean = np.zeros_like(noisy)
        clean[:, 32:] = 1
        return clean

    def blurred(noisy: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(perfect(noisy), (0, 2, 0)))

    assert edge_rise(perfect, 0.1, 1) == pytest.approx(0.8)
    # An edge blurred by a Gaussian rises from 10 to 90 % within 2.563 sigmas.
    assert edge_rise(blurred, 0.1, 1) == pytest.approx(2.563 * 2, rel=0.03)


def test_an_edge_in_the_wrong_place() -> None:
    loss = misplaced_edge(2)
    # There are three places and eight pixels. The sharp edge is wrong in one pixel in two of
    # the three cases.
    assert loss["sharp"] == pytest.approx((2 / 24, 2 / 24))
    # In the two pixels where the cases differ the ramp is 1/3 and 2/3: the mean square there is
    # 2/9 and the mean absolute value 4/9.
    assert loss["ramp"] == pytest.approx((2 * 4 / 9 / 8, 2 * 2 / 9 / 8))
    assert loss["blurred"][1] > loss["ramp"][1]


def test_the_page() -> None:
    outcome = Outcome("See <this>.")
    outcome.check(np.bool_(True), "a & b")
    outcome.check(False, "no")
    lines = {"one": ([1, 2], [[1.0, 2.0], [3.0, 4.0]]), "two": ([1, 2], [0.5, 0.5])}
    pixels = noise_image(100, 90, dtype=np.float32)
    outcome.exhibits = [
        curves("Plot", "Caption.", lines, xlabel="step", ylabel="loss (dB)"),
        pictures("Strip", "Caption.", [("large", pixels), ("small", pixels[:8, :8])]),
        table("Table", "Caption.", ("a", "b"), [("x<y", 1.234)]),
    ]
    outcome.numbers = {"array": np.arange(2), "number": np.float32(0.5)}
    entry = Entry(3, "name", "A title", "A claim", ("kdae/x.py",), "command", 1.2, outcome)
    page = as_html([entry], "about", quick=False)
    assert "See &lt;this&gt;." in page and "a &amp; b" in page and "x&lt;y" in page
    assert "does not hold in 1 of 2 points" in page and "mean nothing" not in page
    assert "currentColor" in page and "#010203" not in page and "loss (dB)" in page
    assert "data:image/webp" in page and "data:image/png" in page and "1.23" in page
    claim = json.loads(as_json([entry], "about", quick=False))["claims"][0]
    assert claim["numbers"] == {"array": [0, 1], "number": 0.5}
    assert [check["holds"] for check in claim["checks"]] == [True, False]


def test_mean_and_range_as_text() -> None:
    assert mean_range([1.0, 2.0], 1, "dB") == "1.5 dB (1.0 to 2.0)"
    assert mean_range([1.0]) == "1.00"


def test_small_pictures_are_exact(tmp_path: Path) -> None:
    pixels = noise_image(9, 9)
    body = pictures("Strip", "", [("a", pixels / 255)]).body
    (data,) = re.findall(r"base64,([^\"]+)", body)
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("shared", [1, SHARED])
def test_noise_is_shared_by_neighbours_in_a_row_alone(shared: int) -> None:
    grey = np.full((300, 300, 1), 0.5)
    noise = with_noise(grey, shared, [0])[..., 0] - 0.5
    assert noise.std() * 255 == pytest.approx(25, rel=0.02)
    for reach in range(1, SHARED + 1):
        pair = noise[:, reach:].ravel(), noise[:, :-reach].ravel()
        expected = max(0.0, 1 - reach / shared)
        assert np.corrcoef(*pair)[0, 1] == pytest.approx(expected, abs=0.02)
    assert abs(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]) < 0.02
    # The mask reaches as far as the noise that is shared with its middle, and no further.
    assert MASK == (1, 2 * (SHARED - 1) + 1)
