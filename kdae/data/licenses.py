"""Reads the licences of a folder's pictures from a `manifest.json`."""

import json
from pathlib import Path

MANIFEST = "manifest.json"


def read_licenses(folder: Path) -> dict[Path, str]:
    """Reads the licences that `manifest.json` in a folder or its parent states.

    Such a file is a list of {"file": path relative to the manifest, "license": SPDX identifier
    or other words}; other keys are ignored. A JSON file of another form, such as the manifest
    of a web page, is ignored too.

    Args:
        folder: the folder of the pictures.

    Returns:
        A dict from resolved path to licence. The manifest of the folder itself takes
        precedence over that of its parent.
    """
    folder = folder.resolve()
    found: dict[Path, str] = {}
    for place in (folder.parent, folder):
        try:
            entries = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            name, license = entry.get("file"), entry.get("license")
            if isinstance(name, str) and isinstance(license, str) and license:
                found[(place / name).resolve()] = license
    return found
