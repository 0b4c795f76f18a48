"""Picture files, pixels in memory, and how a picture is cut into tiles."""

from kdae.images.files import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    WRITE_SUFFIXES,
    decode,
    encode,
    list_images,
    pixel_count,
    read_image,
    write_image,
)
from kdae.images.pixels import Picture, from_float, to_channels, to_float
from kdae.images.tiles import Span, grid, spans

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "WRITE_SUFFIXES",
    "Picture",
    "Span",
    "decode",
    "encode",
    "from_float",
    "grid",
    "list_images",
    "pixel_count",
    "read_image",
    "spans",
    "to_channels",
    "to_float",
    "write_image",
]
