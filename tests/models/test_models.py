"""`kdae models`: every shipped model is listed, with its use and the figures of its card."""

import json
import re

import pytest

from kdae.cards import DEFAULT_MODEL, shipped_models, weights_folder
from kdae.models import USES, describe_models
from kdae.models.__main__ import main


def test_every_shipped_model_has_a_use() -> None:
    assert sorted(USES) == shipped_models()
    assert [name for name, use in USES.items() if "the default" in use] == [DEFAULT_MODEL]


def test_the_figures_are_those_of_the_cards(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert printed == describe_models() + "\n"
    rows = [re.split("  +", line) for line in printed.splitlines()]
    for name in shipped_models():
        card = json.loads((weights_folder() / f"{name}.json").read_text())
        assert [name, USES[name], f"{card['parameters']:,}"] in [row[:3] for row in rows]
        listed = [row for row in rows if row[0] == name][1:]
        measured = [row for row in card["results"] if "validation" not in row["data"]]
        assert len(listed) == len(measured) > 0
        for row, result in zip(listed, measured, strict=True):
            assert row[1:3] == [result["data"], result["noise"]]
            assert [float(row[3]), float(row[4])] == [result["psnr_noisy"], result["psnr"]]
