"""Settings of the noise that is put on clean pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NoiseSpec = dict[str, Any] | list[Any] | str


@dataclass(frozen=True)
class NoiseConfig:
    """The noise put on clean pictures: `kind` is a spec of `kdae.noise`.

    With probability `quantize` the noisy picture is clipped and rounded to 8 bits, as
    users' files are; the published tables leave it unclipped.
    """

    kind: NoiseSpec = field(default_factory=lambda: {"gaussian": {"sigma": [0, 55]}})
    quantize: float = 0.5
