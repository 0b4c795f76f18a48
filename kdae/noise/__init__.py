"""Noise: the functions, the specs that name them in a config, and their settings."""

from kdae.noise.colour import luma, scale_colour
from kdae.noise.config import NoiseConfig, NoiseSpec
from kdae.noise.noises import NOISES, quantize
from kdae.noise.spec import build_noise, check_noise, parse_noise

__all__ = [
    "NOISES",
    "NoiseConfig",
    "NoiseSpec",
    "build_noise",
    "check_noise",
    "luma",
    "parse_noise",
    "quantize",
    "scale_colour",
]
