import json
from pathlib import Path
from typing import Any

import pytest

from kdae.cards import CARD, CARD_FORMAT
from kdae.train.__main__ import _summary
from kdae.train.folder import noise_of

PAIRS = {"noisy": "pairs/n", "clean": "pairs/c"}


def test_a_card_names_pairs_and_not_a_noise_that_was_not_added() -> None:
    assert noise_of(PAIRS, {"gaussian": {"sigma": 25}}) == {"pairs": PAIRS}
    assert noise_of("photos", {"gaussian": {"sigma": 25}}) == {"gaussian": {"sigma": 25}}
    assert noise_of(["photos", "more"], "gaussian:25") == "gaussian:25"


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"pairs": PAIRS}, "(pairs: noisy pairs/n, clean pairs/c)"),
        ({"gaussian": {"sigma": 25}}, "({'gaussian': {'sigma': 25}})"),
        ("gaussian:25", "(gaussian:25)"),
    ],
)
def test_the_last_line_says_what_was_measured_on(
    tmp_path: Path, noise: Any, words: str
) -> None:
    result = {"psnr_noisy": 20.0, "psnr": 30.5, "images": 4, "noise": noise}
    (tmp_path / CARD).write_text(json.dumps({"format": CARD_FORMAT, "results": [result]}))
    assert _summary(tmp_path) == (
        f"20.00 dB noisy, 30.50 dB denoised on 4 held-out pictures {words}"
    )
