"""Settings of where pictures come from and what is done to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = str | dict[str, str]


@dataclass(frozen=True)
class DataConfig:
    """Where the clean pictures come from.

    `source` is `kdae_photos`, `tfds:NAME`, a folder, or `{noisy: ..., clean: ...}` for
    the user's own pairs. `validation` names another source; without it the source's own
    validation split is used, or for a folder a fixed tenth of its pictures. `train_on`
    with `validation` beside `train` trains on the held-out pictures too, as is done with
    settings already chosen; what is then measured on them is no longer of new pictures.
    """

    source: Source = "kdae_photos"
    validation: Source | None = None
    train_on: tuple[Literal["train", "validation"], ...] = ("train",)
    channels: Literal[1, 3] = 1
    limit: int | None = None


@dataclass(frozen=True)
class AugmentConfig:
    """The random crop, and which flips and turns follow it, each with even odds.

    Of so many random `windows` of a picture the one with the most detail is trained on:
    smooth ones are plentiful and easy. `halved` is the share of crops that are shrunk by
    two, and so twice as sharp, where the picture is large enough; `exposure` how many stops
    lights or shadows are stretched by at most, `stripes` the share of crops on which fine
    stripes are laid.
    """

    flip_left_right: bool = True
    flip_up_down: bool = True
    quarter_turns: bool = True
    windows: int = 1
    halved: float = 0.0
    exposure: float = 0.0
    stripes: float = 0.0
