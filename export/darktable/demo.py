"""Denoises a picture with the packaged model, in tiles as darktable cuts them.

    python demo.py --model model.onnx --image noisy.jpg --output clean.png

Needs numpy, Pillow and onnxruntime, and nothing of kdae.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

TILE = 768
"""The side of a tile with its overlap. darktable takes 256 to 2,048, as memory allows."""

OVERLAP = 64
"""The number of pixels that darktable cuts off each side of a tile, whatever the model."""


def halo_of(session: Any) -> int:
    """Returns the context that a tile needs on each side, in pixels, by the model's card."""
    card = json.loads(session.get_modelmeta().custom_metadata_map["kdae.json"])
    return int(card["halo"])


def denoise(
    session: Any, picture: np.ndarray, tile: int = TILE, overlap: int | None = None
) -> np.ndarray:
    """Denoises one picture, mirrored at its edges, in tiles of one size.

    Args:
        session: An `onnxruntime.InferenceSession` of the model.
        picture: The noisy picture, float32 [H, W, 3] in [0, 1], sRGB.
        tile: The side of a tile in pixels, a multiple of the model's `size_multiple`.
        overlap: The number of pixels that are cut off each side of a tile's result. None: the
            halo of the model's card, but at least what darktable takes.

    Returns:
        The denoised picture, float32 [H, W, 3] in [0, 1].
    """
    (given,) = session.get_inputs()
    if overlap is None:
        overlap = max(halo_of(session), OVERLAP)
    height, width = picture.shape[:2]
    step = tile - 2 * overlap
    rest = [(overlap, overlap + -length % step) for length in (height, width)]
    grown = np.pad(picture, [*rest, (0, 0)], "reflect")
    clean = np.empty_like(picture)
    for top in range(0, height, step):
        for left in range(0, width, step):
            noisy = grown[top : top + tile, left : left + tile].transpose(2, 0, 1)
            result = session.run(None, {given.name: noisy[np.newaxis]})[0][0].transpose(1, 2, 0)
            kept = clean[top : top + step, left : left + step]
            kept[:] = result[overlap:, overlap:][: kept.shape[0], : kept.shape[1]]
    return clean


def demo(model: str, image: str, output: str, **_: Any) -> None:
    """Denoises a file. darktable-ai calls this."""
    import onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with Image.open(image) as file:
        noisy = np.asarray(file.convert("RGB"), np.float32) / 255
    clean = denoise(session, noisy)
    Image.fromarray(np.rint(255 * clean).astype(np.uint8)).save(output)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--image", required=True)
    parser.add_argument("--output", required=True)
    args = parser.parse_args()
    demo(args.model, args.image, args.output)


if __name__ == "__main__":
    main()
