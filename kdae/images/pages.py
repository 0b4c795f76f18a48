"""Files of several pages or frames, and TIFF of any kind, which is written in its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from PIL import Image

from kdae.errors import UserError
from kdae.images import extras, frames, pillow, tiff, tiff_pages
from kdae.images.files import MAX_PIXELS, naming, replace_picture
from kdae.images.pixels import Picture


class Pages(Protocol):
    """The pictures of a file, read and written one by one."""

    path: Path
    """The file."""
    count: int
    """How many pictures it has; thumbnails and masks do not count."""
    area: int
    """Pixels of its first picture."""
    notes: list[str]
    """What a file of the same kind will not keep."""
    special: str
    """What it has that other kinds cannot hold, such as floats; or nothing."""
    suffixes: tuple[str, ...]
    """Of the files that can hold what it has."""

    def read(self) -> Iterator[Picture]:
        """Yields the pictures."""

    def write(
        self, path: Path, pictures: Iterable[Picture], strip: bool, strip_place: bool
    ) -> None:
        """Writes a file of the same structure with these pictures."""


def open_pages(path: Path) -> Pages | None:
    """Looks what a file holds beyond one picture of 8 or 16 bits.

    Returns:
        Its pages: of every TIFF, and of other files with several frames. None for a file that
        `kdae.images.read_image` reads whole.

    Raises:
        UserError: Naming the file, if it cannot be read or is of a kind not supported.
    """
    with naming(path):
        with path.open("rb") as file:
            head = file.read(26)
        if extras.is_raw(path, head) or not head:
            return None
        if tiff.is_tiff(head):
            return tiff_pages.TiffPages(path, MAX_PIXELS)
        extras.prepare(head)
        try:
            image = Image.open(path, formats=pillow.formats_of(head))
        except Image.UnidentifiedImageError:
            return None
        with image:
            if image.format in ("JPEG", "MPO") or getattr(image, "n_frames", 1) == 1:
                return None
            if image.format == "HEIF":
                raise UserError(
                    f"{getattr(image, 'n_frames', 0)} pictures in one HEIC file are not "
                    "supported; save each as a file"
                )
            return frames.Frames(path, image, MAX_PIXELS)


def pictures_of(pages: Pages) -> Iterator[Picture]:
    """Yields the pictures of a file.

    Raises:
        UserError: Naming the file, if one of them cannot be read.
    """
    pictures = pages.read()
    while True:
        with naming(pages.path):
            picture = next(pictures, None)
        if picture is None:
            return
        yield picture


def in_kind(pages: Pages, target: Path) -> bool:
    """Tells whether a target can hold all the pages, or is one picture that any format can.

    Returns:
        True if `Pages.write` has to write it, False if `kdae.images.write_image` can.

    Raises:
        UserError: Naming both files, if the target's format cannot hold what the source has.
    """
    suffix = target.suffix.lower()
    if suffix in pages.suffixes:
        return True
    if pages.count > 1:
        word = "pages" if ".tif" in pages.suffixes else "frames"
        raise UserError(
            f"{pages.path}: has {pages.count} {word}, of which {suffix} can hold one; "
            f"write {pages.suffixes[0]}"
        )
    if pages.special:
        raise UserError(
            f"{pages.path}: has {pages.special}, which {suffix} cannot hold; write .tif"
        )
    return False


def write_pages(
    pages: Pages,
    target: Path,
    pictures: Iterable[Picture],
    *,
    strip: bool = False,
    strip_place: bool = False,
) -> None:
    """Writes a file of the structure of `pages` with other pictures, whole or not at all.

    Args:
        pages: See `open_pages`.
        target: Where to.
        pictures: As many as `pages` has, in their order.
        strip: Whether to leave out all metadata but the colour profile.
        strip_place: Whether to leave out the place (GPS, GeoTIFF).

    Raises:
        UserError: If it cannot be written, or a page cannot be read.
    """
    replace_picture(target, lambda path: pages.write(path, pictures, strip, strip_place))
