"""Settings of the network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from kdae.config import Section, Several


class ModelConfig(Section):
    """The network; see `kdae.model.network` for its diagram."""

    family: Literal["plain", "skip"] = "skip"
    """`plain` passes everything through the smallest scale; `skip` has connections from each
    scale of the encoder to that of the decoder, and predicts the noise."""
    widths: Annotated[Several[PositiveInt], Field(min_length=1)] = (32, 64, 128)
    """The number of filters at each scale: `widths[k]` at 1/2^(k+1) of the picture's size."""
    blocks: Several[NonNegativeInt] = (1, 1, 1)
    """The number of residual blocks at each scale, one number per width."""
    kernel: PositiveInt = 3
    """Side of the filters inside a scale, in pixels; odd."""
    upsampling: Literal["depth_to_space", "bilinear", "transpose"] = "depth_to_space"
    """How the decoder doubles height and width."""
    bias: bool = True
    """Whether a constant is added to what each filter finds."""
    zero_mean: bool = True
    """Whether the first filters of `skip` have a mean of 0 and so do not see brightness."""

    @property
    def size_multiple(self) -> int:
        """The number of pixels of which the network's heights and widths are multiples."""
        return int(2 ** len(self.widths))

    @field_validator("blocks")
    @classmethod
    def _one_per_width(cls, blocks: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if len(blocks) != len(info.data.get("widths", blocks)):
            raise ValueError("one number per width")
        return blocks

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("an odd size")
        return kernel
