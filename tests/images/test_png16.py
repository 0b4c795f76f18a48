"""PNG of 16 bits: the same samples as TensorFlow gives, bit for bit, both ways."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kdae.images import Picture, decode, encode, read_image, write_image
from tests.images.samples import ALPHA16, RGB16, same, with_alpha

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# First x and y, then steps in x and y.
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def png(samples: np.ndarray, interlaced: bool = False, transparent: bytes = b"") -> bytes:
    """A PNG file, written here so that no library decides what is in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        framed = kind + data
        return struct.pack(">I", len(data)) + framed + struct.pack(">I", zlib.crc32(framed))

    height, width, channels = samples.shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = [
        b"\0" + row.astype(">u2").tobytes()
        for x, y, across, down in passes
        for row in samples[y::down, x::across]
        if row.size
    ]
    header = struct.pack(
        ">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, interlaced
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"tRNS", transparent) if transparent else b"")
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_samples_are_those_of_tensorflow(tmp_path: Path, channels: int) -> None:
    samples = with_alpha(RGB16, ALPHA16)[..., -channels:]
    theirs = tf.io.encode_png(samples).numpy()
    for data in (theirs, png(samples), png(samples, interlaced=True)):
        expected = tf.io.decode_png(data, dtype=tf.uint16).numpy()
        np.testing.assert_array_equal(expected, samples)
        np.testing.assert_array_equal(decode(data), expected)
        (tmp_path / "a.png").write_bytes(data)
        colour, alpha = (
            (samples, None) if channels % 2 else (samples[..., :-1], samples[..., -1])
        )
        same(read_image(tmp_path / "a.png"), colour, alpha)
    write_image(tmp_path / "b.png", Picture(colour, alpha, b"profile"))
    ours = (tmp_path / "b.png").read_bytes()
    np.testing.assert_array_equal(tf.io.decode_png(ours, dtype=tf.uint16).numpy(), samples)
    if alpha is None:
        ours = encode(samples)
        np.testing.assert_array_equal(tf.io.decode_png(ours, dtype=tf.uint16).numpy(), samples)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_becomes_alpha(channels: int) -> None:
    samples = RGB16[..., :channels]
    data = png(samples, transparent=samples[3, 4].astype(">u2").tobytes())
    alpha = np.where((samples == samples[3, 4]).all(-1, keepdims=True), 0, 65535)
    expected = np.concatenate([samples, alpha.astype(np.uint16)], -1)
    np.testing.assert_array_equal(decode(data), expected)
