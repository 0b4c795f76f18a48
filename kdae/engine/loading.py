"""Loads a model for an engine."""

from __future__ import annotations

from pathlib import Path

from kdae.cards import LITERT, ONNX, card_inside, find_model
from kdae.engine.denoiser import Denoiser, Network
from kdae.errors import UserError, check_threads, missing_package


def load(
    model: str | Path,
    *,
    engine: str | None = None,
    fast: bool = False,
    threads: int | None = None,
    exact: bool = False,
) -> Denoiser:
    """Loads a model for use.

    Args:
        model: The name of a shipped model, a `.tflite` or `.onnx` file, a run folder or a
            `.keras` file.
        engine: `litert`, `keras` or `onnx`. None: LiteRT for shipped models and `.tflite`
            files, ONNX Runtime for `.onnx` files, Keras for run folders and `.keras` files.
        fast: Whether to calculate in 8 bits: for shipped models with LiteRT.
        threads: The number of threads. None: one per processor. TensorFlow takes it only before
            its first work in a process.
        exact: Whether tiles get all the context that the network sees, so that the result is
            that of the whole picture to the last bit. Otherwise no value moves by more than a
            quarter of a level of 255 on the photographs that this was measured with.

    Raises:
        UserError: If there is no such model, it cannot be read, or the engine does not run it.
    """
    check_threads("threads", threads)
    found = find_model(model, engine, fast)
    network: Network
    if found.engine == LITERT:
        from kdae.engine.litert import LiteRT

        network, card = LiteRT(found.path, threads), card_inside(found.path)
        return Denoiser(network, card, exact=exact)
    try:
        if found.engine == ONNX:
            from kdae.engine.onnx_model import OnnxModel

            network = OnnxModel(found.path, threads)
            return Denoiser(network, network.card, exact=exact)
        from kdae.engine.keras_model import KerasModel, set_threads
        from kdae.model import load_model
    except ModuleNotFoundError as error:
        told = missing_package(error)
        if told is None:
            raise
        runtime = "ONNX Runtime" if found.engine == ONNX else "Keras"
        raise UserError(
            f"model {model}: {found.path.name} runs with {runtime}; {told}"
        ) from error
    if threads is not None:
        set_threads(threads)
    network_of, card = load_model(model)
    return Denoiser(KerasModel(network_of), card, exact=exact)
