"""The network: its layers, its settings, its geometry and its files.

Importing this tells Keras of the layers that a `.keras` file names, so that
`keras.saving.load_model` reads it.
"""

from kdae.model.config import ModelConfig
from kdae.model.files import describe, load_model, save_model
from kdae.model.geometry import format_table, layer_table, totals
from kdae.model.layers import STRIDE, BilinearUpsample, DepthToSpace, ZeroSum
from kdae.model.network import build_denoiser, decoder, encoder

__all__ = [
    "STRIDE",
    "BilinearUpsample",
    "DepthToSpace",
    "ModelConfig",
    "ZeroSum",
    "build_denoiser",
    "decoder",
    "describe",
    "encoder",
    "format_table",
    "layer_table",
    "load_model",
    "save_model",
    "totals",
]
