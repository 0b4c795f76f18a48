"""Makes batches of examples out of pictures: (noisy, clean), or from noisy pictures alone.

Everything random in an example is drawn from (seed, step, place in the batch), and no state
is kept. The same config and seed therefore give the same bits for any number of parallel
calls, and a run resumed at step s trains on what an uninterrupted one would have.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from kdae.data.alone import WITH_CLEAN, Supervision, alone_example
from kdae.data.augment import (
    enlarge,
    exposure,
    flip_left_right,
    flip_up_down,
    mirror,
    quarter_turn,
    stripes,
    vivid,
)
from kdae.data.config import AugmentConfig
from kdae.data.crops import window_drawer, window_reader
from kdae.data.patterns import patterns
from kdae.data.sources import Pictures
from kdae.draws import uniform
from kdae.noise import NoiseConfig, NoiseSpec, build_noise, luma, quantize

Example = tuple[Any, Any]
"""A noisy and a clean picture of the same shape, float32: tensors or arrays. The clean one is
in [0, 1]; the noisy one may reach beyond."""
Learned = tuple[Any, ...]
"""What is learned from: an `Example`, or what `kdae.data.alone.alone_example` makes."""
Op = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def training_batches(
    pictures: Pictures,
    noise: NoiseConfig,
    augment: AugmentConfig,
    *,
    batch: int,
    patch: int,
    seed: int,
    steps: range,
    supervision: Supervision = WITH_CLEAN,
    places: range | None = None,
    parallel: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Makes the batches of the given steps.

    Pictures are drawn in proportion to their area, so that every pixel of the data set is
    equally likely. Of several random windows of a picture the one with the most detail is
    taken. Pairs keep their own noise; their two pictures are cropped and flipped alike.

    Args:
        pictures: from `load_pictures`.
        noise: the noise put on clean pictures; not used for pairs.
        augment: how windows are chosen, and which random changes follow. Pairs are never
            halved, enlarged, made vivid or given patterns, as that would change their noise.
        batch: number of examples per step.
        patch: side of the square crop in pixels.
        seed: seed of the run.
        steps: global steps, counted from 0; element i of the result belongs to `steps[i]`.
        supervision: what is learned from.
        places: the consecutive places of each batch to make; default: all.
        parallel: how many examples are made at once; has no effect on the bits.

    Returns:
        A data set of (noisy, clean), each float32 `[len(places), patch, patch, channels]`;
        clean is in [0, 1], noisy is not clipped. Without a clean picture, batches of what
        `kdae.data.alone.alone_example` returns.
    """
    places = range(batch) if places is None else places
    share = len(places)
    ops = _augmentations(augment, pictures, supervision)
    draw = window_drawer(pictures, augment, batch, patch, seed, 4 + len(ops))
    read = window_reader(pictures, patch)
    finish = _example_finisher(pictures, noise, ops, augment.mirrored, supervision)

    def window(count: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return draw(count // share * batch + places.start + count % share)

    # None of the functions needs AutoGraph, which would take seconds to translate their source.
    plain = tf.autograph.experimental.do_not_convert
    # Pictures are read a batch at a time, because a call of Python from the graph costs more
    # than everything else that an example needs.
    return (
        tf.data.Dataset.range(steps.start * share, steps.stop * share)
        .map(plain(window), num_parallel_calls=parallel, deterministic=True)
        .batch(share, drop_remainder=True)
        .map(plain(read), num_parallel_calls=parallel, deterministic=True)
        .unbatch()
        .map(plain(finish), num_parallel_calls=parallel, deterministic=True)
        .batch(share, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def shared_batches(
    strategy: tf.distribute.Strategy, batch: int, make: Callable[..., tf.data.Dataset]
) -> Iterable[Any]:
    """Shares batches among all replicas of `strategy`.

    Every worker makes its own places of a batch, and every replica takes its own of those.
    The batches therefore do not depend on the number of workers and replicas.

    Args:
        strategy: the devices.
        batch: number of examples per step, over all replicas.
        make: `training_batches` with all arguments but `places`.

    Returns:
        A distributed data set of what `make` returns.
    """

    def of_this_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        share = batch // context.num_input_pipelines
        first = context.input_pipeline_id * share
        per_replica = batch // context.num_replicas_in_sync
        return make(places=range(first, first + share)).rebatch(per_replica)

    batches: Iterable[Any] = strategy.distribute_datasets_from_function(of_this_worker)
    return batches


def validation_batches(
    pictures: Pictures,
    noise: NoiseSpec,
    *,
    patch: int,
    seed: int,
    limit: int,
    multiple: int,
    supervision: Supervision = WITH_CLEAN,
) -> list[Learned]:
    """Cuts the middle out of each picture, with draws that depend on (seed, picture) alone.

    Args:
        pictures: held-out pictures, or pairs.
        noise: a spec, see `kdae.noise.spec`; not used for pairs.
        patch: largest height and width of the middle, in pixels.
        seed: seed of the run.
        limit: largest number of pictures; they are spread evenly over all.
        multiple: heights and widths are cut to multiples of this number of pixels.
        supervision: as for `training_batches`.

    Returns:
        For each picture a batch of one, as from `training_batches`; (noisy, clean) are each
        float32 `[1, h, w, channels]`.
    """
    make_noise = build_noise(noise)
    count = min(limit, len(pictures))
    examples: list[Learned] = []
    for index in np.linspace(0, len(pictures) - 1, count).round().astype(int):
        pair = [pictures.arrays[index]]
        if pictures.noisy is not None:
            pair.insert(0, pictures.noisy[index])
        h, w = (min(side, patch) // multiple * multiple for side in pair[0].shape[:2])
        y, x = (pair[0].shape[0] - h) // 2, (pair[0].shape[1] - w) // 2
        cut = [tf.constant(pictures.to_float(array[y : y + h, x : x + w])) for array in pair]
        # Negative, so that no training step shares a seed with a picture.
        key = tf.constant([seed, -1 - int(index)], tf.int64)
        example: Learned = tuple(cut)
        if supervision.alone:
            example = alone_example(tf.concat(cut, -1), key, supervision)
        elif len(cut) == 1:
            example = make_noise(cut[0], key), cut[0]
        examples.append(tuple(part[tf.newaxis] for part in example))
    return examples


def _augmentations(
    config: AugmentConfig, pictures: Pictures, supervision: Supervision
) -> list[Op]:
    """Returns what is done to a window, in this order."""
    # A turn would turn noise that is correlated along rows or columns.
    high, wide = supervision.blind_mask
    both: list[tuple[Op, bool]] = [
        (flip_left_right, config.flip_left_right),
        (flip_up_down, config.flip_up_down),
        (quarter_turn, config.quarter_turns and high == wide),
        (functools.partial(exposure, stops=config.exposure), config.exposure > 0),
        (functools.partial(stripes, share=config.stripes), config.stripes > 0),
    ]
    # These would change the noise of a noisy picture.
    clean_alone: list[tuple[Op, bool]] = [
        (functools.partial(enlarge, share=config.enlarged), config.enlarged > 0),
        (functools.partial(vivid, share=config.vivid), config.vivid > 0),
        (functools.partial(patterns, share=config.patterns), config.patterns > 0),
    ]
    noisy = supervision.alone or pictures.noisy is not None
    return [op for op, wanted in (both if noisy else both + clean_alone) if wanted]


def _example_finisher(
    pictures: Pictures,
    noise: NoiseConfig,
    ops: list[Op],
    mirrored: float,
    supervision: Supervision,
) -> Callable[[tf.Tensor, tf.Tensor], Learned]:
    """Returns a function from an example's seeds and its window to the example."""
    channels = pictures.arrays[0].shape[-1]
    paired = pictures.noisy is not None
    make_noise = build_noise(noise.kind)

    def finish(seeds: tf.Tensor, image: tf.Tensor) -> Learned:
        noise_seed, rounding_seed, *own_seeds, grey_seed, mirror_seed = tf.unstack(seeds)
        for op, own in zip(ops, own_seeds, strict=True):
            image = op(image, own)
        if supervision.alone:
            return alone_example(image, noise_seed, supervision)

        def with_noise(clean: tf.Tensor) -> tf.Tensor:
            noisy = quantize(make_noise(clean, noise_seed), rounding_seed, noise.quantize)
            return tf.concat([noisy, clean], -1)

        def grey() -> tf.Tensor:
            return tf.repeat(with_noise(luma(image)), channels, -1)

        if paired:
            pair = image
        elif noise.grey > 0 and channels > 1:
            is_grey = uniform(grey_seed, []) < noise.grey
            pair = tf.cond(is_grey, grey, lambda: with_noise(image))
            pair = tf.ensure_shape(pair, [*image.shape[:2], 2 * channels])
        else:
            pair = with_noise(image)
        if mirrored > 0:
            pair = mirror(pair, mirror_seed, mirrored)
        return pair[..., :channels], pair[..., channels:]

    return finish
