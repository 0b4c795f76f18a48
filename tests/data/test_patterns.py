"""Augmentations that make what photographs hold too little of."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from kdae.data.augment import enlarge, mirror, vivid
from kdae.data.patterns import _Draws, _pattern, patterns
from tests.data.test_augment import outcomes

SEED = tf.constant([3, 5])


def grey(size: int, channels: int = 3) -> tf.Tensor:
    return tf.fill([size, size, channels], 0.5)


def texture(size: int) -> tf.Tensor:
    return tf.random.stateless_uniform([size, size, 3], [1, 2])


def changed(results: np.ndarray, image: tf.Tensor) -> np.ndarray:
    return (results != image.numpy()).any((1, 2, 3))


@pytest.mark.parametrize("op", [patterns, enlarge, vivid, mirror])
def test_each_is_done_as_often_as_asked(op: Callable[..., tf.Tensor]) -> None:
    image = texture(32)
    results = outcomes(lambda seed: op(image, seed, share=0.3), 400)
    assert abs(changed(results, image).mean() - 0.3) < 5 * (0.3 * 0.7 / 400) ** 0.5
    assert results.min() >= 0 and results.max() <= 1
    assert not changed(outcomes(lambda seed: op(image, seed, share=0.0), 5), image).any()


@pytest.mark.parametrize("op", [patterns, enlarge, vivid, mirror])
def test_tf_data_gives_the_bits_of_eager_mode(op: Callable[..., tf.Tensor]) -> None:
    image = texture(32)
    graph = outcomes(lambda seed: op(image, seed, share=0.7), 12)
    eager = [op(image, tf.constant([i, 17], tf.int64), share=0.7) for i in range(12)]
    np.testing.assert_array_equal(graph, np.stack(eager))


@pytest.mark.parametrize(("drawn", "period"), [(0.0, 2), (1 / 3, 4), (2 / 3, 8), (1.0, 16)])
@pytest.mark.parametrize("kind", [0.1, 0.4, 0.6])
def test_patterns_repeat_every_2_to_16_pixels(drawn: float, period: int, kind: float) -> None:
    # Along rows and columns, with equal whole periods; stripes, a grid and checks.
    fixed = {"upright": 0.0, "turn": 0.0, "square": 0.0, "whole": 0.0, "near": 0.0, "hard": 1.0}
    draws = dict.fromkeys(_Draws._fields, 0.3) | fixed | {"period_u": drawn, "kind": kind}
    y, x = (tf.constant(plane, tf.float32) for plane in np.mgrid[:48, :48])
    drawn_as = _Draws(**{name: tf.constant(value) for name, value in draws.items()})
    pattern = _pattern(y, x, drawn_as, SEED, SEED).numpy()
    assert pattern.std((0, 1)).max() > 0.1
    np.testing.assert_allclose(pattern[:, period:], pattern[:, :-period], atol=1e-4)
    np.testing.assert_allclose(pattern[period:], pattern[:-period], atol=1e-4)
    if kind == 0.1:
        np.testing.assert_allclose(pattern[1:], pattern[:-1], atol=1e-5)


def test_some_patterns_are_flat_colours_and_some_are_saturated() -> None:
    results = outcomes(lambda seed: patterns(grey(48), seed, share=1.0), 300)
    middle = results[:, 12:36, 12:36]
    flat = middle.std((1, 2)).max(-1) < 1e-3
    away = np.abs(middle.mean((1, 2)) - 0.5).max(-1) > 0.1
    assert 0.04 < (flat & away).mean() < 0.2
    corners = (np.abs(middle - 0.5) > 0.49).all(-1).mean((1, 2)) > 0.3
    assert 0.03 < corners.mean() < 0.3


def test_a_part_of_most_pictures_keeps_what_it_was() -> None:
    results = outcomes(lambda seed: patterns(texture(64), seed, share=1.0), 60)
    same = np.abs(results - texture(64).numpy()).max(-1) < 1e-3
    assert 0.1 < same.mean() < 0.6


def test_a_grey_picture_gets_a_grey_pattern() -> None:
    assert patterns(grey(40, 1), SEED, share=1.0).shape == (40, 40, 1)


def test_enlarged_pictures_are_smoother_by_factors_from_1_to_3() -> None:
    ramp = tf.repeat(tf.linspace(0.0, 1.0, 96)[tf.newaxis, :, tf.newaxis], 96, 0)
    results = outcomes(lambda seed: enlarge(ramp, seed, share=1.0), 300)
    # The slope in the middle is divided by the factor.
    factors = (1 / 95) / np.diff(results[:, 48, 40:56, 0], axis=1).mean(1)
    assert 0.99 < factors.min() < 1.1 and 2.8 < factors.max() < 3.05
    assert abs((factors < 3**0.5).mean() - 0.5) < 5 * 0.5 / 300**0.5


def test_vivid_pictures_keep_their_brightness() -> None:
    image = tf.fill([8, 8, 3], 0.0) + tf.constant([0.5, 0.45, 0.4])  # brightness 0.45925
    results = outcomes(lambda seed: vivid(image, seed, share=1.0), 200)
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(results @ weights, np.float64(0.45925), atol=1e-5)
    factors = (results[:, 0, 0, 0] - results[:, 0, 0, 2]) / 0.1
    assert 1 <= factors.min() + 1e-4 and 2.3 < factors.max() < 2.51


def test_a_mirrored_picture_is_its_own_mirror_image_around_a_border() -> None:
    y, x = np.mgrid[:64, :64].astype(np.float32)
    places = tf.constant(np.stack([y, x], -1))
    results = outcomes(lambda seed: mirror(places, seed, share=1.0), 300)
    sides = []
    for result in results:
        found = []
        for axis in range(2):
            line = result[:, 0, 0] if axis == 0 else result[0, :, 1]
            turns = np.flatnonzero(np.diff(line) < 0)
            if len(turns):
                depth = len(turns)
                # Beside the border at which it turns: the second pixel again, not the first.
                border = turns[-1] + 1 if turns[0] == 0 else turns[0]
                np.testing.assert_array_equal(line[border - 1], line[border + 1])
                found.append(depth)
        assert found and all(4 <= depth <= 31 for depth in found)
        sides.append(len(found))
    assert abs(np.mean(np.array(sides) == 2) - 1 / 3) < 5 * (2 / 9 / 300) ** 0.5
