"""Measures a model on noisy and clean pictures: `python -m kdae.evaluate`."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.evaluate.measure import Sample, evaluate, noisy_samples, pair_samples

__all__ = ["Sample", "evaluate", "noisy_samples", "pair_samples"]

__getattr__ = lazy(
    __name__,
    {
        "Sample": "kdae.evaluate.measure",
        "evaluate": "kdae.evaluate.measure",
        "noisy_samples": "kdae.evaluate.measure",
        "pair_samples": "kdae.evaluate.measure",
    },
)
