"""Settings of the noise that is put on clean pictures."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from kdae.config import Section, Share
from kdae.noise.spec import check_noise


def _read_spec(spec: Any) -> Any:
    check_noise(spec)
    return spec


NoiseSpec = Annotated[dict[str, Any] | list[Any] | str, PlainValidator(_read_spec)]
"""A noise and its parameters, such as `{gaussian: {sigma: 25}}`; see `kdae.noise.spec`."""


class NoiseConfig(Section):
    """The noise put on clean pictures."""

    kind: NoiseSpec = Field(default={"gaussian": {"sigma": [0, 55]}})
    """Which noise, and how strong; see `kdae.noise.spec`. Of a range each patch draws."""
    quantize: Share = 0.5
    """How often, 0 to 1, a noisy picture is clipped and rounded to 8 bits, as users' files
    are; the published tables leave it as it is."""
    grey: Share = 0.0
    """Share of the patches of a colour model, 0 to 1, that are turned to grey before the noise
    is made: the noise is then equal in red, green and blue, as in grey pictures."""
