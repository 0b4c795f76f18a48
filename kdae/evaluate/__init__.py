"""Measures a model on noisy and clean pictures: `python -m kdae.evaluate`."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.evaluate.measure import evaluate, noisy_examples, pair_examples

__all__ = ["evaluate", "noisy_examples", "pair_examples"]

__getattr__ = lazy(
    __name__,
    {
        "evaluate": "kdae.evaluate.measure",
        "noisy_examples": "kdae.evaluate.measure",
        "pair_examples": "kdae.evaluate.measure",
    },
)
