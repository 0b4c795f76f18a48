"""kdae: a small denoising autoencoder in Keras.

    import kdae
    clean = kdae.load("photo").denoise(image)
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdae.infer import Denoiser as Denoiser
    from kdae.infer import load as load
    from kdae.losses import L1L2Loss as L1L2Loss
    from kdae.model import build_denoiser as build_denoiser

# TensorFlow's start-up lines would bury our own messages; a user's setting wins.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
__all__ = ["Denoiser", "L1L2Loss", "__version__", "build_denoiser", "load"]

_HOMES = {
    "Denoiser": "kdae.infer",
    "L1L2Loss": "kdae.losses",
    "build_denoiser": "kdae.model",
    "load": "kdae.infer",
}


def __getattr__(name: str) -> Any:
    """Imports public names when first used: TensorFlow takes seconds, `--help` should not."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kdae' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
