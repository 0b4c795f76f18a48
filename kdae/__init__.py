"""kdae: a small denoising autoencoder in Keras.

In short: `clean = kdae.load("runs/x").denoise(image)`.
"""

import os

from kdae.quiet import quiet

__version__ = "0.1.0"

# TensorFlow's start-up lines would bury our own messages; a user's setting wins. Some are
# printed before it reads the setting, so its first import is held back, unless it fails.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet():
    import tensorflow as _tensorflow  # noqa: F401

from kdae.infer import Denoiser, load
from kdae.losses import L1L2Loss
from kdae.model import build_denoiser

__all__ = ["Denoiser", "L1L2Loss", "__version__", "build_denoiser", "load"]
