"""Classical denoisers that users have today. Each is given the noise level.

The factor between the noise level and a method's own parameter was chosen on the validation
photographs, at sigma 15, 25 and 50 (`docs/experiments.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bm3d
import cv2
import numpy as np
from skimage import restoration

from kdae.images import from_float, to_float

BILATERAL = 6.0  # standard deviations of noise, below which a difference counts as noise

Method = Callable[[np.ndarray, float], np.ndarray]
"""A function (noisy, sigma) -> denoised.

`noisy` is float32 [H, W] or [H, W, 3] in [0, 1], `sigma` is on the 0 to 255 scale, and
`denoised` is a float array of the same shape.
"""


def opencv_nlm(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Applies OpenCV's non-local means, which takes 8-bit pictures only."""
    pixels = from_float(noisy, np.dtype(np.uint8))
    if noisy.ndim == 2:
        return to_float(cv2.fastNlMeansDenoising(pixels, h=0.9 * sigma))
    level = 0.75 * sigma
    return to_float(cv2.fastNlMeansDenoisingColored(pixels, h=level, hColor=level))


def skimage_nlm(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Applies scikit-image's non-local means, which subtracts the noise from its distances."""
    level, factor = sigma / 255, 0.7 if noisy.ndim == 2 else 0.6
    sizes = {"patch_size": 5, "patch_distance": 6}
    return restoration.denoise_nl_means(
        noisy, h=factor * level, sigma=level, channel_axis=_channel_axis(noisy), **sizes
    )


def total_variation(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Applies scikit-image's total variation denoising (Chambolle)."""
    weight = sigma / 255
    return restoration.denoise_tv_chambolle(noisy, weight, channel_axis=_channel_axis(noisy))


def wavelets(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Applies scikit-image's soft thresholding of wavelet coefficients (BayesShrink)."""
    options: dict[str, Any] = {"rescale_sigma": True, "channel_axis": _channel_axis(noisy)}
    return restoration.denoise_wavelet(
        noisy, sigma=sigma / 255, convert2ycbcr=noisy.ndim == 3, **options
    )


def bilateral(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Applies OpenCV's bilateral filter."""
    return cv2.bilateralFilter(noisy, d=7, sigmaColor=BILATERAL * sigma / 255, sigmaSpace=3)


def block_matching(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Applies BM3D, or CBM3D in colour, in the implementation of its authors."""
    return (bm3d.bm3d if noisy.ndim == 2 else bm3d.bm3d_rgb)(noisy, sigma / 255)


METHODS: dict[str, Method] = {
    "OpenCV NLM": opencv_nlm,
    "skimage NLM": skimage_nlm,
    "total variation": total_variation,
    "wavelets": wavelets,
    "BM3D": block_matching,
}


def estimated_sigma(noisy: np.ndarray) -> float:
    """Estimates the noise level of a picture, as a user would who does not know it.

    scikit-image estimates it from the median of the finest wavelet coefficients.

    Args:
        noisy: float32 [H, W] or [H, W, 3] in [0, 1].

    Returns:
        The standard deviation on the 0 to 255 scale, averaged over the channels.
    """
    axis = _channel_axis(noisy)
    return 255 * float(
        restoration.estimate_sigma(noisy, average_sigmas=True, channel_axis=axis)
    )


def _channel_axis(image: np.ndarray) -> int | None:
    return -1 if image.ndim == 3 else None
