"""Runs a model on pictures of any size and kind."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.engine.denoiser import Denoiser, load

__all__ = ["Denoiser", "load"]

__getattr__ = lazy(
    __name__, {"Denoiser": "kdae.engine.denoiser", "load": "kdae.engine.denoiser"}
)
