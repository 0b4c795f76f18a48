"""Measures the rate of the model without a server: `python floor.py SAVEDMODEL OUT`.

Writes noisy photographs `256.png` and `1024.png` (named by their side in pixels) into OUT,
denoises them in this process with `denoise_bytes`, with one thread and with as many as the
server has, and writes the rates to `floor.json`: `{"256": {"1": pictures per second, "2": ...},
...}`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

TILES = Path(__file__).parents[3] / "kdae" / "data" / "photos" / "tiles"
SECONDS = {256: 10.0, 1024: 20.0}
SIGMA = 25


def picture(side: int) -> bytes:
    """Returns a mosaic of photographs with Gaussian noise, as a PNG file."""
    files = sorted(TILES.rglob("*.png"))[:: 300 // 16]
    tiles = [tf.io.decode_png(file.read_bytes(), channels=3).numpy() for file in files]
    count = side // 256
    rows = [np.concatenate(tiles[row * count :][:count], axis=1) for row in range(count)]
    noise = np.random.default_rng(0).normal(0, SIGMA, (side, side, 3))
    noisy = np.clip(np.rint(np.concatenate(rows) + noise), 0, 255).astype(np.uint8)
    data: bytes = tf.io.encode_png(noisy).numpy()
    return data


def rate(model: tf.Module, file: bytes, threads: int, seconds: float) -> float:
    """Returns the pictures per second of threads that take one picture after the other."""
    inputs = {"image_bytes": tf.constant([file]), "strength": tf.constant([1.0])}
    denoise = model.signatures["denoise_bytes"]
    denoise(**inputs)
    counts = [0] * threads
    start = time.perf_counter()

    def run(thread: int) -> None:
        while time.perf_counter() - start < seconds:
            denoise(**inputs)["png_bytes"].numpy()
            counts[thread] += 1

    running = [threading.Thread(target=run, args=(thread,)) for thread in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return sum(counts) / (time.perf_counter() - start)


def main() -> None:
    """Runs the command."""
    folder, out = sys.argv[1], Path(sys.argv[2])
    model = tf.saved_model.load(folder)
    rates = {}
    for side, seconds in SECONDS.items():
        file = picture(side)
        (out / f"{side}.png").write_bytes(file)
        threads = sorted({1, os.cpu_count() or 1})
        rates[side] = {count: rate(model, file, count, seconds) for count in threads}
    (out / "floor.json").write_text(json.dumps(rates))


if __name__ == "__main__":
    main()
