from typing import Any

import numpy as np
import pytest

from kdae.engine import Denoiser, load
from kdae.engine.keras_model import KerasModel
from tests.helpers import noise_image, tiny_card, tiny_denoiser, tiny_model, tiny_run


def whole(image: np.ndarray, margin: int = 0) -> np.ndarray:
    """`tiny_model` on a whole picture [H, W, C], padded by hand; not clipped."""
    height, width, channels = image.shape
    rows, columns = (slice(margin, margin + length) for length in (height, width))
    padding = [(margin, margin + -length % 4) for length in (height, width)]
    padded = np.pad(image.astype(np.float32), [*padding, (0, 0)], "reflect")
    return tiny_model(channels)(padded[None]).numpy()[0, rows, columns]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(64, 64), (50, 97), (3, 200), (131, 2)])
def test_tiles_equal_the_whole_picture(size: tuple[int, int], channels: int) -> None:
    image = noise_image(*size, channels, dtype=np.float32) * 3 - 1  # far out of range
    expected = whole(image)
    for tile in (4, 20, 512):
        tiled = tiny_denoiser(channels).denoise_float(image, tile=tile)
        assert tiled.dtype == np.float32
        np.testing.assert_allclose(tiled, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (50, 97), (3, 200), (131, 2), (1, 1)])
def test_a_margin_continues_the_picture_on_all_sides(size: tuple[int, int]) -> None:
    denoiser = Denoiser(KerasModel(tiny_model(3)), tiny_card(3) | {"margin": 16})
    image = noise_image(*size, 3, dtype=np.float32)
    expected = whole(image, 16)
    assert np.abs(expected - whole(image)).max() > 1e-3
    for tile in (4, 20, 512):
        tiled = denoiser.denoise_float(image, tile=tile)
        np.testing.assert_allclose(tiled, expected, atol=1e-5)
        seen: list[int] = []
        pixels = image.copy()
        denoiser.denoise(pixels, tile=tile, out=pixels, progress=seen.append)
        np.testing.assert_allclose(pixels, np.clip(expected, 0, 1), atol=1e-5)
        assert sum(seen) == size[0] * size[1] and min(seen) > 0


def test_without_context_the_seams_would_show() -> None:
    # The test above could not fail if this model did not look beyond its tiles.
    card = tiny_card() | {"halo": 0}
    image = noise_image(64, 64, 1, dtype=np.float32)
    tiled = Denoiser(KerasModel(tiny_model()), card).denoise_float(image, tile=16)
    assert np.abs(tiled - whole(image)).max() > 1e-2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiled_integers_differ_by_rounding_at_most(dtype: Any) -> None:
    image = noise_image(70, 90, 3, dtype=dtype)
    a = tiny_denoiser(3).denoise(image, tile=512)
    b = tiny_denoiser(3).denoise(image, tile=12)
    assert np.abs(a.astype(int) - b).max() <= 1
    assert a.std() > 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize(
    "shape", [(9, 13), (9, 13, 1), (9, 13, 2), (9, 13, 3), (9, 13, 4), (1, 1), (1, 1, 4)]
)
def test_shape_and_dtype_are_kept(shape: tuple[int, ...], dtype: Any) -> None:
    image = noise_image(*shape, dtype=dtype)
    before = image.copy()
    for channels in (1, 3):
        clean = tiny_denoiser(channels).denoise(image)
        assert (clean.shape, clean.dtype) == (image.shape, image.dtype)
        np.testing.assert_array_equal(image, before)
        if dtype in (np.float32, np.float64):
            assert 0 <= clean.min() and clean.max() <= 1
        if shape[-1] in (2, 4):
            np.testing.assert_array_equal(clean[..., -1], image[..., -1])
            assert (clean[..., 0] != image[..., 0]).any()


def test_the_scale_of_integers() -> None:
    unit = noise_image(12, 12, 3, dtype=np.float32)
    expected = np.clip(whole(unit), 0, 1)
    for dtype, most in ((np.uint8, 255), (np.uint16, 65535)):
        clean = tiny_denoiser(3).denoise(np.rint(unit * most).astype(dtype))
        np.testing.assert_allclose(clean / most, expected, atol=8 / most)


def test_a_grey_model_takes_channels_one_by_one() -> None:
    image = noise_image(16, 20, 3, dtype=np.float32)
    clean = tiny_denoiser(1).denoise_float(image)
    for channel in range(3):
        alone = tiny_denoiser(1).denoise_float(image[..., channel : channel + 1])
        np.testing.assert_allclose(clean[..., channel], alone[..., 0], rtol=1e-5, atol=1e-5)


def test_a_colour_model_sees_grey_as_colour() -> None:
    image = noise_image(16, 20, 1, dtype=np.float32)
    expected = whole(np.repeat(image, 3, axis=-1)).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(tiny_denoiser(3).denoise_float(image), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_equal_channels_come_out_equal(dtype: Any) -> None:
    grey = noise_image(70, 20, dtype=dtype)
    colour = np.stack([grey] * 3, -1)
    denoiser = tiny_denoiser(3)
    expected = denoiser.denoise(grey)
    np.testing.assert_array_equal(denoiser.denoise(colour), np.stack([expected] * 3, -1))
    denoiser.denoise(colour, out=colour)
    np.testing.assert_array_equal(colour, np.stack([expected] * 3, -1))
    # One other value makes it a colour picture, which this model makes more colourful.
    colour[-1, -1, 2] = 1 - colour[-1, -1, 2]
    clean = denoiser.denoise(colour)
    assert (clean[..., 0] != clean[..., 2]).mean() > 0.5


def test_strength_mixes() -> None:
    image = noise_image(20, 20, 3, dtype=np.float32)
    denoiser = tiny_denoiser(3)
    np.testing.assert_array_equal(denoiser.denoise(image, strength=0.0), image)
    np.testing.assert_array_equal(denoiser.denoise(image, 1.0), denoiser.denoise(image))
    mixed = np.clip(image + 0.25 * (whole(image) - image), 0, 1)
    np.testing.assert_allclose(denoiser.denoise(image, 0.25), mixed, atol=1e-5)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strength_out_of_range(strength: float) -> None:
    with pytest.raises(ValueError, match="strength: expected 0 to 1"):
        tiny_denoiser().denoise(noise_image(4, 4), strength)


def test_in_place() -> None:
    image = noise_image(75, 40, 4)
    expected = tiny_denoiser(3).denoise(image, tile=8)
    result = tiny_denoiser(3).denoise(image, tile=8, out=image)
    assert result is image
    np.testing.assert_array_equal(image, expected)
    with pytest.raises(ValueError, match=r"out: expected \[75, 40, 4\] uint8, got"):
        tiny_denoiser(3).denoise(image, out=np.zeros((75, 40, 3), np.uint8))


def test_views_and_foreign_byte_order() -> None:
    image = noise_image(30, 30, 3, dtype=np.uint16)
    expected = tiny_denoiser(3).denoise(image)
    image.setflags(write=False)
    turned = np.asfortranarray(image[::-1])[::-1]
    np.testing.assert_array_equal(tiny_denoiser(3).denoise(turned), expected)
    swapped = tiny_denoiser(3).denoise(image.astype(">u2"))
    assert swapped.dtype == np.dtype(">u2")
    np.testing.assert_array_equal(swapped, expected)


def test_progress_counts_every_pixel_once() -> None:
    steps: list[int] = []
    tiny_denoiser().denoise(noise_image(133, 150), tile=16, progress=steps.append)
    assert len(steps) > 4
    assert sum(steps) == 133 * 150


def test_one_graph_for_all_sizes() -> None:
    network = KerasModel(tiny_model())
    denoiser = Denoiser(network, tiny_card())
    for size in (1, 10, 33):
        denoiser.denoise(noise_image(size, size + 3), tile=16)
    assert network._run.experimental_get_tracing_count() == 1


def test_noise_may_reach_beyond_the_range() -> None:
    image = noise_image(8, 8, dtype=np.float32) * 2 - 0.5
    clean = tiny_denoiser().denoise(image)
    np.testing.assert_allclose(clean, np.clip(whole(image[..., None])[..., 0], 0, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 5), np.uint8), r"image: expected .* got \[4, 4, 5\]"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"image: expected .* got \[1, 4, 4, 3\]"),
        (np.zeros((0, 4), np.uint8), "at least one pixel"),
        (np.zeros((4, 4), np.int32), "expected uint8, uint16, .* got int32"),
        (np.zeros((4, 4), bool), "expected uint8, uint16, .* got bool"),
        (np.full((4, 4), 255.0), "black 0 and white 1, got 255 to 255"),
        (np.full((4, 4), np.nan), "NaN or infinity"),
        (np.full((4, 4), np.inf), "NaN or infinity"),
        ([[0.5]], "expected a numpy array, got list"),
    ],
)
def test_what_is_not_a_picture(image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_denoiser().denoise(image)


def test_other_bad_arguments() -> None:
    with pytest.raises(ValueError, match="tile: expected at least 1"):
        tiny_denoiser().denoise(noise_image(4, 4), tile=0)
    with pytest.raises(ValueError, match=r"image: expected \[H, W, 1\]"):
        tiny_denoiser().denoise_float(np.zeros((4, 4), np.float32))
    with pytest.raises(ValueError, match="halo 6 is not a multiple of size_multiple 4"):
        Denoiser(KerasModel(tiny_model()), tiny_card() | {"halo": 6})
    with pytest.raises(ValueError, match="channels 3, but the model takes 1"):
        Denoiser(KerasModel(tiny_model()), tiny_card() | {"channels": 3})


def test_load_a_run_folder(tmp_path: Any) -> None:
    denoiser = load(tiny_run(tmp_path / "run", 3))
    image = noise_image(10, 11, 3)
    np.testing.assert_array_equal(denoiser.denoise(image), tiny_denoiser(3).denoise(image))
    assert denoiser.card["name"] == "tiny"
