"""Runs a model on pictures of any size and kind."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.engine.adjust import Strength
    from kdae.engine.denoiser import Denoiser, halo_of, margin_of
    from kdae.engine.loading import load

__all__ = ["Denoiser", "Strength", "halo_of", "load", "margin_of"]

__getattr__ = lazy(
    __name__,
    {
        "Denoiser": "kdae.engine.denoiser",
        "Strength": "kdae.engine.adjust",
        "halo_of": "kdae.engine.denoiser",
        "load": "kdae.engine.loading",
        "margin_of": "kdae.engine.denoiser",
    },
)
