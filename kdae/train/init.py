"""Begins a run with the filters of other models, also of one with fewer scales."""

from __future__ import annotations

import re
from collections.abc import Sequence

import keras
import numpy as np

_BLOCK = re.compile(r"encoder(\d+)_block(\d+)_(.*)")
_UP = re.compile(r"up\d+_conv")


def average_weights(models: Sequence[keras.Model]) -> keras.Model:
    """Gives the first model the means of the weights of all, and returns it.

    Runs that began with the same filters end close together, and their mean is often better
    than each (Wortsman et al. 2022, "Model soups").

    Args:
        models: of the same shape, at least one; the first is changed.

    Raises:
        ValueError: there is none, or the shapes differ.
    """
    weights = [model.get_weights() for model in models]
    if not weights:
        raise ValueError("expected at least one model, got none")
    if any([w.shape for w in own] != [w.shape for w in weights[0]] for own in weights):
        raise ValueError("expected models of one shape, got several")
    models[0].set_weights([np.mean(each, axis=0) for each in zip(*weights, strict=True)])
    return models[0]


def take_weights(model: keras.Model, source: keras.Model) -> list[str]:
    """Copies the filters of `source` to the layers of `model` with the same name and shapes.

    A `skip` model with more scales begins as the same function: what the added scales give to
    the decoder is multiplied by zero. The residual blocks of the coarsest scale of `source`
    that the encoder of `model` has no room for go to its decoder at that scale, which has
    taken the place of what followed them.

    Args:
        model: from `build_denoiser`; changed.
        source: another denoiser, of any shape.

    Returns:
        The names of the layers that have filters of their own and got none of `source`.
    """
    given = {layer.name: layer.get_weights() for layer in source.layers if layer.weights}
    names = {layer.name for layer in model.layers}
    for name in list(given):
        moved = _place_in_decoder(name, names)
        if moved and moved not in given:
            given[moved] = given[name]
    fresh, taken = [], []
    for layer in model.layers:
        own = layer.get_weights()
        if not own:
            continue
        theirs = given.get(layer.name, [])
        if [w.shape for w in own] == [w.shape for w in theirs]:
            layer.set_weights(theirs)
            taken.append(layer.name)
        else:
            fresh.append(layer)
    if taken:
        for layer in fresh:
            if _UP.fullmatch(layer.name):
                layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    return [layer.name for layer in fresh]


def _place_in_decoder(name: str, names: set[str]) -> str | None:
    """Returns where a block goes that the encoder has no room for; None if it has, or nowhere.

    With two blocks in the encoder of `names`, its third becomes the first of the decoder.
    """
    match = _BLOCK.fullmatch(name)
    if match is None or name in names:
        return None
    scale, place, part = match.groups()
    room = sum(own.startswith(f"encoder{scale}_block") and own.endswith(part) for own in names)
    moved = f"decoder{scale}_block{int(place) - room}_{part}"
    return moved if moved in names else None
