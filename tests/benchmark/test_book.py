"""The results of a long benchmark outlive the process."""

from pathlib import Path

import pytest

from kdae.benchmark.book import Book
from kdae.errors import UserError


def test_rows_are_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    Book(path, {"steps": (1, 2)}).add("a", {"psnr": 29.5})
    again = Book(path, {"steps": (1, 2)})
    assert "a" in again and "b" not in again
    assert again["a"] == {"psnr": 29.5}
    with pytest.raises(UserError, match=r"results\.json: was begun with other settings"):
        Book(path, {"steps": (1, 3)})
