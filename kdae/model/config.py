"""Settings of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ModelConfig:
    """The network; see `kdae.model` for its diagram.

    `widths[k]` is the number of filters at scale 1/2^(k+1), `blocks[k]` the number of
    blocks there. `kernel` is the size of the filters inside a scale. `zero_mean` keeps the
    first filters of `skip` from seeing brightness.
    """

    family: Literal["plain", "skip"] = "skip"
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: tuple[int, ...] = (1, 1, 1)
    kernel: int = 3
    upsampling: Literal["depth_to_space", "bilinear", "transpose"] = "depth_to_space"
    bias: bool = True
    zero_mean: bool = True
