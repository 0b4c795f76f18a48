"""Tables: aligned columns, and Markdown."""

import pytest

from kdae.tables import columns, markdown

ROWS = [("name", "size", "note"), ("a", 1, ""), ("long one", 12345, "x")]


def test_columns_are_aligned_and_end_without_spaces() -> None:
    assert columns(ROWS, right=[1]).splitlines() == [
        "name       size  note",
        "a             1",
        "long one  12345  x",
    ]


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError):
        columns([("a", "b"), ("c",)])


def test_markdown() -> None:
    assert markdown(ROWS[:2]) == "| name | size | note |\n|---|---|---|\n| a | 1 |  |"
