"""Pictures of any number of channels; the network is one whose answer is known."""

import re

import numpy as np
import pytest

from kdae.engine import Denoiser


class Half:
    """Takes grey or RGB, and gives half of it."""

    bytes_per_pixel = 100

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        assert batch.shape[-1] == self.channels
        return batch / 2


def denoiser(channels: int = 3) -> Denoiser:
    card = {"channels": channels, "size_multiple": 4, "halo": 8}
    return Denoiser(Half(channels), card)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_independent_channels_are_grey_pictures(channels: int, count: int) -> None:
    # Even numbers: their halves are whole. The last channel is no alpha.
    image = np.random.default_rng(0).integers(0, 128, (9, 13, count), np.uint8) * 2
    model = denoiser(channels)
    result = model.denoise(image, channels="independent")
    np.testing.assert_array_equal(result, image // 2)
    for each in range(count):
        np.testing.assert_array_equal(result[..., each], model.denoise(image[..., each]))


def test_independent_channels_take_strength_and_a_place() -> None:
    image = np.full((8, 8, 5), 0.8, np.float32)
    result = denoiser().denoise(image, 0.5, channels="independent", out=image)
    assert result is image
    np.testing.assert_allclose(image, 0.6, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((8, 8, 5), "each", "channels: expected 'independent' or None, got 'each'"),
        (
            (8, 8),
            "independent",
            "image: expected [H, W, C] of independent channels, got [8, 8]",
        ),
        ((8, 8, 5), None, "image: expected [H, W], [H, W, 1]"),
    ],
)
def test_other_words_and_shapes_are_refused(
    shape: tuple[int, ...], channels: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        denoiser().denoise(np.zeros(shape, np.uint8), channels=channels)


@pytest.mark.parametrize("strength", [2, -0.1, "0.5", float("nan")])
def test_a_strength_of_another_kind_gets_the_same_sentence(strength: object) -> None:
    with pytest.raises(ValueError, match=r"strength: expected 0 to 1, got "):
        denoiser().denoise(np.zeros((8, 8), np.uint8), strength)  # type: ignore[arg-type]
