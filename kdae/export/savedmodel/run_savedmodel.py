"""Runs exported SavedModels: `run_savedmodel.py FOLDER`; see `kdae.export.exchange`.

This script imports TensorFlow but not kdae, as a server does.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def main(folder: Path) -> None:
    """Runs all jobs of `jobs.json` with each number of threads."""
    task = json.loads((folder / "jobs.json").read_text())
    milliseconds: list[dict[str, float]] = [{} for _ in task["jobs"]]
    for threads in task["threads"]:
        # TensorFlow's number of threads cannot be changed after its first operation, so each
        # number has a process of its own. Before the fork TensorFlow is only imported.
        child = os.fork()
        if not child:
            run(folder, task, threads)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(1)
        for times, ms in zip(
            milliseconds, json.loads((folder / "ms").read_text()), strict=True
        ):
            times[str(threads)] = ms
    result = {"runtime": f"tensorflow {tf.__version__}", "milliseconds": milliseconds}
    (folder / "result.json").write_text(json.dumps(result))


def run(folder: Path, task: dict[str, Any], threads: int) -> None:
    """Runs all jobs with a number of threads; writes the outputs, and the times to `ms`."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    milliseconds = []
    for job in task["jobs"]:
        model = tf.saved_model.load(job["path"])
        call = floats(model) if job["signature"] == "serving_default" else files(model)
        images = [
            np.fromfile(folder / entry["input"], "<f4").reshape(entry["shape"])
            for entry in job["pictures"]
        ]
        for image, entry in zip(images, job["pictures"], strict=True):
            call(image).astype("<f4").tofile(folder / entry["output"])
        milliseconds.append(1000 * min(timed(call, images[0]) for _ in range(task["repeats"])))
    (folder / "ms").write_text(json.dumps(milliseconds))


def floats(model: tf.Module) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the signature of floats as a function on [H, W, C]."""
    signature = model.signatures["serving_default"]
    return lambda image: signature(image=tf.constant(image[None]))["denoised"][0].numpy()


def files(model: tf.Module) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the signature of files as a function on [H, W, C], through 8-bit PNG."""
    signature = model.signatures["denoise_bytes"]

    def call(image: np.ndarray) -> np.ndarray:
        file = tf.io.encode_png(tf.cast(tf.round(image * 255.0), tf.uint8))
        answer = signature(image_bytes=file[None], strength=tf.constant([1.0]))
        return tf.io.decode_png(answer["png_bytes"][0]).numpy() / np.float32(255)

    return call


def timed(call: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> float:
    """Returns the seconds that one call takes."""
    start = time.perf_counter()
    call(image)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]))
