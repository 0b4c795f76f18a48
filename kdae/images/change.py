"""Shows a network the parts of a picture of any kind, and puts its answers back.

Red, green and blue go together; every other channel is a grey picture of its own. Values that
are not of 8 or 16 bits are scaled to [0, 1] and back, see `Scale`, unless the network knows the
units of the file. Colours under transparent pixels are put aside, see `covered`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from kdae.errors import UserError
from kdae.images.levels import Levels
from kdae.images.pixels import Picture

Network = Callable[[np.ndarray], np.ndarray]
"""Takes `[H, W, 1 or 3]`, uint8, uint16, or float32 from 0 to 1, or float64 in the units of the
file if it knows them; returns the same. It may write its answer into what it was given, if that
can be written to."""

_QUANTILES = (0.001, 0.999)
_SAMPLE = 1 << 22  # values that quantiles are taken of
REACH = 64  # pixels, how far under transparent ones visible colours are continued
_ROWS = 1024  # rows continued at a time: bounds the memory


def change(picture: Picture, network: Network, levels: Levels | None = None) -> Picture:
    """Returns the picture as a network changes it, of the same size, type and channels.

    Args:
        picture: Of any number of channels and any type of values.
        network: See `Network`.
        levels: The values of a file that are 0 and 1 to the network, if these are not black and
            white. Values of any type are then shown as they are.

    Raises:
        UserError: If the values are floats from 0 to 1, and the levels reach beyond 8 bits.
    """
    pixels = picture.pixels
    hidden = None
    if picture.alpha is not None and not picture.alpha.all():
        hidden = picture.alpha == 0
        below = pixels[hidden]
        pixels = covered(pixels, hidden)
    together = parts(picture)
    if len(together) == 1:
        pixels = _answered(pixels, network, levels)
    else:
        result = np.empty_like(pixels)
        for part in together:
            shown = np.ascontiguousarray(pixels[..., part])
            result[..., part] = _answered(shown, network, levels)
        pixels = result
    if hidden is not None:
        if not pixels.flags.writeable:
            pixels = pixels.copy()
        pixels[hidden] = below
    return dataclasses.replace(picture, pixels=pixels)


def parts(picture: Picture) -> list[slice]:
    """Returns the channels that a network is shown together, one after the other."""
    channels = picture.pixels.shape[-1]
    first = 3 if channels >= 3 and not picture.independent else 1
    return [slice(0, first), *(slice(each, each + 1) for each in range(first, channels))]


def _answered(pixels: np.ndarray, network: Network, levels: Levels | None) -> np.ndarray:
    if pixels.dtype in (np.uint8, np.uint16):
        return network(pixels)
    if levels is not None:
        return _answered_in_units(pixels, network, levels)
    scale = Scale.of(pixels)
    return scale.back(network(scale.apply(pixels)), pixels)


def _answered_in_units(pixels: np.ndarray, network: Network, levels: Levels) -> np.ndarray:
    if pixels.dtype.kind == "f" and levels.high >= 255 and _within_unit(pixels):
        raise UserError(
            f"floats from 0 to 1, but this model was trained on files whose values are "
            f"{levels.low:g} to {levels.high:g}; save the picture with such values"
        )
    seen = with_finite_values(pixels.astype(np.float64))
    answer = _as_type(network(seen), pixels.dtype)
    if pixels.dtype.kind == "f":
        odd = ~np.isfinite(pixels)
        answer[odd] = pixels[odd]
    return answer


def with_finite_values(values: np.ndarray) -> np.ndarray:
    """Returns floats with the mean of the finite ones in the place of infinity and NaN.

    Without a finite value, that is 0.
    """
    finite = np.isfinite(values)
    if finite.all():
        return values
    mean = values[finite].mean(dtype=np.float64) if finite.any() else 0.0
    return np.where(finite, values, values.dtype.type(mean))


def _as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rounds and clips to the range of an integer type; floats are only converted."""
    if dtype.kind == "f":
        return values.astype(dtype)
    bounds = np.iinfo(dtype)
    return np.clip(np.rint(values), bounds.min, bounds.max).astype(dtype)


@dataclasses.dataclass(frozen=True)
class Scale:
    """How values of any range become values in [0, 1].

    Floats in [0, 1] stay. Of all others the quantiles 0.001 and 0.999 become 0 and 1. What lies
    beyond is cut off for the network, and added to its answer again. Infinite values and NaN
    become 0 for the network and stay what they are in the result.

    Attributes:
        low: Becomes 0.
        high: Becomes 1.
    """

    low: float
    high: float

    @classmethod
    def of(cls, pixels: np.ndarray) -> Scale:
        """Returns the scale of a picture."""
        step = max(1, pixels.size // _SAMPLE)
        values = pixels.reshape(-1)[::step].astype(np.float64)
        values = values[np.isfinite(values)]
        if pixels.dtype.kind == "f" and _within_unit(pixels):
            return cls(0.0, 1.0)
        if not values.size:
            return cls(0.0, 1.0)
        low, high = np.quantile(values, _QUANTILES)
        if low == high:
            low, high = values.min(), values.max()
        return cls(float(low), float(high))

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Returns float32 in [0, 1]."""
        span = self.high - self.low or 1.0
        scaled = (pixels.astype(np.float64) - self.low) / span
        scaled = np.nan_to_num(np.clip(scaled, 0.0, 1.0), nan=0.0)
        return scaled.astype(np.float32)

    def back(self, answer: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """Returns the network's answer in the values and the type of `pixels`."""
        span = self.high - self.low
        values = pixels.astype(np.float64)
        beyond = values - np.clip(values, self.low, self.high)
        result = answer.astype(np.float64) * span + self.low + beyond
        if pixels.dtype.kind == "f":
            result[~np.isfinite(values)] = values[~np.isfinite(values)]
        return _as_type(result, pixels.dtype)


def _within_unit(pixels: np.ndarray) -> bool:
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    return low >= 0.0 and high <= 1.0


def covered(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Continues the visible colours under the transparent pixels.

    A pixel at most `REACH` from a visible one takes the colour that lies as far on the other
    side of that one, or its own if nothing is visible there: the picture is mirrored at the
    edge of what is visible. All pixels further away take the mean visible colour.

    Args:
        pixels: `[H, W, C]`.
        hidden: `[H, W]`, whether a pixel is wholly transparent.

    Returns:
        A new array.
    """
    result = pixels.copy()
    if hidden.all():
        return result
    result[hidden] = pixels[~hidden].mean(axis=0).astype(pixels.dtype)
    height, width = hidden.shape
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        low, high = max(top - 2 * REACH, 0), min(bottom + 2 * REACH, height)
        if not hidden[top:bottom].any():
            continue
        y, x, found = _nearest(hidden[low:high])
        inside = slice(top - low, bottom - low)
        rows, columns = np.nonzero(hidden[top:bottom] & found[inside])
        near_y = y[inside][rows, columns] + low
        near_x = x[inside][rows, columns]
        there_y = np.clip(2 * near_y - (rows + top), 0, height - 1)
        there_x = np.clip(2 * near_x - columns, 0, width - 1)
        unseen = hidden[there_y, there_x]
        there_y[unseen], there_x[unseen] = near_y[unseen], near_x[unseen]
        result[rows + top, columns] = pixels[there_y, there_x]
    return result


def _nearest(hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds for each pixel the nearest visible one, by jump flooding.

    Source: Rong and Tan, Jump flooding in GPU with applications to Voronoi diagram and distance
    transform, I3D 2006.

    Returns:
        Its row and column, and whether there is one within `REACH`.
    """
    height, width = hidden.shape
    far = np.int32(1 << 14)
    rows, columns = np.mgrid[:height, :width].astype(np.int32)
    y, x = np.where(hidden, -far, rows), np.where(hidden, -far, columns)
    step = REACH // 2
    while step:
        for down in (-step, 0, step):
            for across in (-step, 0, step):
                if not (down or across):
                    continue
                to = _shifted(height, down), _shifted(width, across)
                since = _shifted(height, -down), _shifted(width, -across)
                new_y, new_x = y[since], x[since]
                old = (y[to] - rows[to]) ** 2 + (x[to] - columns[to]) ** 2
                new = (new_y - rows[to]) ** 2 + (new_x - columns[to]) ** 2
                closer = new < old
                y[to], x[to] = np.where(closer, new_y, y[to]), np.where(closer, new_x, x[to])
        step //= 2
    return y, x, (y - rows) ** 2 + (x - columns) ** 2 <= REACH**2


def _shifted(length: int, by: int) -> slice:
    return slice(max(by, 0), max(length + min(by, 0), 0))
