"""Draws: TensorFlow's own Philox, bit for bit."""

import pytest
import tensorflow as tf

from kdae.draws import normal, split, uniform

SEEDS = [(0, 0), (5, -7), (2**31 - 1, 3), (-(2**31), 123456)]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize("numbers", SEEDS)
def test_draws_are_those_of_the_public_functions(
    numbers: tuple[int, int], dtype: tf.DType
) -> None:
    seed, shape = tf.constant(numbers, dtype), [3, 5]
    tf.debugging.assert_equal(
        uniform(seed, shape), tf.random.stateless_uniform(shape, seed, alg="philox")
    )
    tf.debugging.assert_equal(
        normal(seed, shape), tf.random.stateless_normal(shape, seed, alg="philox")
    )
    tf.debugging.assert_equal(
        tf.stack(split(seed, 3)),
        tf.random.experimental.stateless_split(seed, 3, alg="philox"),
    )
