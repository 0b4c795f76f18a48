"""Strength for brightness and colour separately, and detail that is kept."""

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from kdae.engine import Denoiser
from kdae.engine.adjust import REACH, Strength, fine_part, mix


class Mean:
    """A network: the mean over 5x5 pixels, zero beyond the borders."""

    channels = 3
    bytes_per_pixel = 100

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        padded = np.pad(batch, [(0, 0), (2, 2), (2, 2), (0, 0)])
        windows = sliding_window_view(padded, (5, 5), axis=(1, 2))  # type: ignore[call-overload]
        return windows.mean((-2, -1), np.float32)


def pair(channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A picture and another one, as if it were the denoised one."""
    noisy, denoised = np.random.default_rng(0).random((2, 12, 17, channels), np.float32)
    return noisy, denoised


def ycc(image: np.ndarray) -> np.ndarray:
    """Y, Cb and Cr on the 0-255 scale, by Pillow's own conversion."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).convert("YCbCr"), np.float32)


@pytest.mark.parametrize("channels", [1, 3])
def test_ends(channels: int) -> None:
    noisy, denoised = pair(channels)
    np.testing.assert_array_equal(mix(noisy, denoised, Strength()), denoised)
    np.testing.assert_array_equal(mix(noisy, denoised, Strength(0, 0)), noisy)
    half = mix(noisy, denoised, Strength(0.5, 0.5))
    np.testing.assert_allclose(half, (noisy + denoised) / 2, atol=1e-6)


def test_brightness_and_colour_are_apart() -> None:
    noisy, denoised = pair()
    # In the middle of the range, so that Pillow clips nothing.
    noisy, denoised = 0.4 + 0.2 * noisy, 0.4 + 0.2 * denoised
    for luma, colour in ((1, 0), (0, 1), (0.25, 0.75)):
        mixed = ycc(mix(noisy, denoised, Strength(luma, colour)))
        shares = np.array([luma, colour, colour])
        expected = ycc(noisy) + shares * (ycc(denoised) - ycc(noisy))
        # Pillow rounds what it reads and what it returns.
        assert np.abs(mixed - expected).max() < 2.1


def test_a_grey_picture_stays_grey() -> None:
    noisy, denoised = (np.repeat(image, 3, axis=-1) for image in pair(1))
    mixed = mix(noisy, denoised, Strength(0.3, 0.9, 0.5))
    np.testing.assert_array_equal(mixed, np.repeat(mixed[..., :1], 3, axis=-1))


def test_a_picture_of_brightness_alone_has_no_colour() -> None:
    noisy, denoised = pair(1)
    expected = noisy + 0.3 * (denoised - noisy)
    np.testing.assert_allclose(mix(noisy, denoised, Strength(0.3, 0.9)), expected, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_fine_part_has_the_response_of_the_spline(axis: int) -> None:
    # The B-spline of a wave of w radians per pixel has the factor cos(w / 2) ** 4.
    for period in (2, 3, 5, 8, 32):
        phase = 2 * np.pi * np.arange(48) / period
        wave = np.zeros((48, 48), np.float32) + np.expand_dims(np.cos(phase), 1 - axis)
        expected = (1 - np.cos(np.pi / period) ** 4) * wave
        inside = np.s_[REACH:-REACH, REACH:-REACH]
        wave = wave.astype(np.float32)[..., np.newaxis]
        np.testing.assert_allclose(fine_part(wave)[..., 0][inside], expected[inside], atol=1e-6)
    # As the comment in the module says.
    assert 1 - np.cos(np.pi / 5) ** 4 > 0.5 > 1 - np.cos(np.pi / 6) ** 4


def test_kept_detail_is_the_fine_brightness_of_what_was_removed() -> None:
    noisy, denoised = pair()
    removed = noisy - denoised
    brightness = removed @ np.array([[0.299], [0.587], [0.114]], np.float32)
    for keep in (0.4, 1.0):
        mixed = mix(noisy, denoised, Strength(1, 1, keep))
        np.testing.assert_allclose(mixed, denoised + keep * fine_part(brightness), atol=1e-6)
    # What was not removed is not given back twice.
    half = mix(noisy, denoised, Strength(0.5, 1, 1))
    without = mix(noisy, denoised, Strength(0.5, 1))
    np.testing.assert_allclose(half, without + 0.5 * fine_part(brightness), atol=1e-6)


def test_wide_noise_stays_removed_and_fine_detail_comes_back() -> None:
    flat = np.full((64, 64, 1), 0.5, np.float32)
    y, x = np.mgrid[:64, :64]
    fine = np.float32(0.1) * ((x + y) % 2 * 2 - 1)[..., np.newaxis].astype(np.float32)
    wide = np.float32(0.1) * np.cos(2 * np.pi * x / 32)[..., np.newaxis].astype(np.float32)
    kept = mix(flat + fine + wide, flat, Strength(keep_detail=1)) - flat
    inside = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(kept[inside], fine[inside], atol=0.003)


@pytest.mark.parametrize("halo", [4, 8])
def test_tiles_equal_the_whole_picture_with_detail_kept(halo: int) -> None:
    card = {"channels": 3, "size_multiple": 4, "halo": halo}
    denoiser, strength = Denoiser(Mean(), card), Strength(0.7, 0.4, 0.9)
    image = np.random.default_rng(0).random((70, 97, 3), np.float32)
    padded = np.pad(image, [(0, 2), (0, 3), (0, 0)], "reflect")
    expected = mix(padded, Mean()(padded[None])[0], strength)[:70, :97]
    for tile in (4, 20, 512):
        result = denoiser.denoise(image, strength, tile=tile)
        np.testing.assert_allclose(result, np.clip(expected, 0, 1), atol=1e-5)
    # In place, where rows above a band are overwritten before it is read.
    denoiser.denoise(image, strength, tile=8, out=image)
    np.testing.assert_allclose(image, np.clip(expected, 0, 1), atol=1e-5)


def test_detail_needs_more_context_than_the_network() -> None:
    # The test above could not fail if tiles with the network's context alone were enough.
    noisy = np.random.default_rng(0).random((16, 16, 3), np.float32)
    denoised = Mean()(noisy[None])[0]
    whole = mix(noisy, denoised, Strength(keep_detail=1))
    part = mix(noisy[4:], Mean()(noisy[None, 4:])[0], Strength(keep_detail=1))
    np.testing.assert_allclose(part[4:], whole[8:], atol=1e-6)
    assert np.abs(part[2:4] - whole[6:8]).max() > 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3)])
def test_pictures_smaller_than_the_filter(size: tuple[int, int]) -> None:
    constant = np.full((*size, 1), 0.3, np.float32)
    np.testing.assert_allclose(fine_part(constant), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"luma": 1.5}, "luma: expected 0 to 1, got 1.5"),
        ({"colour": -1}, "colour: expected 0 to 1, got -1"),
        ({"keep_detail": float("nan")}, "keep_detail: expected 0 to 1, got nan"),
    ],
)
def test_out_of_range(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Strength(**arguments)
    assert Strength.of(0.25) == Strength(0.25, 0.25)
    assert Strength.of(Strength(0.1, 0.2, 0.3)) == Strength(0.1, 0.2, 0.3)
