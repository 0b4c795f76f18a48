"""Makes the page's sample photographs: `python web/tools/samples.py PHOTOS_DIR`.

PHOTOS_DIR holds `manifest.json` (file, author, license, source, change) and the
pictures. `NAME.jpg` are written to `web/public/samples/`, clean: the page itself adds
noise, so that no JPEG compression comes between the noise and the model. A noisy tile of
the first one goes to `web/tests/golden/noisy.png`, for the test against Keras.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

SAMPLES = {
    "seeding_by_Clements_Engelhardt.png": ("dandelions", "Dandelions"),
    "Picture_0B_by_freespace.png": ("fig", "Half a fig"),
    "friends_by_Aitzol_Berasategi.png": ("friends", "Two dogs"),
}
LICENSES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
}
LONG_SIDE = 800
SMALL_SIDE, SMALL_LIMIT = 360, 10_000  # of the buttons that open the samples
LIMIT = 200_000  # bytes
TILE, SIGMA = (slice(90, 154), slice(210, 274)), 25
ImageFile.MAXBLOCK = 4_000_000  # optimized JPEGs are written in one block


def save(pixels: np.ndarray, path: Path) -> None:
    """Writes a JPEG without chroma subsampling at the best quality under LIMIT bytes."""
    image = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
    for quality in range(95, 50, -1):
        image.save(path, quality=quality, subsampling=0, optimize=True)
        if path.stat().st_size < LIMIT:
            print(f"{path.name}: {image.size}, quality {quality}, {path.stat().st_size} bytes")
            return
    raise ValueError(f"{path} does not fit into {LIMIT} bytes")


def save_small(sample: Path) -> None:
    """Writes NAME-small.jpg beside NAME.jpg at the best quality under SMALL_LIMIT bytes."""
    image = Image.open(sample).convert("RGB")
    image.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS)
    path = sample.with_name(f"{sample.stem}-small.jpg")
    for quality in range(90, 20, -2):
        image.save(path, quality=quality, optimize=True)
        if path.stat().st_size < SMALL_LIMIT:
            return
    raise ValueError(f"{path} does not fit into {SMALL_LIMIT} bytes")


def main() -> None:
    """Writes the samples and `samples.json`, which the page reads for the credits."""
    photos = Path(sys.argv[1])
    web = Path(__file__).parents[1]
    out, golden = web / "public" / "samples", web / "tests" / "golden"
    golden.mkdir(exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    rows = json.loads((photos / "manifest.json").read_text())
    entries = {Path(row["file"]).name: row for row in rows}
    listing = []
    for file, (name, title) in SAMPLES.items():
        row = entries[file]
        image = Image.open(photos / row["file"]).convert("RGB")
        scale = LONG_SIDE / max(image.size)
        size = [round(side * scale) for side in image.size]
        image = image.resize(size, Image.Resampling.LANCZOS)
        clean = np.asarray(image, np.float64) / 255
        save(clean, out / f"{name}.jpg")
        save_small(out / f"{name}.jpg")
        if not listing:
            noise = np.random.default_rng(0).normal(0, SIGMA, clean[TILE].shape)
            noisy = np.clip(np.rint(clean[TILE] * 255 + noise), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(golden / "noisy.png")
        listing.append(
            {
                "name": name,
                "title": title,
                "author": row["author"].replace('"', "").replace("Clements", "Clemens"),
                "license": row["license"],
                "licenseUrl": LICENSES[row["license"]],
                "source": row["source"],
                "change": f"{row['change']}, then to {LONG_SIDE} pixels",
            }
        )
    (out / "samples.json").write_text(json.dumps(listing, indent=1) + "\n")


if __name__ == "__main__":
    main()
