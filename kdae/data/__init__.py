"""Pictures to train and measure on: where they come from, and the batches made of them."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.data.alone import Supervision
    from kdae.data.batches import (
        Example,
        Learned,
        shared_batches,
        training_batches,
        validation_batches,
    )
    from kdae.data.config import AugmentConfig, DataConfig, Source
    from kdae.data.sources import KDAE_PHOTOS, TFDS_PREFIX, Pictures, joined, load_pictures

__all__ = [
    "KDAE_PHOTOS",
    "TFDS_PREFIX",
    "AugmentConfig",
    "DataConfig",
    "Example",
    "Learned",
    "Pictures",
    "Source",
    "Supervision",
    "joined",
    "load_pictures",
    "shared_batches",
    "training_batches",
    "validation_batches",
]

__getattr__ = lazy(
    __name__,
    {
        "AugmentConfig": "kdae.data.config",
        "DataConfig": "kdae.data.config",
        "Example": "kdae.data.batches",
        "Learned": "kdae.data.batches",
        "KDAE_PHOTOS": "kdae.data.sources",
        "Pictures": "kdae.data.sources",
        "Source": "kdae.data.config",
        "Supervision": "kdae.data.alone",
        "TFDS_PREFIX": "kdae.data.sources",
        "joined": "kdae.data.sources",
        "load_pictures": "kdae.data.sources",
        "shared_batches": "kdae.data.batches",
        "training_batches": "kdae.data.batches",
        "validation_batches": "kdae.data.batches",
    },
)
