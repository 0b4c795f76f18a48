"""Keeps the results of a long benchmark, so that it can go on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kdae.errors import UserError
from kdae.files import replace_file


class Book:
    """Rows of results in a JSON file, which is written anew with each of them.

    Args:
        path: the file; its folder is made.
        settings: what the results depend on, as JSON has it.

    Raises:
        UserError: the file was begun with other settings.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self._content: dict[str, Any] = {"settings": settings, "rows": {}}
        if path.is_file():
            self._content = json.loads(path.read_text(encoding="utf-8"))
            if self._content["settings"] != json.loads(json.dumps(settings)):
                raise UserError(f"{path}: was begun with other settings; choose another folder")
        path.parent.mkdir(parents=True, exist_ok=True)

    def __contains__(self, key: str) -> bool:
        return key in self._content["rows"]

    def __getitem__(self, key: str) -> dict[str, Any]:
        row: dict[str, Any] = self._content["rows"][key]
        return row

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Adds a row and writes the file."""
        self._content["rows"][key] = row
        text = json.dumps(self._content, indent=2) + "\n"
        replace_file(self.path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
