"""Clean pictures in, (noisy, clean) batches out, keyed by the global step.

Everything random in an example is drawn from (seed, step, place in the batch), with no
state anywhere: the same config and seed give the same bits whatever the number of parallel
calls, and a run resumed at step s sees what an uninterrupted one would have seen there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from kdae.data import augment
from kdae.data.config import AugmentConfig
from kdae.data.crops import window_drawer, window_reader
from kdae.data.sources import Pictures
from kdae.images import to_float
from kdae.noise import NoiseConfig, NoiseSpec, build_noise, quantize

Example = tuple[tf.Tensor, tf.Tensor]
Op = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def training_batches(
    pictures: Pictures,
    noise: NoiseConfig,
    flips: AugmentConfig,
    *,
    batch: int,
    patch: int,
    seed: int,
    steps: range,
    places: range | None = None,
    parallel: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """The batches of the given steps.

    Pictures are drawn in proportion to their area, so that every place is as likely as
    any other; of several windows of it the one with the most detail is taken. Pairs keep
    their own noise: crops and flips apply to both alike.

    Args:
        pictures: from `load_pictures`.
        noise: what is put on clean pictures; not used for pairs.
        flips: how many windows to choose from and how often they are halved, which flips
            and turns, exposure, stripes. Pairs are never halved, which would halve their noise.
        batch: examples per step.
        patch: side of the square crop in pixels.
        seed: of the run.
        steps: global steps, counted from 0; element i of the result belongs to `steps[i]`.
        places: which of the examples of each batch are made, a run of consecutive ones;
            default: all.
        parallel: how many examples are made at once; does not change a bit.

    Returns:
        Elements (noisy, clean), each float32 [len(places), patch, patch, channels]; clean
        in [0, 1], noisy not clipped.
    """
    places = range(batch) if places is None else places
    share = len(places)
    ops = _augmentations(flips)
    draw = window_drawer(pictures, flips, batch, patch, seed, 2 + len(ops))
    read = window_reader(pictures, patch)
    finish = _example_finisher(pictures, noise, ops)

    def window(count: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return draw(count // share * batch + places.start + count % share)

    # The pictures are read a batch at a time: a call of Python from the graph costs more
    # than all the rest of an example.
    return (
        tf.data.Dataset.range(steps.start * share, steps.stop * share)
        .map(window, num_parallel_calls=parallel, deterministic=True)
        .batch(share, drop_remainder=True)
        .map(read, num_parallel_calls=parallel, deterministic=True)
        .unbatch()
        .map(finish, num_parallel_calls=parallel, deterministic=True)
        .batch(share, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def shared_batches(
    strategy: tf.distribute.Strategy, batch: int, make: Callable[..., tf.data.Dataset]
) -> Iterable[Any]:
    """Batches shared among all replicas of `strategy`.

    Every worker makes its own places of a batch, and every replica takes its own of those, so
    that what is trained on does not depend on how many there are.

    Args:
        strategy: the devices.
        batch: examples per step, of all replicas together.
        make: `training_batches` with all its arguments but `places`.
    """

    def of_this_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        share = batch // context.num_input_pipelines
        first = context.input_pipeline_id * share
        per_replica = batch // context.num_replicas_in_sync
        return make(places=range(first, first + share)).rebatch(per_replica)

    batches: Iterable[Any] = strategy.distribute_datasets_from_function(of_this_worker)
    return batches


def validation_batches(
    pictures: Pictures, noise: NoiseSpec, *, patch: int, seed: int, limit: int, multiple: int
) -> list[Example]:
    """The middle of each picture with noise that depends on (seed, picture) alone.

    Args:
        pictures: held-out pictures, or pairs.
        noise: a spec of `kdae.noise`; not used for pairs.
        patch: the middle square is at most this large; cut to a multiple of `multiple`.
        seed: of the run.
        limit: at most so many pictures, spread evenly over all.
        multiple: of the model's sizes.

    Returns:
        Per picture (noisy, clean), each float32 [1, h, w, channels].
    """
    make_noise = build_noise(noise)
    count = min(limit, len(pictures))
    examples = []
    for index in np.linspace(0, len(pictures) - 1, count).round().astype(int):
        pair = [pictures.arrays[index]]
        if pictures.noisy is not None:
            pair.insert(0, pictures.noisy[index])
        h, w = (min(side, patch) // multiple * multiple for side in pair[0].shape[:2])
        y, x = (pair[0].shape[0] - h) // 2, (pair[0].shape[1] - w) // 2
        cut = [tf.constant(to_float(array[y : y + h, x : x + w])) for array in pair]
        if len(cut) == 1:
            # Large and odd, so that no training step shares a seed with a picture.
            key = tf.constant([seed, -1 - int(index)], tf.int64)
            cut.insert(0, make_noise(cut[0], key))
        examples.append((cut[0][tf.newaxis], cut[1][tf.newaxis]))
    return examples


def _augmentations(flips: AugmentConfig) -> list[Op]:
    """What is done to a window, in this order."""
    return [
        op
        for op, wanted in (
            (augment.flip_left_right, flips.flip_left_right),
            (augment.flip_up_down, flips.flip_up_down),
            (augment.quarter_turn, flips.quarter_turns),
            (functools.partial(augment.exposure, stops=flips.exposure), flips.exposure > 0),
            (functools.partial(augment.stripes, share=flips.stripes), flips.stripes > 0),
        )
        if wanted
    ]


def _example_finisher(
    pictures: Pictures, noise: NoiseConfig, ops: list[Op]
) -> Callable[[tf.Tensor, tf.Tensor], Example]:
    """A function from an example's seeds and its window to (noisy, clean)."""
    channels = pictures.arrays[0].shape[-1]
    paired = pictures.noisy is not None
    make_noise = build_noise(noise.kind)

    def finish(seeds: tf.Tensor, image: tf.Tensor) -> Example:
        noise_seed, rounding_seed, *own_seeds = tf.unstack(seeds)
        for op, own in zip(ops, own_seeds, strict=True):
            image = op(image, own)
        if paired:
            return image[..., :channels], image[..., channels:]
        noisy = make_noise(image, noise_seed)
        return quantize(noisy, rounding_seed, noise.quantize), image

    return finish
