"""Runs TFLite files with LiteRT."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from kdae.engine.machine import processors
from kdae.errors import UserError, first_line
from kdae.quiet import start_up


class LiteRT:
    """The network of a TFLite file.

    Args:
        path: A `.tflite` file of `kdae.export`, of any size, with floats as input and output.
        threads: The number of threads. None: one per processor.

    Raises:
        UserError: If the file is not there, or not such a file.
    """

    # Measured with `python -m kdae.benchmark memory`, with 32 filters at the first scale.
    bytes_per_pixel = 450

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"{path}: no such file")
        try:
            # The first allocation tells which delegate it makes.
            with start_up():
                self._interpreter = Interpreter(
                    model_path=str(path), num_threads=threads or processors()
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{path}: LiteRT cannot run it ({first_line(error)})") from error
        (given,) = self._interpreter.get_input_details()
        (got,) = self._interpreter.get_output_details()
        if given["dtype"] != np.float32 or got["dtype"] != np.float32:
            raise UserError(f"{path}: takes {given['dtype'].__name__}; expected floats")
        self._input, self._output = given["index"], got["index"]
        self._shape = tuple(given["shape"])
        _, height, width, self.channels = given["shape_signature"]
        if height != -1 or width != -1:
            raise UserError(f"{path}: takes {height}x{width} pixels; expected any size")
        self._lock = threading.Lock()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Runs the network; see `kdae.engine.denoiser.Network`."""
        result = np.empty(batch.shape, np.float32)
        with self._lock:
            for image, place in zip(batch, result, strict=True):
                shape = (1, *image.shape)
                if shape != self._shape:
                    self._interpreter.resize_tensor_input(self._input, shape)
                    self._interpreter.allocate_tensors()
                    self._shape = shape
                self._interpreter.set_tensor(self._input, np.ascontiguousarray(image[None]))
                self._interpreter.invoke()
                place[:] = self._interpreter.get_tensor(self._output)[0]
        return result
