"""kdae: a small denoising autoencoder in Keras.

In short: `clean = kdae.load("runs/x").denoise(image)`.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from kdae.quiet import QuietImport

if TYPE_CHECKING:
    from kdae.infer import Denoiser, load
    from kdae.losses import L1L2Loss
    from kdae.model import build_denoiser

__version__ = "0.1.0"

# TensorFlow's start-up lines would bury our own messages; a user's setting wins. Some are
# printed before it reads the setting, so its first import is held back, unless it fails.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "tensorflow" not in sys.modules:
    sys.meta_path.insert(0, QuietImport("tensorflow"))

__all__ = ["Denoiser", "L1L2Loss", "__version__", "build_denoiser", "load"]

_HOMES = {
    "Denoiser": "kdae.infer",
    "L1L2Loss": "kdae.losses",
    "build_denoiser": "kdae.model",
    "load": "kdae.infer",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: not all of kdae needs TensorFlow."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
