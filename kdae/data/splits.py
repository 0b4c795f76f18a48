"""Which pictures train, validate and test, where a set does not say it itself."""

import logging
from collections.abc import Sequence
from typing import TypeVar

SPLITS = ("train", "validation", "test")

# What data sets call the split that validates.
_VALIDATION_NAMES = ("validation", "valid", "val", "dev")
_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


def held_out(names: Sequence[_T], split: str) -> list[_T]:
    """Divides a set without splits of its own by position: the same share every time.

    Of every ten, the fifth is for test, the tenth for validation, the others to train. Of
    fewer than ten the last is for validation and test, the others to train; a single one
    serves as all three, with a warning.

    Args:
      names: in a fixed order (sorted).
      split: "train", "validation" or "test".
    """
    if len(names) == 1:
        _logger.warning("warning: only one picture: it is used to train, validate and test")
        return list(names)
    if len(names) < 10:
        return list(names[:-1] if split == "train" else names[-1:])
    share = {9: "validation", 4: "test"}
    return [name for place, name in enumerate(names) if share.get(place % 10, "train") == split]


def choose_examples(sizes: dict[str, int], split: str) -> tuple[str, list[int]]:
    """Finds the examples of a data set that make up a split.

    A data set with only one of validation and test gives its even examples to validate
    and its odd ones to test; one with neither is divided by `held_out`.

    Args:
      sizes: number of examples of each of the data set's own splits.
      split: "train", "validation" or "test".

    Returns:
      The data set's own split, and the positions in it.
    """
    test = "test" if "test" in sizes else None
    validation = next((name for name in _VALIDATION_NAMES if name in sizes), None)
    train = "train" if "train" in sizes else next(iter(sizes))
    if (test or validation) and split == "train":
        return train, list(range(sizes[train]))
    if test and validation:
        own = validation if split == "validation" else test
        return own, list(range(sizes[own]))
    if only := test or validation:
        return only, list(range(0 if split == "validation" else 1, sizes[only], 2))
    return train, held_out(range(sizes[train]), split)
