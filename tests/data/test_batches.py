"""Batches: bit for bit the same whatever the parallelism, and wherever a run resumes."""

import numpy as np
import pytest
import tensorflow as tf

from kdae.data import AugmentConfig, Pictures, training_batches, validation_batches
from kdae.noise import NoiseConfig
from tests.helpers import pictures

RNG = np.random.default_rng(0)
CLEAN = NoiseConfig(kind={"gaussian": {"sigma": 0}}, quantize=0.0)


PHOTOS = pictures(
    [
        RNG.integers(0, 256, (40, 56, 3), np.uint8),
        RNG.integers(0, 65536, (33, 32, 3), np.uint16),
        RNG.integers(0, 256, (90, 32, 3), np.uint8),
    ]
)


def batches(steps: range, **kw: object) -> list[tuple[np.ndarray, np.ndarray]]:
    settings: dict[str, object] = {
        "noise": NoiseConfig(), "augment": AugmentConfig(), "batch": 3, "patch": 16, "seed": 5,
    }  # fmt: skip
    data = kw.pop("data", PHOTOS)
    dataset = training_batches(data, steps=steps, **(settings | kw))  # type: ignore[arg-type]
    return [(noisy.numpy(), clean.numpy()) for noisy, clean in dataset]


def same(
    a: list[tuple[np.ndarray, np.ndarray]], b: list[tuple[np.ndarray, np.ndarray]]
) -> bool:
    return len(a) == len(b) and all(
        (x == y).all()
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one, two, strict=True)
    )


def test_shape_range_and_noise() -> None:
    [(noisy, clean)] = batches(
        range(1), noise=NoiseConfig(kind={"gaussian": {"sigma": 25}}, quantize=0.0)
    )
    assert noisy.shape == clean.shape == (3, 16, 16, 3)
    assert noisy.dtype == clean.dtype == np.float32
    assert 0 <= clean.min() and clean.max() <= 1
    assert (noisy - clean).std() * 255 == pytest.approx(25, rel=0.1)
    assert noisy.min() < 0  # not clipped


def test_parallelism_does_not_change_a_bit() -> None:
    assert same(batches(range(6), parallel=1), batches(range(6), parallel=4))


def test_a_resumed_run_sees_what_an_uninterrupted_one_sees() -> None:
    assert same(batches(range(6))[4:], batches(range(4, 6)))


def test_workers_share_each_batch_without_overlap() -> None:
    whole = batches(range(2, 5), batch=6)
    parts = [batches(range(2, 5), batch=6, places=range(i, i + 2)) for i in (0, 2, 4)]
    joined = [
        (np.concatenate(noisy), np.concatenate(clean))
        for noisy, clean in (zip(*step, strict=True) for step in zip(*parts, strict=True))
    ]
    assert same(joined, whole)


def test_steps_examples_and_seeds_differ() -> None:
    (first, _), (second, _) = batches(range(2))
    assert (first[0] != first[1]).any() and (first != second).any()
    assert not same(batches(range(2)), batches(range(2), seed=6))


def test_pairs_stay_aligned_and_get_no_noise() -> None:
    clean = PHOTOS.arrays[0]
    data = pictures([clean], [255 - clean])
    for noisy, target in batches(range(4), data=data):
        np.testing.assert_allclose(noisy, 1 - target, atol=1e-6)


def test_quantized_with_the_given_probability() -> None:
    crops = batches(
        range(40), batch=5, noise=NoiseConfig(kind={"gaussian": {"sigma": 50}}, quantize=0.3)
    )
    on_grid = [
        np.abs(image * 255 - np.round(image * 255)).max() < 1e-3
        for noisy, _ in crops
        for image in noisy
    ]
    # 200 draws with p = 0.3: standard deviation 0.032.
    assert np.mean(on_grid) == pytest.approx(0.3, abs=0.11)


def test_validation_noise_is_fixed_per_picture() -> None:
    def examples(data: Pictures) -> list[tuple[tf.Tensor, tf.Tensor]]:
        spec = {"gaussian": {"sigma": [0, 55]}}
        return validation_batches(data, spec, patch=24, seed=1, limit=3, multiple=8)

    first, second = examples(PHOTOS), examples(PHOTOS)
    assert all((a[0].numpy() == b[0].numpy()).all() for a, b in zip(first, second, strict=True))
    assert [tuple(clean.shape) for _, clean in first] == [(1, 24, 24, 3)] * 3
    middle = PHOTOS.arrays[0][8:32, 16:40].astype(np.float32) / 255
    np.testing.assert_allclose(first[0][1][0], middle, atol=1e-6)
    noises = [(noisy - clean).numpy() for noisy, clean in first]
    assert (noises[0] != noises[1]).any()


def test_validation_pictures_are_spread_over_all() -> None:
    flat = pictures([np.full((8, 8, 1), value, np.uint8) for value in (0, 51, 102, 153, 204)])
    chosen = validation_batches(
        flat, {"gaussian": {"sigma": 1}}, patch=8, seed=0, limit=3, multiple=8
    )
    assert [round(float(clean[0, 0, 0, 0]), 3) for _, clean in chosen] == [0.0, 0.4, 0.8]


def test_a_share_of_the_examples_is_grey_noise_and_all() -> None:
    noise = NoiseConfig(kind={"gaussian": {"sigma": 25}}, quantize=0.5, grey=0.3)
    crops = [
        example
        for noisy, clean in batches(range(40), batch=5, noise=noise)
        for example in zip(noisy, clean, strict=True)
    ]
    grey = [all((image == image[..., :1]).all() for image in example) for example in crops]
    assert np.mean(grey) == pytest.approx(0.3, abs=0.17)
    for (noisy, clean), is_grey in zip(crops, grey, strict=True):
        if is_grey:
            assert np.std(noisy[..., 0] - clean[..., 0]) * 255 == pytest.approx(25, rel=0.3)


def test_mirrored_examples_are_mirrored_noise_and_all() -> None:
    data = pictures([RNG.integers(0, 256, (64, 64, 3), np.uint8)])
    noise = NoiseConfig(kind={"gaussian": {"sigma": 25}}, quantize=0.0)
    plain = batches(range(4), data=data, noise=noise, patch=32)
    augment = AugmentConfig(mirrored=1.0)
    for (noisy, clean), (before, whole) in zip(
        batches(range(4), data=data, noise=noise, augment=augment, patch=32), plain, strict=True
    ):
        for example in range(3):
            known = {
                tuple(pixel)
                for pixel in np.concatenate([before, whole], -1)[example].reshape(-1, 6)
            }
            both = np.concatenate([noisy, clean], -1)[example].reshape(-1, 6)
            assert {tuple(pixel) for pixel in both} < known


def test_pairs_keep_their_noise_whatever_else_is_done() -> None:
    clean = PHOTOS.arrays[0]
    augment = AugmentConfig(enlarged=1.0, vivid=1.0, patterns=1.0, mirrored=1.0)
    for noisy, target in batches(
        range(4), data=pictures([clean], [255 - clean]), augment=augment
    ):
        np.testing.assert_allclose(noisy, 1 - target, atol=1e-6)
