"""Animations: GIF, WebP, PNG and AVIF, read frame by frame and written as PNG, WebP or AVIF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from kdae.errors import UserError
from kdae.images import extras, pillow, png
from kdae.images.metadata import Metadata, of_pillow, png_chunks, save_options
from kdae.images.pixels import Picture, too_large

_MILLI = 1000
_LONGEST = 65_535  # numerator and denominator of a delay in PNG have 16 bits


class Frames:
    """The frames of an animation, each as it is shown.

    Args:
        path: The file.
        image: The file as Pillow opened it.
        max_pixels: Of a frame.

    Raises:
        UserError: If a frame is too large, or of 16 bits, which Pillow would cut down to 8.
    """

    suffixes: tuple[str, ...] = (".png", ".apng", ".webp", ".avif")

    def __init__(self, path: Path, image: Image.Image, max_pixels: int) -> None:
        if image.width * image.height > max_pixels:
            raise too_large(*image.size, max_pixels)
        self.path = path
        self.count = int(getattr(image, "n_frames", 1))
        self.area = image.width * image.height
        self.special = ""
        self.notes: list[str] = []
        self._formats = (str(image.format),)
        self._apart = False
        self._delays: list[tuple[int, int]] = []
        loop = image.info.get("loop")
        # GIF says how often it is repeated, the others how often it is played; 0 is for ever.
        self._plays = 1 if loop is None else int(loop)
        if image.format == "GIF" and loop:
            self._plays += 1
        data = None
        if image.format == "PNG":
            data = path.read_bytes()
            if png.is_png16(data[:26]):
                raise UserError("an animated PNG of 16 bits is not supported")
            self._plays, self._apart, self._delays = png.frame_times(data)
        self._metadata = of_pillow(image, data)
        self._profile = image.info.get("icc_profile")
        self._look(image)
        if image.format == "GIF":
            self.notes.append("its palettes become RGB")

    def _look(self, image: Image.Image) -> None:
        """Learns the times of the frames, and one mode that fits them all."""
        grey, alpha = True, False
        for frame in ImageSequence.Iterator(image):
            frame.load()
            grey = grey and frame.mode in ("1", "L", "LA")
            if frame.has_transparency_data and not alpha:
                alpha = bool((np.asarray(frame.convert("RGBA"))[..., 3] < 255).any())
            if image.format != "PNG":
                self._delays.append(_delay(frame.info.get("duration", 0)))
        self._mode = ("L" if grey else "RGB") + "A" * alpha

    def read(self) -> Iterator[Picture]:
        """Yields the frames, each composed of what is shown at its time."""
        with Image.open(self.path, formats=self._formats) as image:
            for frame in ImageSequence.Iterator(image):
                samples = np.asarray(frame.convert(self._mode))
                samples = samples.reshape(*samples.shape[:2], -1)
                yield pillow.split(samples, self._profile, self._metadata)

    def write(
        self, path: Path, pictures: Iterable[Picture], strip: bool, strip_place: bool
    ) -> None:
        """Writes these pictures in the place of the frames, with the times of the source."""
        metadata = self._metadata.without_place() if strip_place else self._metadata
        metadata = metadata.stripped() if strip else metadata
        if path.suffix.lower() in (".png", ".apng"):
            self._write_png(path, pictures, metadata)
        else:
            self._write_pillow(path, pictures, metadata)

    def _write_png(self, path: Path, pictures: Iterable[Picture], metadata: Metadata) -> None:
        with path.open("xb") as file:
            png.write_animation(
                file,
                (pillow.png_of(picture) for picture in pictures),
                self._delays,
                self._plays,
                self._apart,
                png_chunks(metadata, self._profile),
            )

    def _write_pillow(
        self, path: Path, pictures: Iterable[Picture], metadata: Metadata
    ) -> None:
        suffix = path.suffix.lower()
        extras.prepare_suffix(suffix)
        name, options = pillow.WRITER[suffix]
        if self._apart:
            raise UserError(f"{path}: {suffix} cannot hold a picture apart from the animation")
        # WebP and AVIF have no frames of no time. PNG's denominator 0 stands for 100.
        times = [max(1, round(_MILLI * top / (bottom or 100))) for top, bottom in self._delays]
        images = (pillow.image_of(pillow.joined(picture)) for picture in pictures)
        first = next(images)
        given: dict[str, Any] = {
            **options,
            **save_options(metadata, self._profile, name),
            "duration": times,
            "loop": self._plays,
        }
        first.save(path, format=name, save_all=True, append_images=images, **given)


def _delay(milliseconds: float) -> tuple[int, int]:
    """A delay in seconds as PNG holds it: numerator and denominator."""
    whole = round(milliseconds)
    return (whole, _MILLI) if whole <= _LONGEST else (min(whole // _MILLI, _LONGEST), 1)
