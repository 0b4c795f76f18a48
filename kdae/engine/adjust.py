"""How much of the noise that a network finds is removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kdae.errors import check_share
from kdae.images import to_channels

# Cubic B-spline, as in the wavelets with which photo editors take fine detail apart. What
# repeats every five pixels or faster is fine: half or more of it stays out of the blur.
_SPLINE = np.array([1, 4, 6, 4, 1], np.float32) / 16
REACH = len(_SPLINE) // 2
"""Pixels on each side that `keep_detail` depends on."""


@dataclass(frozen=True)
class Strength:
    """The strength of the denoising, for brightness and colour separately.

    Brightness and colour are Y and (Cb, Cr) of ITU-R BT.601.

    Attributes:
        luma: share of the noise in brightness that is removed, 0 to 1.
        colour: share of the noise in colour that is removed, 0 to 1.
        keep_detail: share, 0 to 1, of the fine part of what was removed from brightness that
            is given back: fine texture, and fine noise with it.

    Raises:
        UserError: a share is not from 0 to 1.
    """

    luma: float = 1.0
    colour: float = 1.0
    keep_detail: float = 0.0

    def __post_init__(self) -> None:
        check_share("luma", self.luma)
        check_share("colour", self.colour)
        check_share("keep_detail", self.keep_detail)

    @classmethod
    def of(cls, strength: float | Strength) -> Strength:
        """Returns the same strength for brightness and colour, if it is a single number.

        Raises:
            UserError: the number is not from 0 to 1.
        """
        if isinstance(strength, Strength):
            return strength
        check_share("strength", strength)
        return cls(strength, strength)


def mix(noisy: np.ndarray, denoised: np.ndarray, strength: Strength) -> np.ndarray:
    """Mixes a noisy and a denoised picture.

    Args:
        noisy: float32 [H, W, C], C = 1 (brightness alone) or 3 (RGB).
        denoised: the same picture without noise.
        strength: how much of the difference is removed.

    Returns:
        Float32 [H, W, C], `noisy + luma * dY + colour * dC`: the difference of the two
        pictures is dY in brightness and dC in colour, and dY is less `keep_detail` of its fine
        part. Near the border that part is that of the picture continued by reflection.
    """
    if strength == Strength():
        return denoised
    difference = denoised - noisy
    luma, colour = np.float32(strength.luma), np.float32(strength.colour)
    if luma == colour and strength.keep_detail == 0:
        return noisy + luma * difference
    brightness = to_channels(difference, 1)
    removed = brightness
    if strength.keep_detail > 0:
        removed = brightness - np.float32(strength.keep_detail) * fine_part(brightness)
    # Cb and Cr stay as they are if red, green and blue change alike.
    return noisy + luma * removed + colour * (difference - brightness)


def fine_part(image: np.ndarray) -> np.ndarray:
    """Returns a picture float32 [H, W, C] less its blur by a cubic B-spline of 5x5 pixels."""
    blurred = image
    for axis in (0, 1):
        margins = [(0, 0)] * image.ndim
        margins[axis] = (REACH, REACH)
        padded = np.moveaxis(np.pad(blurred, margins, "reflect"), axis, 0)
        length = image.shape[axis]
        shifted = [weight * padded[at : at + length] for at, weight in enumerate(_SPLINE)]
        blurred = np.moveaxis(np.sum(shifted, axis=0), 0, axis)
    return image - blurred
