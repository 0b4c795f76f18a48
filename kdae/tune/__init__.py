"""Chooses settings by training many models: `python -m kdae.tune`."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.tune.run import tune
    from kdae.tune.trials import Choice, parse_search

__all__ = ["Choice", "parse_search", "tune"]

__getattr__ = lazy(
    __name__,
    {"Choice": "kdae.tune.trials", "parse_search": "kdae.tune.trials", "tune": "kdae.tune.run"},
)
