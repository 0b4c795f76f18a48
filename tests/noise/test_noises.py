from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml

from kdae.draws import pick, pick_log, pick_whole
from kdae.errors import UserError
from kdae.noise import NOISES, build_noise, check_noise, quantize
from kdae.noise.noises import blocks, gaussian, identity, poisson, salt_pepper, speckle
from kdae.noise.parameters import Limits
from kdae.noise.spec import chain, choice

SEED = tf.constant([3, 5])
SPREAD = 5  # standard errors that a sample may be off; a right one is, once in two million


def outcomes(function: Callable[[tf.Tensor], tf.Tensor], count: int) -> np.ndarray:
    """What `function` makes of `count` seeds, stacked."""
    seeds = tf.stack([tf.range(count), tf.fill([count], 17)], -1)
    graph = tf.function(lambda: tf.map_fn(function, seeds, tf.float32), autograph=False)
    return graph().numpy()


def assert_near(sample: np.ndarray, mean: float, deviation: float) -> None:
    """The sample's mean and, for values about normal, its deviation are those given."""
    assert abs(sample.mean() - mean) < SPREAD * deviation / sample.size**0.5
    assert abs(sample.std() / deviation - 1) < SPREAD / (2 * sample.size) ** 0.5


def flat(value: float, size: int = 128, channels: int = 1) -> tf.Tensor:
    return tf.fill([size, size, channels], value)


def test_gaussian_has_the_standard_deviation_asked_for() -> None:
    noise = gaussian(flat(0.9, channels=3), SEED, 25) - 0.9
    assert_near(noise.numpy(), 0.0, 25 / 255)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        product = (noise[..., first] * noise[..., second]).numpy()
        assert abs(product.mean()) < SPREAD * product.std() / product.size**0.5


def test_gaussian_is_not_clipped() -> None:
    noisy = gaussian(flat(1.0), SEED, 50).numpy()
    assert abs((noisy > 1).mean() - 0.5) < SPREAD * 0.5 / noisy.size**0.5


def test_gaussian_draws_sigma_uniformly_from_a_range() -> None:
    noise = outcomes(lambda seed: gaussian(flat(0.0, size=32), seed, [10, 50]), 300)
    sigmas = noise.std((1, 2, 3)) * 255
    assert 9 < sigmas.min() < 12 and 48 < sigmas.max() < 55
    # Of a uniform range: mean 30, deviation 40 / sqrt(12).
    assert abs(sigmas.mean() - 30) < SPREAD * 40 / 12**0.5 / 300**0.5
    assert abs((sigmas < 20).mean() - 0.25) < SPREAD * (0.25 * 0.75 / 300) ** 0.5


def test_poisson_has_the_variance_of_photon_counts() -> None:
    for value, peak in ((0.2, 30.0), (0.9, 30.0), (0.5, 1000.0)):
        noisy = poisson(flat(value), SEED, peak).numpy()
        assert_near(noisy, value, (value / peak) ** 0.5)
        np.testing.assert_allclose(noisy * peak, np.round(noisy * peak), atol=1e-3)


def test_poisson_of_black_and_below_is_black() -> None:
    for value in (0.0, -0.3):
        assert not poisson(flat(value), SEED, 30).numpy().any()


def test_poisson_draws_its_peak_log_uniformly() -> None:
    noisy = outcomes(lambda seed: poisson(flat(1.0, size=48), seed, [10, 1000]), 200)
    peaks = 1 / noisy.var((1, 2, 3))
    assert abs((peaks < 100).mean() - 0.5) < SPREAD * 0.5 / 200**0.5
    assert 8 < peaks.min() < 13 and 800 < peaks.max() < 1200


def test_speckle_grows_with_the_value() -> None:
    for value in (0.25, 1.0):
        assert_near(speckle(flat(value), SEED, 51).numpy(), value, value * 0.2)


def test_salt_and_pepper_hit_the_share_asked_for_half_each() -> None:
    noisy = salt_pepper(flat(0.5, channels=3), SEED, 0.1).numpy()
    for value, share in ((0.0, 0.05), (0.5, 0.9), (1.0, 0.05)):
        error = SPREAD * (share * (1 - share) / noisy.size) ** 0.5
        assert abs((noisy == value).mean() - share) < error


def test_a_block_is_a_square_of_the_size_asked_for() -> None:
    for hit in outcomes(lambda seed: blocks(flat(1.0, 40, 3), seed, 1, 7), 20) == 0:
        assert (hit == hit[..., :1]).all()
        rows, columns = np.where(hit[..., 0])
        assert len(rows) == 49
        assert np.ptp(rows) == 6 and np.ptp(columns) == 6


def test_blocks_reach_every_place_and_stay_inside() -> None:
    hits = outcomes(lambda seed: blocks(flat(1.0, size=6), seed, 1, 3), 400)[..., 0] == 0
    # The 4 x 4 places are equally likely: the corner pixel is hit by one of them.
    assert abs(hits[:, 5, 5].mean() - 1 / 16) < SPREAD * (15 / 16 / 16 / 400) ** 0.5
    assert abs(hits[:, 2, 2].mean() - 9 / 16) < SPREAD * (9 * 7 / 16 / 16 / 400) ** 0.5
    assert (hits.sum((1, 2)) == 9).all()


def test_the_number_and_the_size_of_blocks_are_drawn_with_both_ends() -> None:
    many = outcomes(lambda seed: blocks(flat(1.0, size=200), seed, [0, 3], 1), 100)
    counts = (many == 0).sum((1, 2, 3))
    assert set(counts) == {0, 1, 2, 3}  # 4 pixels of 40,000 meet once in 7,000 pictures
    sizes = outcomes(lambda seed: blocks(flat(1.0, size=20), seed, 1, [2, 4]), 100)
    assert set((sizes == 0).sum((1, 2, 3))) == {4, 9, 16}


def test_a_block_larger_than_the_picture_covers_it() -> None:
    image = tf.ones([5, 9, 1])
    assert (blocks(image, SEED, 1, 50).numpy() == 0).sum() == 25
    assert (blocks(image, SEED, 0, 50).numpy() == 1).all()


def test_blocks_are_filled_as_asked() -> None:
    image = tf.random.stateless_uniform([30, 30, 3], [1, 2])
    hit = (blocks(image, SEED, 3, 8, fill=-1.0).numpy() == -1).all(-1)
    noise = blocks(image, SEED, 3, 8, fill="noise").numpy()
    np.testing.assert_allclose(blocks(image, SEED, 3, 8, fill=0.25).numpy()[hit], 0.25)
    mean = image.numpy().mean((0, 1))
    painted = blocks(image, SEED, 3, 8, fill="mean").numpy()
    np.testing.assert_allclose(painted[hit], np.tile(mean, [hit.sum(), 1]), rtol=1e-5)
    for result in (noise, painted):
        np.testing.assert_array_equal(result[~hit], image.numpy()[~hit])
    assert len(np.unique(noise[hit])) > 0.99 * noise[hit].size
    assert 0 <= noise[hit].min() < 0.1 and 0.9 < noise[hit].max() < 1


def test_quantize_clips_and_rounds_as_often_as_asked() -> None:
    image = tf.linspace(-0.5, 1.5, 500)[:, tf.newaxis, tf.newaxis]
    expected = np.round(np.clip(image.numpy(), 0, 1) * 255) / 255
    results = outcomes(lambda seed: quantize(image, seed, 0.3), 300)
    rounded = (results >= 0).all((1, 2, 3))
    assert abs(rounded.mean() - 0.3) < SPREAD * (0.3 * 0.7 / 300) ** 0.5
    for result, done in zip(results, rounded, strict=True):
        np.testing.assert_allclose(result, expected if done else image, atol=1e-7)
    np.testing.assert_array_equal(quantize(image, SEED, 0), image)
    np.testing.assert_allclose(quantize(image, SEED, 1), expected, atol=1e-7)
    with pytest.raises(ValueError, match=r"probability: expected 0 to 1, got 1\.5"):
        quantize(image, SEED, 1.5)


def test_a_chain_applies_each_noise_with_its_own_seed() -> None:
    noise = build_noise([{"gaussian": {"sigma": 30}}, {"gaussian": {"sigma": 40}}])
    assert_near(noise(flat(0.0), SEED).numpy(), 0.0, 50 / 255)
    in_order = chain([lambda x, _: x + 1, lambda x, _: x * 3])
    assert in_order(tf.constant(1.0), SEED).numpy() == 6


def test_a_choice_draws_by_weight() -> None:
    options = [lambda x, _, i=i: x + i for i in range(3)]
    image = flat(0.0, size=2)
    drawn = outcomes(lambda seed: choice(options, [1, 0, 3])(image, seed), 400)[:, 0, 0, 0]
    assert set(drawn) == {0, 2}
    assert abs((drawn == 0).mean() - 0.25) < SPREAD * (0.25 * 0.75 / 400) ** 0.5
    drawn = outcomes(lambda seed: choice(options)(image, seed), 400)[:, 0, 0, 0]
    for option in range(3):
        assert abs((drawn == option).mean() - 1 / 3) < SPREAD * (2 / 9 / 400) ** 0.5
    assert choice([identity])(image, SEED) is not None


EVERYTHING = """
- identity
- {gaussian: {sigma: [0, 55]}}
- {poisson: {peak: [5, 1e3]}}
- {blocks: {count: [1, 9], size: [2, 9]}}
- {blocks: {count: 4, size: 3, fill: mean}}
- {blocks: {count: 4, size: 3, fill: noise}}
- {salt_pepper: {amount: [0.01, 0.1]}}
- {speckle: {sigma: [10, 60]}}
- {camera: {jpeg: [10, 100]}}
- {camera: {shot: 1e-3, read: 1e-5, red: 2, blue: 1.5, saturation: 1.3, tone: 0.5, smooth: 0.5,
    smooth_colour: 1, jpeg: null}}
- {camera: {colour: [0.3, 1], colourless: 0.5}}
- developed
- {developed: {sigma: 5, smooth: 0.5, wide: 0.2, wide_smooth: 2, colour: 1, smooth_colour: 2,
    edges: 1, tilt: 0.3, sharpen: 0.5}}
- grain
- {jpeg: {quality: [60, 99], full_colour: 0.5, twice: 0.5}}
- [developed, {jpeg: {probability: 0.85}}]
- [{speckle: {sigma: 9}}, {poisson: {peak: 50}}, {gaussian: {sigma: [5, 9]}}]
- {choice: [identity, {gaussian: {sigma: 25}}, [{poisson: {peak: 9}}, {speckle: {sigma: 9}}]]}
- {choice: {specs: [identity, {gaussian: {sigma: 25}}], weights: [1, 3]}}
"""


@pytest.mark.parametrize("spec", yaml.safe_load(EVERYTHING), ids=str)
def test_tf_data_gives_the_bits_of_eager_mode(spec: Any) -> None:
    noise = build_noise(spec)
    image = tf.random.stateless_uniform([33, 40, 3], [1, 2])

    def example(i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = tf.unstack(tf.random.split(tf.stack([i, 17]), 3))
        grey = noise(image[..., :1], seeds[0])
        return quantize(noise(image, seeds[1]), seeds[2], 0.5), grey

    numbers = tf.data.Dataset.range(4)
    eager = [example(i) for i in numbers]
    graph = tf.function(example, autograph=False)
    for calls in (1, 3):
        for pair, expected in zip(numbers.map(graph, calls), eager, strict=True):
            np.testing.assert_array_equal(pair[0], expected[0])
            np.testing.assert_array_equal(pair[1], expected[1])
    colour, grey = eager[0]
    assert colour.dtype == grey.dtype == tf.float32
    assert colour.shape == (33, 40, 3) and grey.shape == (33, 40, 1)
    if "identity" not in str(spec):
        assert len({grey.numpy().tobytes() for _, grey in eager}) == 4


def test_every_noise_is_in_the_comparison_of_bits() -> None:
    assert all(name in EVERYTHING for name in NOISES)


def test_sizes_may_be_unknown_in_the_graph() -> None:
    noise = build_noise(
        [{"gaussian": {"sigma": 9}}, {"blocks": {"count": 2, "size": 3}}, "camera"]
    )
    signature = tf.TensorSpec([None, None, 3]), tf.TensorSpec([2], tf.int32)
    graph = tf.function(noise, input_signature=signature)
    assert graph(tf.ones([20, 31, 3]), SEED).shape == (20, 31, 3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"gausian": {"sigma": 1}}, r"unknown noise 'gausian', did you mean 'gaussian'\?"),
        ({"zzz": {}}, r"unknown noise 'zzz' \(known: identity, gaussian, .*, chain, choice\)"),
        ({"gaussian": {"sigma": 1, "sgma": 2}}, r"gaussian: unknown .* 'sgma'.*'sigma'\?"),
        ({"gaussian": {}}, r"gaussian: sigma is missing: expected a number from 0 to 255"),
        ("gaussian", r"gaussian: sigma is missing"),
        ({"gaussian": 25}, r"gaussian: expected parameters by name \(sigma\), got 25"),
        ({"gaussian": {"sigma": -1}}, r"gaussian: sigma: expected .* from 0 to 255 .* got -1"),
        ({"gaussian": {"sigma": [9, 3]}}, r"sigma: .* \[lo, hi\] with lo <= hi, got \[9, 3\]"),
        ({"gaussian": {"sigma": [1, 2, 3]}}, r"sigma: .* got \[1, 2, 3\]"),
        ({"gaussian": {"sigma": "loud"}}, r"sigma: expected a number .* got 'loud'"),
        ({"gaussian": {"sigma": True}}, r"sigma: .* got True"),
        ({"gaussian": {"sigma": None}}, r"sigma: .* got None"),
        ({"gaussian": {"sigma": float("nan")}}, r"sigma: .* got nan"),
        ({"gaussian": {"sigma": [0, float("inf")]}}, r"sigma: .* got \[0, inf\]"),
        ({"poisson": {"peak": [0, 10]}}, r"peak: expected .* got \[0, 10\]"),
        ({"poisson": {"peak": 0}}, r"peak: expected a number from 0.01 .* 0 < lo .* got 0"),
        ({"salt_pepper": {"amount": 1.1}}, r"amount: expected .* from 0 to 1 .* got 1.1"),
        ({"blocks": {"count": 2.5, "size": 3}}, r"count: expected a whole number .* got 2.5"),
        ({"blocks": {"count": 2, "size": 0}}, r"size: expected .* from 1 .* got 0"),
        (
            {"blocks": {"count": 2, "size": 3, "fill": "red"}},
            r"fill: .* 'mean' or 'noise', got",
        ),
        ({"blocks": {"count": 2, "size": 3, "fill": [0, 1]}}, r"fill: .* got \[0, 1\]"),
        ({"camera": {"shot": [0, 1e-2]}}, r"camera: shot: .* 0 < lo <= hi, got \[0, 0.01\]"),
        ({"camera": {"jpeg": 101}}, r"camera: jpeg: .* whole .* 1 to 100 .* null, got 101"),
        ({"camera": {"jpeg_probability": -0.1}}, r"jpeg_probability: .* got -0.1"),
        ({"camera": {"saturation": 0.5}}, r"saturation: .* from 1 to 5 .* got 0.5"),
        ({"identity": {"sigma": 1}}, r"identity: unknown parameter 'sigma' \(known: none\)"),
        ([{"gaussian": {"sigma": 1}}, {"poisson": {}}], r"poisson: peak is missing"),
        ([], r"chain: expected a list of noises, got \[\]"),
        ({"chain": "camera"}, r"chain: expected a list of noises, got 'camera'"),
        ({"choice": 3}, r"choice: expected a list of noises, got 3"),
        (
            {"choice": {"specs": ["camera"]}},
            r"choice: expected .* specs and weights, got specs",
        ),
        ({"choice": {"specs": ["camera"], "weights": [1, 2]}}, r"weights: expected 1 numbers"),
        (
            {"choice": {"specs": ["camera"], "weights": [0]}},
            r"weights: .* not all 0, got \[0\]",
        ),
        ({"choice": {"specs": ["camera", "identity"], "weights": [2, -1]}}, r"got \[2, -1\]"),
        ({"choice": {"specs": ["camera"], "weights": 1}}, r"weights: .* got 1"),
        ({"gaussian": {"sigma": 1}, "poisson": {"peak": 1}}, r"expected a name .* got \{"),
        ({}, r"expected a name and its parameters, .* got \{\}"),
        (None, r"expected a name and its parameters, .* got None"),
    ],
)
def test_a_bad_spec_is_told_what_was_expected(spec: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_noise(spec)


def test_checking_makes_no_tensors() -> None:
    # A tensor would set up the devices, which a config must be able to do afterwards.
    with tf.Graph().as_default() as graph:
        check_noise(yaml.safe_load(EVERYTHING))
    assert not graph.get_operations()


def test_numbers_that_yaml_reads_as_text_are_numbers() -> None:
    spec = yaml.safe_load("{camera: {shot: [1e-4, 1e-2], jpeg: 90}}")
    assert isinstance(spec["camera"]["shot"][0], str)
    check_noise(spec)
    assert Limits(0, 1).read(["1e-4", 1]) == (1e-4, 1.0)


def test_positions_in_a_range() -> None:
    half = tf.constant(0.5)
    assert float(pick((10, 30), half)) == 20
    assert float(pick_log((1, 100), half)) == pytest.approx(10)
    assert [float(pick_whole((2, 4), tf.constant(u))) for u in (0.0, 0.5, 0.99)] == [2, 3, 4]
    assert [f(7, half) for f in (pick, pick_log, pick_whole)] == [7, 7, 7]
