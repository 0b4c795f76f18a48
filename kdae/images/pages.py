"""Files of several pages or frames, and TIFF of any kind, which is written in its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from PIL import Image

from kdae.errors import UserError, first_line
from kdae.images import extras, frames, pillow, tiff, tiff_pages
from kdae.images.files import MAX_PIXELS, naming, read_image, replace_picture
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
    found = _open_tiff(path)
    if found is not None:
        return found
    with naming(path):
        head = _head(path)
        if extras.is_raw(path, head) or not head:
            return None
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
    return _named(pages.path, pages.read())


def read_pictures(path: Path) -> Iterator[Picture]:
    """Yields the pictures of a file one by one, to learn from or to measure on.

    Of a TIFF that `kdae.images.read_image` does not read whole these are all pages, as they are
    stored, of any number of channels and type of values; inks become RGB. Of any other file it
    is what `read_image` reads.

    Raises:
        UserError: Naming the file, if one of them cannot be read.
    """
    pages = _open_tiff(path)
    if pages is not None and (pages.count > 1 or pages.special):
        yield from _named(path, pages.read(in_kind=False))
    else:
        yield read_image(path)


def count_pictures(path: Path) -> int:
    """Returns how many pictures `read_pictures` yields.

    Raises:
        UserError: Naming the file, if it cannot be read.
    """
    pages = _open_tiff(path)
    return 1 if pages is None else pages.count


def _open_tiff(path: Path) -> tiff_pages.TiffPages | None:
    """Returns the pages of a file that is a TIFF, and no camera's raw file; else None."""
    with naming(path):
        head = _head(path)
        if tiff.is_tiff(head) and not extras.is_raw(path, head):
            return tiff_pages.TiffPages(path, MAX_PIXELS)
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(26)


def _named(path: Path, pictures: Iterator[Picture]) -> Iterator[Picture]:
    while True:
        with naming(path):
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

    def write(path: Path) -> None:
        try:
            pages.write(path, pictures, strip, strip_place)
        except (UserError, OSError, MemoryError):
            raise
        except Exception as error:
            # Tags and thumbnails are read only now; of a broken file the decoders raise
            # whatever they stumble over.
            raise UserError(
                f"{pages.path}: broken, or not to be written as {target.name} "
                f"({first_line(error)})"
            ) from error

    replace_picture(target, write)
