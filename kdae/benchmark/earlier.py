"""Classical methods in an earlier report: they take most of the time, and do not change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kdae.errors import UserError

Row = Mapping[str, Any]


def read_rows(report: Path) -> list[Row]:
    """Reads the rows of a report.

    Args:
        report: Its JSON file.

    Raises:
        UserError: If it is not there.
    """
    if not report.is_file():
        raise UserError(f"--models-only: expected an earlier report {report}, found none")
    rows: list[Row] = json.loads(report.read_text(encoding="utf-8"))["rows"]
    return rows


def rows_of(earlier: Sequence[Row], method: str, data: str) -> list[Row]:
    """Returns the earlier rows of a method on a set."""
    return [row for row in earlier if (row["method"], row["data"]) == (method, data)]


def check_same_noise(rows: Sequence[Row]) -> None:
    """Checks that all methods saw the same noisy pictures, the earlier ones too.

    Args:
        rows: The rows of a new report.

    Raises:
        UserError: If two rows of a set, noise and number of pictures differ in `psnr_noisy`.
    """
    first: dict[tuple[Any, ...], float] = {}
    for row in rows:
        key = row["data"], row["noise"], row["images"]
        if abs(first.setdefault(key, row["psnr_noisy"]) - row["psnr_noisy"]) > 1e-3:
            raise UserError(
                f"--models-only: the noise on {row['data']} is not that of the earlier report; "
                "measure all methods"
            )
