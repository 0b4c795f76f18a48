"""Cuts the tiles of `kdae_photos`: `python -m kdae.data.photos.cut --photos DIR`.

DIR holds photographs and `manifest.json`, a list of {"file", "author", "license",
"source", "package", "change"}, with files in the subfolders `gcompris` (to train) and `lomiri`
(to validate and test). The same photographs give the same tiles.
"""

import argparse
import hashlib
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kdae.data.photos import FOLDER, MANIFEST, read_manifest
from kdae.errors import UserError, run_main
from kdae.images import read_image, to_channels

TILE = 256
BYTES = 33_800_000  # of all tiles; the limit of the repository is 35 million
_BLOCK = 16
_ENERGY_CAP = 24.0
_LEAST_SCORE = 3.0
_TRAIN_PER_PICTURE = 5
_HELD_OUT_PER_PICTURE = 3
_DEEDS = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "public-domain": "https://creativecommons.org/publicdomain/mark/1.0/",
}


@dataclass(frozen=True)
class Tile:
    """A place in a photograph; x and y of its upper left corner in pixels."""

    picture: str
    x: int
    y: int
    score: float


def texture(image: np.ndarray) -> np.ndarray:
    """Measures how much there is to see in each block of 16x16 pixels.

    The root mean square of the luma's gradient (differences of neighbours, on the 0-255
    scale), capped: a denoiser learns nothing from a flat sky, but neither should a few
    hard edges count for more than fine structure all over.

    Args:
        image: uint8 [H, W, C].

    Returns:
        float [H // 16, W // 16], 0 to 24.
    """
    luma = to_channels(image, 1)[..., 0].astype(np.float64)
    energy = np.zeros_like(luma)
    energy[:, :-1] += np.diff(luma, axis=1) ** 2
    energy[:-1] += np.diff(luma, axis=0) ** 2
    rows, columns = (side // _BLOCK for side in luma.shape)
    blocks = energy[: rows * _BLOCK, : columns * _BLOCK]
    blocks = blocks.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
    return np.minimum(np.sqrt(blocks), _ENERGY_CAP)


def best_tiles(picture: str, image: np.ndarray, count: int) -> list[Tile]:
    """Chooses tiles that do not overlap, the most textured first.

    They lie on a lattice, which is shifted within its room to where the chosen tiles have
    the most texture: choosing places one by one would leave gaps that hold no tile.

    Args:
        picture: name of the photograph.
        image: uint8 [H, W, C].
        count: how many at most; fewer if there is no room or nothing to see.
    """
    blocks = texture(image)
    side = TILE // _BLOCK
    if min(blocks.shape) < side:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(blocks, (side, side))
    scores = windows.mean(axis=(2, 3))
    shifts = [range(extent % side + 1) for extent in blocks.shape]
    top, left = max(
        ((row, column) for row in shifts[0] for column in shifts[1]),
        key=lambda shift: np.sort(scores[shift[0] :: side, shift[1] :: side], None)[
            -count:
        ].sum(),
    )
    tiles = [
        Tile(picture, column * _BLOCK, row * _BLOCK, float(scores[row, column]))
        for row in range(top, scores.shape[0], side)
        for column in range(left, scores.shape[1], side)
    ]
    tiles = [tile for tile in tiles if tile.score >= _LEAST_SCORE]
    return sorted(tiles, key=lambda tile: -tile.score)[:count]


def encode(image: np.ndarray, tile: Tile) -> bytes:
    """Cuts a tile out of its photograph, as the bytes of a PNG file."""
    file = io.BytesIO()
    cut = image[tile.y : tile.y + TILE, tile.x : tile.x + TILE]
    Image.fromarray(cut).save(file, "PNG", optimize=True, compress_level=9)
    return file.getvalue()


def choose(images: dict[str, np.ndarray], budget: int) -> dict[str, list[tuple[Tile, bytes]]]:
    """Chooses the tiles of every split.

    Held-out photographs, ranked by texture, go to validation and test in turn, so that
    both are equally hard. Every photograph to train on gives its best tile; what is left
    of the budget goes to the most textured ones.

    Args:
        images: from "folder/name" to uint8 [H, W, 3].
        budget: bytes of all tiles together.
    """
    chosen: dict[str, list[tuple[Tile, bytes]]] = defaultdict(list)
    held_out = [
        best_tiles(name, image, _HELD_OUT_PER_PICTURE)
        for name, image in sorted(images.items())
        if name.startswith("lomiri/")
    ]
    held_out.sort(key=lambda tiles: -sum(tile.score for tile in tiles))
    for rank, tiles in enumerate(held_out):
        # 0 3 4 7 8 ... validate, 1 2 5 6 9 ... test: neither always has the better one.
        split = "validation" if rank % 4 in (0, 3) else "test"
        chosen[split] += [(tile, encode(images[tile.picture], tile)) for tile in tiles]
    budget -= sum(len(data) for tiles in chosen.values() for _, data in tiles)
    ranked = [
        (rank > 0, -tile.score, tile)
        for name, image in sorted(images.items())
        if name.startswith("gcompris/")
        for rank, tile in enumerate(best_tiles(name, image, _TRAIN_PER_PICTURE))
    ]
    for _, _, tile in sorted(ranked, key=lambda item: item[:2]):
        data = encode(images[tile.picture], tile)
        if len(data) > budget:
            break
        budget -= len(data)
        chosen["train"].append((tile, data))
    return chosen


def write_tiles(
    folder: Path, chosen: dict[str, list[tuple[Tile, bytes]]], about: dict[str, Any], old: Any
) -> dict[str, Any]:
    """Writes the tiles and `tiles.json`; the version goes up if any tile changed.

    Returns:
        What `kdae.data.photos.read_manifest` reads.
    """
    files: dict[str, tuple[Tile, bytes]] = {}
    pictures: dict[str, dict[str, str]] = {}
    for split, tiles in sorted(chosen.items()):
        for tile, data in tiles:
            name = f"{split}-{Path(tile.picture).stem}-{tile.x}-{tile.y}.png"
            files[name] = tile, data
            entry = about[tile.picture]
            facts = {key: entry[key] for key in ("author", "license", "source")}
            pictures[tile.picture] = {"split": split, **facts}
    digest = hashlib.sha256()
    for name, (_, data) in sorted(files.items()):
        digest.update(name.encode() + hashlib.sha256(data).digest())
    major = int(old["version"].split(".")[0]) + (old["digest"] != digest.hexdigest())
    manifest = {
        "version": f"{major}.0.0",
        "digest": digest.hexdigest(),
        "pictures": dict(sorted(pictures.items())),
        "tiles": {
            name: {"picture": tile.picture, "x": tile.x, "y": tile.y}
            for name, (tile, _) in sorted(files.items())
        },
    }
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, (_, data) in files.items():
        (folder / name).write_bytes(data)
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST.name).write_text(text + "\n", encoding="utf-8")
    return manifest


def attribution(manifest: dict[str, Any], about: dict[str, Any]) -> str:
    """Writes ATTRIBUTION.md: every photograph used, and what was done to it."""
    count: dict[str, int] = defaultdict(int)
    for tile in manifest["tiles"].values():
        count[tile["picture"]] += 1
    lines = [
        "# Photographs in kdae_photos",
        "",
        f"The {len(manifest['tiles'])} tiles in `tiles/` are cut from the "
        f"{len(manifest['pictures'])} photographs below. **Each tile is under the licence of "
        f"its photograph**, not under that of kdae's code. Changes: each photograph was "
        f"made smaller as said in the table and saved as PNG; tiles of {TILE}x{TILE} pixels "
        f"were then cut from it (`tiles/tiles.json` says where), and nothing else was done.",
        "",
        "This page is written by `python -m kdae.data.photos.cut`.",
        "",
        "| photograph | author | licence | source | taken from | change | split | tiles |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, picture in manifest["pictures"].items():
        entry = about[name]
        cells = [
            Path(name).stem,
            entry["author"],
            f"[{entry['license']}]({_deed(entry['license'])})",
            entry["source"],
            f"{entry['package']}, {entry['member']}",
            entry["change"],
            picture["split"],
            str(count[name]),
        ]
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _deed(license_id: str) -> str:
    if license_id in _DEEDS:
        return _DEEDS[license_id]
    kind, version = license_id.removeprefix("CC-").rsplit("-", 1)
    return f"https://creativecommons.org/licenses/{kind.lower()}/{version}/"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def main(argv: Sequence[str] | None = None) -> int:
    """Cuts all tiles anew, into the package."""
    parser = argparse.ArgumentParser(prog="python -m kdae.data.photos.cut", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    photos = parser.parse_args(argv).photos
    if not (photos / "manifest.json").is_file():
        raise UserError(f"--photos {photos}: expected a folder with manifest.json")
    entries = json.loads((photos / "manifest.json").read_text(encoding="utf-8"))
    about = {entry["file"]: entry for entry in entries}
    images = {name: to_channels(read_image(photos / name).pixels, 3) for name in about}
    chosen = choose(images, BYTES)
    manifest = write_tiles(FOLDER, chosen, about, read_manifest())
    page = FOLDER.parent / "ATTRIBUTION.md"
    page.write_text(attribution(manifest, about), encoding="utf-8")
    for split, tiles in sorted(chosen.items()):
        size = sum(len(data) for _, data in tiles)
        print(f"{split}: {len(tiles)} tiles, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    run_main(main)
