"""Runs TFLite files and compares the results of two machines. Needs NumPy and LiteRT only.

`compare.py run FOLDER OUT.npz` runs every file of FOLDER on a noisy test picture. `compare.py
diff A.npz B.npz` prints the largest differences. Its status is 1 if one is too large.
"""

import platform
import sys
from pathlib import Path

import numpy as np

# ARM adds floats in another order, so 8-bit results may round differently.
FLOAT_BOUND = 1e-5
LEVELS_BOUND = 2 / 255
SIDE = 64


def picture(height: int, width: int, channels: int) -> np.ndarray:
    """Returns waves, an edge and noise of sigma 25: float32 [1, H, W, C] of 8-bit values."""
    y, x = np.mgrid[:height, :width] / 16
    clean = 0.5 + 0.3 * np.sin(x * y / 4) * np.cos(x) + 0.2 * (x > y)
    noise = np.random.default_rng(0).normal(0, 25 / 255, (1, height, width, channels))
    noisy = np.clip(clean[None, :, :, None] + noise, 0, 1)
    return (np.rint(noisy * 255) / 255).astype(np.float32)


def run(folder: str, target: str) -> None:
    """Runs every file of a folder. Files of dynamic size get 64x64 pixels."""
    from ai_edge_litert.interpreter import Interpreter

    files = sorted(Path(folder).glob("*.tflite"))
    if not files:
        sys.exit(f"error: {folder} holds no .tflite file")
    outputs = {}
    for file in files:
        interpreter = Interpreter(str(file), num_threads=1)
        (given,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
        _, height, width, channels = given["shape_signature"]
        image = picture(max(height, SIDE), max(width, SIDE), channels)
        interpreter.resize_tensor_input(given["index"], image.shape)
        interpreter.allocate_tensors()
        if given["dtype"] == np.uint8:
            image = np.rint(image * 255).astype(np.uint8)
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        output = interpreter.get_tensor(got["index"])
        outputs[file.stem] = output / 255 if output.dtype == np.uint8 else output
        print(f"{platform.machine()}: {file.name} has run", flush=True)
    np.savez(target, **outputs)


def diff(first: str, second: str) -> None:
    """Compares the results of two runs and returns the exit status."""
    ours, theirs = np.load(first), np.load(second)
    if sorted(ours.files) != sorted(theirs.files):
        sys.exit(f"error: {first} and {second} are of different files")
    missed = 0
    for name in ours.files:
        eight_bits = any(kind in name for kind in ("int8", "weights8"))
        bound = LEVELS_BOUND if eight_bits else FLOAT_BOUND
        difference = float(np.abs(ours[name] - theirs[name]).max())
        held = difference <= bound
        missed += not held
        verdict = "ok" if held else "MISSED"
        print(f"{name}: largest difference {difference:.1e}, allowed {bound:.1e}: {verdict}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    {"run": run, "diff": diff}[sys.argv[1]](*sys.argv[2:])
