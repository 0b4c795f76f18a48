"""Model cards: every way to name the wrong thing."""

from pathlib import Path

import pytest

from kdae.cards import load_card
from kdae.errors import UserError


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}'])
def test_a_card_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(UserError, match=r"c\.json"):
        load_card(tmp_path / "c.json")
