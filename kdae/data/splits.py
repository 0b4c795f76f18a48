"""Divides pictures into those to train, to validate and to test, where a set does not."""

import logging
from collections.abc import Sequence
from typing import TypeVar

SPLITS = ("train", "validation", "test")

# Names that data sets have for the validation split.
_VALIDATION_NAMES = ("validation", "valid", "val", "dev")
_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


def held_out(names: Sequence[_T], split: str) -> list[_T]:
    """Chooses the part of a set without splits of its own, by position.

    Of every ten, the fifth is for test, the tenth for validation, and the others are to train.
    Of fewer than ten the last is for both validation and test. A single one serves as all
    three, with a warning.

    Args:
        names: the whole set, in a fixed order such as sorted.
        split: "train", "validation" or "test".

    Returns:
        The names in this split, in the same order.
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

    Where a data set has only one of validation and test, its even examples are for validation
    and its odd ones for test. One with neither is divided by `held_out`.

    Args:
        sizes: number of examples of each of the data set's own splits.
        split: "train", "validation" or "test".

    Returns:
        The name of the data set's own split, and the positions in it.
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
