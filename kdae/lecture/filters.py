"""A bank of hand-made filters, its responses, and ways to recover a picture from them.

The convolutions are circular. By the convolution theorem each is then a product in the Fourier
domain, and a least squares problem over all pictures is solved for each frequency by itself.
"""

from __future__ import annotations

import numpy as np

SIZE = 15  # side of a filter in pixels
_ANGLES = (0, 4, 2, 6, 1, 5, 3, 7)  # in eighths of a half turn, coarse to fine


def bank() -> list[tuple[str, np.ndarray]]:
    """Returns 36 filters of unit norm, the most useful first.

    Returns:
        The name of each filter and its float64 values [SIZE, SIZE]: a bright spot, spots on a
        dark ring, oriented edges and bars of two widths.
    """
    half = SIZE // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    radius = x**2 + y**2

    def bell(width: float) -> np.ndarray:
        return np.asarray(np.exp(-radius / (2 * width**2)))

    made = [("spot", bell(1.0))]
    for width in (0.9, 1.8):
        for eighth in _ANGLES:
            angle = np.pi * eighth / 8
            across = x * np.cos(angle) + y * np.sin(angle)
            degrees = f"{180 * eighth / 8:g}°"
            edge = across * bell(width)
            bar = (1 - across**2 / width**2) * bell(width)
            made += [(f"edge {degrees}", edge), (f"bar {degrees}", bar - bar.mean())]
    for width in (0.7, 1.4, 2.8):
        ring = (1 - radius / (2 * width**2)) * bell(width)
        made.append(("spot on ring", ring - ring.mean()))
    return [(name, kernel / np.linalg.norm(kernel)) for name, kernel in made]


class Bank:
    """The first `count` filters of `bank`, for square pictures of one size.

    Args:
        count: The number of filters.
        side: The height and width of the pictures in pixels.
    """

    def __init__(self, count: int, side: int) -> None:
        self.count, self.side = count, side
        padded = np.zeros((count, side, side))
        for place, (_, kernel) in enumerate(bank()[:count]):
            # A neuron correlates its filter with the picture, so the filter is not mirrored as
            # in a convolution.
            padded[place, :SIZE, :SIZE] = kernel[::-1, ::-1]
        padded = np.roll(padded, (-(SIZE // 2), -(SIZE // 2)), (1, 2))
        self.spectra = np.fft.rfft2(padded)
        self.power = (np.abs(self.spectra) ** 2).sum(axis=0)

    def respond(self, image: np.ndarray) -> np.ndarray:
        """Returns the linear responses [count, side, side] to a picture [side, side]."""
        return np.fft.irfft2(self.spectra * np.fft.rfft2(image), s=(self.side, self.side))

    def recover(self, responses: np.ndarray, floor: float = 1e-3) -> np.ndarray:
        """Returns the picture whose linear responses are closest to those given.

        The least squares solution at each frequency is sum conj(F_k) R_k / (sum |F_k|^2 +
        floor).

        Args:
            responses: [count, side, side].
            floor: A small number that keeps frequencies which no filter sees from being
                amplified.

        Returns:
            The picture, [side, side].
        """
        spectrum = (np.conj(self.spectra) * np.fft.rfft2(responses)).sum(axis=0)
        return np.fft.irfft2(spectrum / (self.power + floor), s=(self.side, self.side))

    def recover_rectified(self, rectified: np.ndarray, rounds: int) -> np.ndarray:
        """Returns the picture whose ReLU responses are closest to those given.

        Where a neuron was active, its linear response is known. Where it was silent, its linear
        response is known to be at most 0. Both conditions are convex. Each round computes the
        responses of the current picture, corrects those that contradict the conditions, and
        recovers the picture by least squares, with Nesterov's momentum.

        Args:
            rectified: ReLU outputs, [count, side, side].
            rounds: The number of rounds.

        Returns:
            The picture, [side, side].
        """
        active = rectified > 0
        image = ahead = self.recover(rectified)
        for k in range(rounds):
            responses = self.respond(ahead)
            responses = np.where(active, rectified, np.minimum(responses, 0))
            new = self.recover(responses, 1e-6)
            ahead = new + k / (k + 3) * (new - image)
            image = new
        return image

    def recover_trusting(self, responses: np.ndarray, rounds: int) -> np.ndarray:
        """Returns the picture that agrees with most of the linear responses.

        Each round compares the given responses with those of the current picture and replaces
        the ones that differ by more than three standard deviations, which are estimated from
        the median.

        Args:
            responses: [count, side, side], some of them wrong.
            rounds: The number of rounds.

        Returns:
            The picture, [side, side].
        """
        image = self.recover(responses)
        for _ in range(rounds):
            own = self.respond(image)
            error = np.abs(responses - own)
            limit = 3 * 1.4826 * np.median(error) + 1e-6
            image = self.recover(np.where(error < limit, responses, own), 1e-6)
        return image


def level(image: np.ndarray, reference: np.ndarray) -> float:
    """Returns the PSNR in dB, at most 100, of [H, W] pictures that are clipped to [0, 1]."""
    error = np.mean((np.clip(image, 0, 1) - np.clip(reference, 0, 1)) ** 2)
    return float(-10 * np.log10(max(error, 1e-10)))
