"""kdae removes noise from pictures with a small denoising autoencoder, written in Keras.

`kdae.load("photo").denoise(image)` denoises a NumPy array with a shipped model.
"""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.engine import Denoiser, Strength, load
    from kdae.model import build_denoiser
    from kdae.train.losses import L1L2Loss

__version__ = "0.1.0"

__all__ = ["Denoiser", "L1L2Loss", "Strength", "__version__", "build_denoiser", "load"]

__getattr__ = lazy(
    __name__,
    {
        "Denoiser": "kdae.engine",
        "L1L2Loss": "kdae.train.losses",
        "Strength": "kdae.engine",
        "build_denoiser": "kdae.model",
        "load": "kdae.engine",
    },
)
