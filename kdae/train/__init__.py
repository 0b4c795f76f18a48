"""Trains a denoiser: `python -m kdae.train`."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.train.config import Config, load_config
    from kdae.train.run import train

__all__ = ["Config", "load_config", "train"]

__getattr__ = lazy(
    __name__,
    {
        "Config": "kdae.train.config",
        "load_config": "kdae.train.config",
        "train": "kdae.train.run",
    },
)
