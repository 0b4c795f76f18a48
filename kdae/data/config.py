"""Settings of where pictures come from and what is done to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PlainValidator, PositiveInt

from kdae.config import Section, Several, Share

SupervisionName = Literal["clean", "pairs", "repeats", "neighbors", "blind_spot"]


def _read_source(value: Any) -> str | dict[str, Any] | list[str]:
    several = isinstance(value, list | tuple) and value
    if not (
        isinstance(value, str | dict) or (several and all(isinstance(v, str) for v in value))
    ):
        raise ValueError(
            "kdae_photos, tfds:NAME, a folder, two folders {noisy: ..., clean: ...}, folders "
            "of noisy shots {repeats: [..., ...]}, or a list of the first three"
        )
    return list(value) if several else value


Source = Annotated[str | dict[str, Any] | list[str], PlainValidator(_read_source)]
"""`kdae_photos`; `tfds:NAME`; a folder; `{noisy: ..., clean: ...}`, two folders;
`{repeats: [..., ...]}`, folders with noisy shots of the same scenes; or a list of the first
three."""


def usual_supervision(source: Source) -> SupervisionName:
    """Returns what can be learned from a source, if nothing else is said."""
    if isinstance(source, dict):
        return "repeats" if "repeats" in source else "pairs"
    return "clean"


class DataConfig(Section):
    """Where the pictures come from."""

    source: Source = "kdae_photos"
    """The pictures to train on: `kdae_photos`, which ship with the package; `tfds:NAME`, a data
    set of TensorFlow Datasets; a folder; `{noisy: ..., clean: ...}`, two folders;
    `{repeats: [..., ...]}`, folders with noisy shots of the same scenes; or a list of the first
    three."""
    validation: Source | None = None
    """Another source to validate on. Without it the source's own validation split is used, or
    for a folder a fixed tenth of its pictures."""
    train_on: Annotated[Several[Literal["train", "validation"]], Field(min_length=1)] = (
        "train",
    )
    """The splits to train on. `[train, validation]` trains on the held-out pictures too, as is
    done once all settings are chosen; what is then measured on them says nothing about new
    pictures."""
    channels: Literal[1, 3] = 1
    """Of the pictures: 1 for grey, 3 for colour."""
    levels: Literal["file", "percentiles"] = "file"
    """Which values of a file are 0 and 1 to the network: with `file`, black and white of its
    type (0 and 255, or 65535); with `percentiles`, the percentiles 0.1 and 99.9 of the training
    pictures, for files that use a part of their type's range, as scientific cameras do."""
    limit: PositiveInt | None = None
    """The largest number of pictures to train on; null for all."""


class AugmentConfig(Section):
    """How a patch is cut out of a picture, and which random changes follow."""

    flip_left_right: bool = True
    """Mirror every second patch left to right."""
    flip_up_down: bool = True
    """Mirror every second patch top to bottom."""
    quarter_turns: bool = True
    """Turn every second patch by 90 degrees."""
    windows: PositiveInt = 1
    """How many random places of a picture are looked at. The patch is cut where there is most
    detail: smooth areas are plentiful and easy."""
    halved: Share = 0.0
    """Share of the patches, 0 to 1, that are shrunk by two, and so twice as sharp, where the
    picture is large enough."""
    exposure: NonNegativeFloat = 0.0
    """By how many stops at most lights or shadows are stretched; 0 for not at all."""
    stripes: Share = 0.0
    """Share of the patches, 0 to 1, on which fine stripes are laid."""
    enlarged: Share = 0.0
    """Share of the patches, 0 to 1, that are enlarged by up to 3. The pixels of cameras are as
    smooth as that."""
    vivid: Share = 0.0
    """Share of the patches, 0 to 1, whose colours are made more saturated."""
    patterns: Share = 0.0
    """Share of the patches, 0 to 1, on which a regular pattern or a flat colour is laid."""
    mirrored: Share = 0.0
    """Share of the examples, 0 to 1, that end at a border and go on as its mirror image, noise
    and all. The network can then be given pictures whose borders are continued like that."""
