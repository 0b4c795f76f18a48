"""Writes a model as ONNX for darktable. darktable-ai calls `convert`.

python convert.py --checkpoint photo --output model.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path


def convert(checkpoint: str, output: str, opset: int = 17, fp16: bool = True) -> None:
    """Writes `image` -> `denoised`, float32 [N, 3, H, W] in [0, 1], sRGB.

    Args:
        checkpoint: A run folder, a `.keras` file, or the name of a model that kdae ships.
        output: The ONNX file.
        opset: The opset; 17 is the only one that is written.
        fp16: Whether the weights are stored in 16 bits. The sums are float32 in any case.

    Raises:
        ValueError: If the opset is another one, or the model is for grey pictures.
    """
    from kdae.export.onnx.graph import OPSET, build_onnx
    from kdae.export.run import in_float32
    from kdae.model import load_model

    if opset != OPSET:
        raise ValueError(f"opset: expected {OPSET}, got {opset}")
    model, card = load_model(checkpoint)
    if card["channels"] != 3:
        raise ValueError(f"checkpoint: expected a colour model, got {card['channels']} channel")
    built = build_onnx(in_float32(model), card, half=fp16)
    Path(output).write_bytes(built.SerializeToString())


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--fp16", action="store_true")
    args = parser.parse_args()
    convert(args.checkpoint, args.output, args.opset, args.fp16)


if __name__ == "__main__":
    main()
