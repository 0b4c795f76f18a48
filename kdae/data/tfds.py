"""Reads pictures from TensorFlow Datasets, and never waits for a network that is not there."""

import contextlib
import logging
import os
import re
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kdae.data.splits import choose_examples
from kdae.errors import UserError, did_you_mean, first_line

# Image features in order of preference; `hr` is the full picture of super-resolution sets.
_IMAGE_FEATURES = ("image", "hr", "clean")
_NAME_FEATURES = ("name", "file_name", "filename", "image/filename", "id", "image/id")
_NETWORK_HOST = ("storage.googleapis.com", 443)  # where TFDS itself keeps its data
_NETWORK_SECONDS = 5.0


@dataclass(frozen=True)
class Entry:
    """One picture of a data set: `pixels` is uint8 or uint16 `[H, W, 1 or 3]`."""

    name: str
    license: str
    pixels: np.ndarray


def find_builder(name: str, data_dir: str | os.PathLike[str] | None) -> Any:
    """Finds a data set by name, and downloads and prepares it if it is not there.

    Args:
        name: as for `tfds.load`: "div2k", "imagenette/320px", "dtd:3.0.1".
        data_dir: folder of TFDS; default: TFDS_DATA_DIR of the environment, else TFDS's own.

    Returns:
        A `tfds.core.DatasetBuilder` whose data is prepared.

    Raises:
        UserError: there is no such data set, or it is not prepared and there is no network
            (both are found out within seconds), or its download fails.
    """
    import tensorflow_datasets as tfds  # takes seconds to import

    if not re.fullmatch(r"\w+(/[^:]+)?(:[\w.*]+)?", name):
        raise UserError(f"data set tfds:{name}: expected tfds:NAME, NAME as for tfds.load")
    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
    base = re.split(r"[/:]", name)[0]
    # TFDS would look for unknown names on the network, for minutes.
    known = set(tfds.list_builders(with_community_datasets=False))
    try:
        with quiet_tfds():
            if base in known:
                builder = tfds.builder(name, data_dir=data_dir)
            else:
                from_files = tfds.core.read_only_builder.builder_from_files
                builder = from_files(name, data_dir=data_dir)
            if builder.is_prepared():
                return builder
    except tfds.core.DatasetNotFoundError:
        hint = did_you_mean(base, sorted(known))
        raise UserError(f"data set tfds:{name}: TFDS has none of this name{hint}") from None
    except (ValueError, AssertionError) as error:
        raise UserError(f"data set tfds:{name}: {_about_config(base, error)}") from error
    if not has_network():
        raise UserError(
            f"data set tfds:{name} is not in {data_dir}, and there is no network to download "
            f"it; prepare it with `tfds build {name}` where there is one, and copy the folder"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:
        # Any exception: those of the data set's own code, of the network and of the disk.
        raise UserError(
            f"data set tfds:{name} cannot be prepared: {first_line(error)}"
        ) from error
    return builder


def read_entries(builder: Any, split: str) -> Iterator[Entry]:
    """Reads the pictures of a split, in a fixed order.

    Args:
        builder: from `find_builder`.
        split: "train", "validation" or "test"; for data sets without all three see
            `kdae.data.splits.choose_examples`.

    Yields:
        The pictures, with name and licence.

    Raises:
        UserError: the data set has no 8-bit or 16-bit pictures, or they cannot be read.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = builder.info.features
    image = _image_feature(builder)
    texts = [key for key in ("license", *_NAME_FEATURES) if _is_text(features, key)]
    own_split, chosen = choose_examples(
        {key: info.num_examples for key, info in builder.info.splits.items()}, split
    )
    wanted = np.zeros(builder.info.splits[own_split].num_examples, bool)
    wanted[chosen] = True
    mask = tf.constant(wanted)
    with quiet_tfds():
        examples = builder.as_dataset(
            split=own_split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(
                [image, *texts], decoders={image: tfds.decode.SkipDecoding()}
            ),
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
        examples = examples.enumerate().filter(lambda place, _: mask[place])
        # Filtered first, so that only the chosen pictures are decoded.
        examples = examples.map(
            lambda place, example: (
                place,
                {**example, image: features[image].decode_example(example[image])},
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    general = getattr(builder.info.redistribution_info, "license", "") or "unknown"
    try:
        for place, example in examples.as_numpy_iterator():
            found = [example[key].decode() for key in texts if key != "license"]
            pixels = example[image]
            yield Entry(
                name=found[0] if found else f"{builder.name} {own_split} {place}",
                license=example["license"].decode() if "license" in texts else general,
                pixels=pixels if pixels.shape[-1] in (1, 3) else pixels[..., :3],
            )
    except tf.errors.OpError as error:
        raise UserError(f"data set {builder.name}: {first_line(error)}") from error


@contextlib.contextmanager
def quiet_tfds() -> Iterator[None]:
    """Hides the warnings that TFDS prints about itself."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def has_network() -> bool:
    """Tells within 5 s whether the host of TFDS, or the proxy before it, can be reached."""
    host, port = _NETWORK_HOST
    proxy = urllib.request.getproxies().get("https")
    if proxy:
        parts = urllib.parse.urlsplit(proxy)
        host, port = parts.hostname or host, parts.port or 80
    reached = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=_NETWORK_SECONDS).close()
        except OSError:
            return
        reached.set()

    # In a thread, as a look-up of a host's name has no time limit.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_NETWORK_SECONDS)
    return reached.is_set()


def _image_feature(builder: Any) -> str:
    import tensorflow_datasets as tfds

    images = {
        key: feature
        for key, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Image)
        and feature.np_dtype in (np.uint8, np.uint16)
    }
    for key in (*_IMAGE_FEATURES, *images):
        if key in images:
            return key
    has = ", ".join(builder.info.features)
    raise UserError(f"data set {builder.name}: none of its features ({has}) is a picture")


def _about_config(base: str, error: Exception) -> str:
    import tensorflow_datasets as tfds

    if "BuilderConfig" not in str(error):
        return first_line(error)
    return f"expected one of {', '.join(tfds.builder_cls(base).builder_configs)} behind the /"


def _is_text(features: Any, key: str) -> bool:
    import tensorflow_datasets as tfds

    return key in features and isinstance(features[key], tfds.features.Text)
