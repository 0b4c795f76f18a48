"""Mosaics and their interpolation: exact where they should be, and what they make of noise."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.noise.bayer import from_mosaic, to_mosaic


@pytest.mark.parametrize(
    ("detail", "by_difference"), [(0.0, False), (0.4, False), (1.0, False), (0.4, True)]
)
@pytest.mark.parametrize("phase", [(0.0, 0.0), (0.0, 0.6), (0.6, 0.0), (0.6, 0.6)])
@pytest.mark.parametrize(("height", "width"), [(20, 24), (21, 23)])
def test_demosaicking_is_exact_where_it_should_be(
    detail: float, by_difference: bool, phase: tuple[float, float], height: int, width: int
) -> None:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    one_colour = np.tile(np.array([0.3, 0.5, 0.9], np.float32), [height, width, 1])
    grey_ramp = np.stack([0.01 * y + 0.02 * x] * 3, -1)
    for image, edge in ((one_colour, 0), (grey_ramp, 3)):
        down, right = map(tf.constant, phase)
        cells, top, left = to_mosaic(tf.constant(image), down, right)
        full = from_mosaic(cells, detail, by_difference)
        result = full[int(top) : int(top) + height, int(left) : int(left) + width].numpy()
        inside = np.s_[edge : height - edge, edge : width - edge]
        np.testing.assert_allclose(result[inside], image[inside], atol=1e-6)


def test_a_mosaic_keeps_the_right_colours() -> None:
    image = tf.broadcast_to(tf.constant([1.0, 2.0, 3.0]), [16, 16, 3])
    cells, _, _ = to_mosaic(image, tf.constant(0.0), tf.constant(0.0))
    np.testing.assert_array_equal(cells[4, 4], [1, 2, 2, 3])
    y, x = np.mgrid[:16, :16]
    places = tf.constant(np.stack([16 * y + x] * 3, -1), tf.float32)
    for down, right in ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6)):
        cells, top, left = to_mosaic(places, tf.constant(down), tf.constant(right))
        corner = 16 * (2 - int(top)) + 2 - int(left)  # of the fourth cell: the margin is two
        np.testing.assert_array_equal(cells[3, 3], corner + np.array([0, 1, 16, 17]))


def test_differences_of_colour_carry_the_noise_of_green_into_red_and_blue() -> None:
    cells = tf.random.stateless_normal([104, 104, 4], [1, 2])
    plain, by_difference = (
        np.corrcoef(from_mosaic(cells, 0.0, way).numpy().reshape(-1, 3).T)
        for way in (False, True)
    )
    assert np.abs(plain[0, 1]) < 0.03 and np.abs(plain[1, 2]) < 0.03
    assert by_difference[0, 1] > 0.4 and by_difference[1, 2] > 0.4 and by_difference[0, 2] > 0.2


def test_hamilton_and_adams_by_hand() -> None:
    """One red pixel of 1 among zeros: green there is 1/2, and so are all differences halves."""
    cells = np.zeros((7, 7, 4), np.float32)
    cells[3, 3, 0] = 1
    picture = from_mosaic(tf.constant(cells), 0.0, True).numpy()  # the pixel is at [2, 2]
    np.testing.assert_allclose(picture[2, 2], [1, 0.5, 0.5], atol=1e-6)
    # Two pixels away green is less by a quarter of a half; so is red - green more.
    np.testing.assert_allclose(picture[2, 4, :2], [0, -0.125], atol=1e-6)
    # Between: green is seen (0); red is the mean of 1 - 1/2 and 0 + 1/8.
    np.testing.assert_allclose(picture[2, 3, :2], [0.3125, 0], atol=1e-6)
