"""Runs a denoiser on pictures of any size and kind, tile by tile.

The network takes heights and widths that are multiples of its total stride, so a picture is
continued by reflection at its right and lower edge; for a network that was trained on mirrored
borders on all four sides, by the margin of its card. It is cut into tiles; each is run with
context around it, the halo. With the halo of the card no value moves by more than a quarter of
a level of 255 against the whole picture (see `kdae.export.halo`); with the exact one, which
spans all that the network sees, none moves at all. Memory depends on the tile alone.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from kdae.engine.adjust import REACH, Strength, mix
from kdae.engine.machine import tile_memory
from kdae.images import Span, from_float, grid, spans, to_float
from kdae.images.levels import Levels

# Noise reaches beyond [0, 1], a picture on the 0-255 scale further than this.
FLOAT_RANGE = (-2.0, 3.0)

_SHAPES = "[H, W], [H, W, 1], [H, W, 2] (grey, alpha), [H, W, 3] or [H, W, 4] (RGB, alpha)"


class Network(Protocol):
    """A network that an engine runs."""

    channels: int
    """Of the pictures that it takes, 1 or 3."""
    bytes_per_pixel: int
    """Memory that a call takes for each pixel of its pictures."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Runs the network; several threads may call it.

        Args:
            batch: float32 [N, H, W, C]; H and W are multiples of the card's `size_multiple`.

        Returns:
            float32 of the same shape.
        """


class Denoiser:
    """A model ready for pictures.

    Args:
        network: See `Network`.
        card: The model card; `channels`, `size_multiple`, `halo` and, if it has them,
            `exact_halo`, `margin` and `levels` are used.
        exact: Whether tiles get all the context that the network sees, `exact_halo`.

    Raises:
        ValueError: If the halo or the margin is not a multiple of the card's `size_multiple`,
            or its `channels` are not those of the network.
    """

    def __init__(
        self, network: Network, card: Mapping[str, Any], *, exact: bool = False
    ) -> None:
        self.network = network
        self.card = card
        self.channels = int(card["channels"])
        self.multiple = int(card["size_multiple"])
        halo, self.margin = halo_of(card, exact), margin_of(card)
        for name, pixels in (("halo", halo), ("margin", self.margin)):
            if pixels % self.multiple:
                raise ValueError(
                    f"card: {name} {pixels} is not a multiple of size_multiple {self.multiple}"
                )
        if network.channels != self.channels:
            raise ValueError(
                f"card: channels {self.channels}, but the model takes {network.channels}"
            )
        self.levels = Levels(*card["levels"]) if "levels" in card else None
        # At least that much: the last tile is continued from its own pixels.
        self.halo = max(halo, self.margin + self.multiple)

    def denoise(
        self,
        image: np.ndarray,
        strength: float | Strength = 1.0,
        *,
        tile: int | None = None,
        out: np.ndarray | None = None,
        progress: Callable[[int], object] | None = None,
        channels: str | None = None,
    ) -> np.ndarray:
        """Denoises one picture.

        A grey model treats the three channels of a colour picture one by one; a colour
        model is shown a grey picture three times, and its output averaged. A colour picture
        whose channels are equal everywhere is a grey one, and they come out equal. Alpha
        stays as it is.

        Args:
            image: [H, W], [H, W, 1], [H, W, 2] (grey, alpha), [H, W, 3] or [H, W, 4] (RGB,
                alpha); uint8, uint16, or float32 or float64 with black 0 and white 1 (noise may
                reach beyond). If the card has `levels`, floats are in the units of the files
                that the model was trained on.
            strength: 0 gives the noisy picture back, 1 the denoised one, values between the
                mixture `noisy + strength * (denoised - noisy)`. A `Strength` sets brightness
                and colour apart, and can keep detail.
            tile: largest side of the tiles in pixels, without their context. None: as suits
                the picture and the free memory.
            out: where to put the result, of the image's shape and dtype; it may be `image`
                itself. By default a new array.
            progress: called after each tile with its number of pixels; they add up to H * W
                for each picture that the network is shown.
            channels: "independent" takes [H, W, C] of any C, each channel as a grey picture of
                its own: near infrared, fluorescence. None: see `image`.

        Returns:
            An array of the image's shape and dtype; floats are clipped to [0, 1] unless the
            card has `levels`.

        Raises:
            ValueError: naming the argument, what was expected and what came.
        """
        if channels is not None:
            return self._independent(image, strength, tile, out, progress, channels)
        _check_image(image)
        amount = Strength.of(strength)
        if out is None:
            out = np.empty(image.shape, image.dtype)
        elif out.shape != image.shape or out.dtype != image.dtype:
            raise ValueError(
                f"out: expected {list(image.shape)} {image.dtype}, "
                f"got {list(out.shape)} {out.dtype}"
            )
        source, target = _colour(image), _colour(out)
        grey = source.shape[-1] == 3 and _channels_are_equal(source)
        if grey:
            colours, source, target = target, source[..., :1], target[..., :1]
        if self.levels:
            _check_finite(source)
            store = functools.partial(self.levels.from_float, dtype=image.dtype)
            self._map(source, target, amount, tile, self.levels.to_float, store, progress)
        elif source.dtype.kind == "f":
            _check_range(source)
            self._map(source, target, amount, tile, _as_float32, _clipped, progress)
        else:
            dtype = source.dtype.newbyteorder("=")
            self._map(
                source,
                target,
                amount,
                tile,
                lambda pixels: to_float(pixels.astype(dtype, copy=False)),
                lambda pixels: from_float(pixels, dtype),
                progress,
            )
        if grey:
            colours[..., 1:] = target
        if image.ndim == 3 and image.shape[-1] in (2, 4):
            out[..., -1] = image[..., -1]
        return out

    def _independent(
        self,
        image: np.ndarray,
        strength: float | Strength,
        tile: int | None,
        out: np.ndarray | None,
        progress: Callable[[int], object] | None,
        channels: str,
    ) -> np.ndarray:
        if channels != "independent":
            raise ValueError(f"channels: expected 'independent' or None, got {channels!r}")
        if not isinstance(image, np.ndarray) or image.ndim != 3:
            shape = list(getattr(image, "shape", []))
            raise ValueError(f"image: expected [H, W, C] of independent channels, got {shape}")
        out = np.empty_like(image) if out is None else out
        for each in range(image.shape[-1]):
            part = slice(each, each + 1)
            self.denoise(
                image[..., part], strength, tile=tile, out=out[..., part], progress=progress
            )
        return out

    def denoise_float(self, image: np.ndarray, *, tile: int | None = None) -> np.ndarray:
        """Denoises [H, W, C] floats, C = 1 or 3; neither input nor output is clipped.

        Args:
            image: float, black 0 and white 1, noise of any size around them. If the card has
                `levels`, these are 0 and 1.
            tile: see `denoise`.

        Returns:
            float32 [H, W, C].

        Raises:
            ValueError: if the image is empty or its shape another one.
        """
        if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.size == 0:
            raise ValueError(f"image: expected [H, W, 1] or [H, W, 3], got {list(image.shape)}")
        out = np.empty(image.shape, np.float32)
        self._map(image, out, Strength(), tile, _as_float32, _as_float32, None)
        return out

    def _map(
        self,
        source: np.ndarray,
        target: np.ndarray,
        strength: Strength,
        tile: int | None,
        load: Callable[[np.ndarray], np.ndarray],
        store: Callable[[np.ndarray], np.ndarray],
        progress: Callable[[int], object] | None,
    ) -> None:
        """Fills `target` [H, W, C] from `source`, which may be the same memory."""
        height, width, _ = source.shape
        margin = self.margin
        # What `mix` looks at beyond a tile must be as good as the tile itself.
        reach = REACH if strength.keep_detail > 0 else 0
        halo = self.halo + -(-reach // self.multiple) * self.multiple
        # Places are those of the picture with its margins.
        rows, columns = self._grid(height + 2 * margin, width + 2 * margin, tile, halo)
        beside = (margin, columns[-1].high - width - margin)
        kept = source[:0]
        for row in rows:
            # The rows above this band may have been overwritten: they were kept.
            fresh = source[max(row.start - margin, 0) : row.high - margin]
            above = 0 if len(kept) else margin
            band = np.concatenate([kept, fresh])
            below = row.high - row.low - above - len(band)
            band = np.pad(band, [(above, below), (0, 0), (0, 0)], "reflect")
            kept = band[max(row.stop - halo, 0) - row.low : row.stop - row.low].copy()
            band = np.pad(band, [(0, 0), beside, (0, 0)], "reflect")
            down = _inside(row, margin, height)
            for column in columns:
                noisy = load(band[:, column.low : column.high])
                right = _inside(column, margin, width)
                inner = (
                    slice(down.start - row.low, down.stop - row.low),
                    slice(right.start - column.low, right.stop - column.low),
                )
                clean = mix(noisy, self._apply(noisy), strength)[inner]
                place = (
                    slice(down.start - margin, down.stop - margin),
                    slice(right.start - margin, right.stop - margin),
                )
                target[place] = store(clean)
                if progress:
                    progress(clean.shape[0] * clean.shape[1])

    def _grid(
        self, height: int, width: int, tile: int | None, halo: int
    ) -> tuple[list[Span], list[Span]]:
        """The tiles of a picture: the spans of the rows and of the columns."""
        if tile is None:
            area = tile_memory() // self.network.bytes_per_pixel
            return grid(height, width, self.multiple, area, halo)
        if tile < 1:
            raise ValueError(f"tile: expected at least 1 pixel, got {tile!r}")
        return (
            spans(height, self.multiple, tile, halo),
            spans(width, self.multiple, tile, halo),
        )

    def _apply(self, image: np.ndarray) -> np.ndarray:
        """Runs the network on [h, w, C] float32, C = 1 or 3, whatever its own channels."""
        if image.shape[-1] == self.channels:
            return self.network(image[None])[0]
        if self.channels == 1:
            result = self.network(np.moveaxis(image, -1, 0)[..., None])
            return np.moveaxis(result[..., 0], 0, -1)
        result = self.network(np.repeat(image, self.channels, axis=-1)[None])[0]
        return result.mean(axis=-1, keepdims=True)


def halo_of(card: Mapping[str, Any], exact: bool = False) -> int:
    """Returns the context around a tile that a card tells, in pixels.

    Args:
        card: The model card.
        exact: Whether it shall span all that the network sees. In cards without `exact_halo`
            the halo does so anyway.
    """
    return int(card.get("exact_halo", card["halo"]) if exact else card["halo"])


def margin_of(card: Mapping[str, Any]) -> int:
    """Returns how far a picture is continued on each side, in pixels; 0 in most cards."""
    return int(card.get("margin", 0))


def _inside(span: Span, margin: int, length: int) -> slice:
    """The part of a tile that is not in a margin."""
    return slice(max(span.start, margin), min(span.stop, margin + length))


def _colour(image: np.ndarray) -> np.ndarray:
    """A view [H, W, 1 or 3] without alpha."""
    if image.ndim == 2:
        return image[..., None]
    return image[..., : image.shape[-1] - 1 + image.shape[-1] % 2]


def _channels_are_equal(image: np.ndarray) -> bool:
    """Whether red, green and blue of [H, W, 3] are equal, told without a copy of all."""
    bands = (image[row : row + 64] for row in range(0, len(image), 64))
    return all((band[..., 1:] == band[..., :1]).all() for band in bands)


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image: expected a numpy array, got {type(image).__name__}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise ValueError(f"image: expected {_SHAPES}, got {list(image.shape)}")
    if image.size == 0:
        raise ValueError(f"image: expected at least one pixel, got {list(image.shape)}")
    if image.dtype.str[1:] not in ("u1", "u2", "f4", "f8"):
        raise ValueError(
            f"image: expected uint8, uint16, float32 or float64, got {image.dtype}"
        )


def _check_finite(image: np.ndarray) -> tuple[float, float]:
    """Returns the lowest and the highest value."""
    low, high = float(image.min()), float(image.max())  # NaN, if there is one anywhere
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("image: expected finite values, got NaN or infinity")
    return low, high


def _check_range(image: np.ndarray) -> None:
    low, high = _check_finite(image)
    if low < FLOAT_RANGE[0] or high > FLOAT_RANGE[1]:
        raise ValueError(
            f"image: expected floats with black 0 and white 1, got {low:g} to {high:g}"
        )


def _as_float32(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32, copy=False)


def _clipped(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0.0, 1.0)
