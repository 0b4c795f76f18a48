"""Picture files, pixels in memory, and how a picture is cut into tiles."""

from kdae.images.change import change, parts, with_finite_values
from kdae.images.extras import KNOWN as OTHER_SUFFIXES
from kdae.images.files import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    WRITE_SUFFIXES,
    decode,
    encode,
    list_images,
    losses,
    pixel_count,
    read_image,
    refuse,
    write_image,
)
from kdae.images.metadata import Metadata
from kdae.images.pages import (
    Pages,
    count_pictures,
    in_kind,
    open_pages,
    pictures_of,
    read_pictures,
    write_pages,
)
from kdae.images.pixels import Picture, from_float, to_channels, to_float
from kdae.images.tiles import Span, grid, spans

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "OTHER_SUFFIXES",
    "WRITE_SUFFIXES",
    "Metadata",
    "Pages",
    "Picture",
    "Span",
    "change",
    "count_pictures",
    "decode",
    "encode",
    "from_float",
    "grid",
    "in_kind",
    "list_images",
    "losses",
    "open_pages",
    "parts",
    "pictures_of",
    "pixel_count",
    "read_image",
    "read_pictures",
    "refuse",
    "spans",
    "to_channels",
    "to_float",
    "with_finite_values",
    "write_image",
    "write_pages",
]
