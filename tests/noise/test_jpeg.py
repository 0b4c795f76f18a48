import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kdae.noise import jpeg as module
from kdae.noise.jpeg import jpeg
from tests.noise.test_noises import outcomes

ALWAYS = {"probability": 1.0, "twice": 0.0}


def picture(size: int = 64) -> tf.Tensor:
    small = tf.random.stateless_uniform([size // 4, size // 4, 3], [1, 2])
    return tf.clip_by_value(tf.image.resize(small, [size, size], "bicubic"), 0.0, 1.0)


@pytest.mark.parametrize("full_colour", [0.0, 1.0])
def test_it_is_what_libjpeg_makes_of_the_picture(full_colour: float) -> None:
    pixels = np.round(picture().numpy() * 255).astype(np.uint8)
    file = io.BytesIO()
    subsampling = 0 if full_colour else 2
    Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling=subsampling)
    # Draws of 0: the grid of blocks starts in the corner.
    draws = [tf.constant(0.0)] * 4
    image = tf.constant(pixels / np.float32(255))
    result = module._save_with(image, draws, 90, full_colour).numpy() * 255
    np.testing.assert_allclose(result, np.asarray(Image.open(file)), atol=1e-3)


def test_colour_at_half_resolution_loses_more_of_it() -> None:
    image, losses = picture(), []
    for full_colour in (0.0, 1.0):
        result = jpeg(image, tf.constant([1, 2]), 90, full_colour=full_colour, **ALWAYS)
        difference = (result - image).numpy()
        losses.append(np.std(difference[..., 0] - difference[..., 1]))
    assert losses[1] < 0.6 * losses[0]


def test_it_comes_and_comes_twice_as_often_as_asked() -> None:
    image = picture(32)
    results = outcomes(lambda seed: jpeg(image, seed, 90, probability=0.3), 300)
    changed = (results != image.numpy()).any((1, 2, 3))
    assert abs(changed.mean() - 0.3) < 5 * (0.3 * 0.7 / 300) ** 0.5
    once = outcomes(lambda seed: jpeg(image, seed, 90, full_colour=0.0, twice=0.0), 300)
    some = outcomes(lambda seed: jpeg(image, seed, 90, full_colour=0.0, twice=0.3), 300)
    twice = (once != some).any((1, 2, 3))
    assert abs(twice.mean() - 0.3) < 5 * (0.3 * 0.7 / 300) ** 0.5


def test_a_grey_picture_in_three_channels_stays_grey() -> None:
    grey = tf.repeat(picture()[..., :1], 3, -1)
    for full_colour in (0.0, 1.0):
        result = jpeg(grey, tf.constant([1, 2]), 70, full_colour=full_colour, **ALWAYS).numpy()
        np.testing.assert_array_equal(result, np.repeat(result[..., :1], 3, -1))


def test_one_channel_and_odd_sizes() -> None:
    image = picture()[:33, :47, :1]
    result = jpeg(image, tf.constant([1, 2]), 90, **ALWAYS)
    assert result.shape == (33, 47, 1)
    assert 0 < np.abs(result - image).max() < 0.2
