"""Runs ONNX files with ONNX Runtime, on the processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from kdae.cards import METADATA
from kdae.engine.machine import processors
from kdae.errors import UserError, first_line

_ERRORS = 3  # the level of messages, below which ONNX Runtime warns of what it is not sure of


class OnnxModel:
    """The network of an ONNX file.

    Args:
        path: An `.onnx` file of `kdae.export`, of any size, with floats as input and output;
            the colours come before height and width, or last.
        threads: The number of threads. None: one per processor.

    Raises:
        UserError: If the file is not there, or not such a file.
    """

    # A tile of 600x600 took 207 beyond the session itself, with 32 filters at the first scale.
    bytes_per_pixel = 250

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or processors()
        options.log_severity_level = _ERRORS
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has a dozen of its own, derived from nothing.
            raise UserError(
                f"{path}: ONNX Runtime cannot run it ({first_line(error)})"
            ) from error
        (given,) = self._session.get_inputs()
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA)
        if text is None:
            raise UserError(f"{path}: holds no model card ({METADATA})")
        self.card: dict[str, Any] = json.loads(text)
        self._image = given.name
        self._planar = given.shape[1] == self.card["channels"]
        self.channels = int(given.shape[1 if self._planar else 3])
        height, width = given.shape[2:] if self._planar else given.shape[1:3]
        if isinstance(height, int) or isinstance(width, int):
            raise UserError(f"{path}: takes {height}x{width} pixels; expected any size")

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Runs the network; see `kdae.engine.denoiser.Network`."""
        if self._planar:
            batch = np.ascontiguousarray(np.moveaxis(batch, -1, 1))
        result: np.ndarray = self._session.run(None, {self._image: batch})[0]
        return np.moveaxis(result, 1, -1) if self._planar else result
