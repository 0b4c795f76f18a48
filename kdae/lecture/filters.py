"""A bank of hand-made filters, its responses, and the picture recovered from them.

Convolutions here are circular, so that by the convolution theorem each is a product in the
Fourier domain, and least squares over all pictures has a solution per frequency.
"""

from __future__ import annotations

import numpy as np

SIZE = 15  # pixels, of a filter
_ANGLES = (0, 4, 2, 6, 1, 5, 3, 7)  # eighths of a half turn, coarse to fine


def bank() -> list[tuple[str, np.ndarray]]:
    """36 filters of unit norm, in the order in which they are worth most.

    Returns:
        (name, float64 [SIZE, SIZE]) each: a bright spot, spots on a dark ring, oriented edges
        and bars of two widths.
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
        count: of filters.
        side: of the pictures in pixels.
    """

    def __init__(self, count: int, side: int) -> None:
        self.count, self.side = count, side
        padded = np.zeros((count, side, side))
        for place, (_, kernel) in enumerate(bank()[:count]):
            # A neuron's filter lies as it is over the picture: correlation, not convolution.
            padded[place, :SIZE, :SIZE] = kernel[::-1, ::-1]
        padded = np.roll(padded, (-(SIZE // 2), -(SIZE // 2)), (1, 2))
        self.spectra = np.fft.rfft2(padded)
        self.power = (np.abs(self.spectra) ** 2).sum(axis=0)

    def respond(self, image: np.ndarray) -> np.ndarray:
        """Linear responses [count, side, side] to a picture [side, side]."""
        return np.fft.irfft2(self.spectra * np.fft.rfft2(image), s=(self.side, self.side))

    def recover(self, responses: np.ndarray, floor: float = 1e-3) -> np.ndarray:
        """The picture whose linear responses are closest to those given.

        Least squares, solved for each frequency: sum conj(F_k) R_k / (sum |F_k|^2 + floor).
        The floor keeps frequencies that no filter sees from being blown up.
        """
        spectrum = (np.conj(self.spectra) * np.fft.rfft2(responses)).sum(axis=0)
        return np.fft.irfft2(spectrum / (self.power + floor), s=(self.side, self.side))

    def recover_rectified(self, rectified: np.ndarray, rounds: int) -> np.ndarray:
        """The picture whose ReLU responses are closest to those given.

        Where a neuron was active its response is known; where it was silent, the response is
        known to be at most 0. Both are convex: each round takes the present picture's
        responses, puts right those that contradict, and recovers the picture by least
        squares (with Nesterov's momentum).
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
        """The picture that agrees with most responses: those far from it are set aside.

        Each round replaces what is further than three (robust) standard deviations from the
        present picture's responses by those.
        """
        image = self.recover(responses)
        for _ in range(rounds):
            own = self.respond(image)
            error = np.abs(responses - own)
            limit = 3 * 1.4826 * np.median(error) + 1e-6
            image = self.recover(np.where(error < limit, responses, own), 1e-6)
        return image


def level(image: np.ndarray, reference: np.ndarray) -> float:
    """PSNR in dB of [H, W] pictures clipped to [0, 1], at most 100."""
    error = np.mean((np.clip(image, 0, 1) - np.clip(reference, 0, 1)) ** 2)
    return float(-10 * np.log10(max(error, 1e-10)))
