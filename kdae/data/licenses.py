"""The licences of a folder's pictures, where a `manifest.json` states them."""

import json
from pathlib import Path

MANIFEST = "manifest.json"


def read_licenses(folder: Path) -> dict[Path, str]:
    """Reads what `manifest.json` in a folder or its parent says of the pictures.

    Such a file is a list of {"file": path from the manifest's own folder, "license": SPDX
    identifier or other words}; more keys do no harm. A JSON file of another form, such as
    the manifest of a web page, says nothing of licences and is passed over.

    Args:
      folder: of the pictures.

    Returns:
      From resolved path to licence. The manifest of the folder itself goes before that of
      its parent.
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
