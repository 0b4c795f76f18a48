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

from kdae import augment
from kdae.config import AugmentConfig, NoiseConfig, NoiseSpec
from kdae.images import to_float
from kdae.noise import build_noise, quantize
from kdae.ranges import split, uniform
from kdae.sources import Pictures

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
        pictures: from `kdae.sources`.
        noise: what is put on clean pictures; not used for pairs.
        flips: how many windows to choose from, which flips and turns, exposure, stripes.
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
    draw = _window_drawer(pictures, flips.windows, batch, patch, seed, 2 + len(ops))
    read = _window_reader(pictures, patch)
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


def _window_drawer(
    pictures: Pictures, windows: int, batch: int, patch: int, seed: int, left: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """A function from the global example number to what `_window_reader` reads.

    That is seeds [left, 2] for what is done to the window afterwards, the picture's number,
    and the corners [windows, 2] to choose from.
    """
    sizes = np.array([array.shape[:2] for array in pictures.arrays])
    areas = sizes.prod(axis=1, dtype=np.float64)
    shares = tf.constant(np.cumsum(areas) / areas.sum(), tf.float32)
    sizes_tensor = tf.constant(sizes, tf.int32)

    def draw(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        key = tf.stack([tf.constant(seed, tf.int64), number // batch])
        key = tf.random.experimental.stateless_fold_in(key, number % batch)
        which, where, *seeds = split(key, 2 + left)
        index = tf.searchsorted(shares, uniform(which, [1]), side="right")[0]
        index = tf.minimum(index, len(areas) - 1)
        height, width = tf.unstack(sizes_tensor[index])
        corners = [
            augment.crop_offset(own, height, width, patch) for own in split(where, windows)
        ]
        return tf.stack(seeds), index, tf.stack(corners)

    return draw


def _window_reader(
    pictures: Pictures, patch: int
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A function from a batch of what `_window_drawer` gives to its seeds and windows.

    The windows are float32 [batch, patch, patch, channels]; of pairs the noisy one's channels
    come first.
    """
    channels = pictures.arrays[0].shape[-1]
    layers = [pictures.arrays] if pictures.noisy is None else [pictures.noisy, pictures.arrays]

    def cut(index: int, corners: np.ndarray) -> np.ndarray:
        # Only the windows are read and made float: a picture may be large, or on disk.
        windows = [
            [to_float(layer[index][y : y + patch, x : x + patch]) for layer in layers]
            for y, x in corners
        ]
        # The last is the clean one of a pair.
        best = windows[0] if len(windows) == 1 else max(windows, key=lambda w: _detail(w[-1]))
        return np.concatenate(best, axis=-1)

    def cut_all(indices: np.ndarray, corners: np.ndarray) -> np.ndarray:
        return np.stack([cut(index, own) for index, own in zip(indices, corners, strict=True)])

    def read(
        seeds: tf.Tensor, indices: tf.Tensor, corners: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.numpy_function(cut_all, [indices, corners], tf.float32, stateful=False)
        return seeds, tf.ensure_shape(images, [None, patch, patch, channels * len(layers)])

    return read


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


def _detail(window: np.ndarray) -> float:
    """Mean size of what the four neighbours do not tell of a pixel."""
    middle = 4 * window[1:-1, 1:-1]
    neighbours = window[:-2, 1:-1] + window[2:, 1:-1] + window[1:-1, :-2] + window[1:-1, 2:]
    return float(np.abs(middle - neighbours).mean())
