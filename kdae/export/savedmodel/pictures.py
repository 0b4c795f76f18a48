"""Checks, decodes and encodes PNG and JPEG files inside a TensorFlow graph.

The size of a picture is read from the header of its file and checked before anything is
decoded, because a file of a few kilobytes can claim to hold gigapixels.
"""

from typing import NamedTuple

import tensorflow as tf

from kdae.export.savedmodel.exif import jpeg_orientation, png_orientation, upright

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Offsets in a PNG file, whose first chunk is always IHDR, and the length of that head.
_TYPE, _WIDTH, _HEIGHT, _DEPTH, _COLOUR_TYPE, _HEAD = 12, 16, 20, 24, 25, 33
_PALETTE = 3  # grey is 0, RGB 2, palette 3, grey with alpha 4, RGB with alpha 6


class GraphPicture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: Colours, float32 [H, W, 1 or 3] in [0, 1].
        alpha: Opacity, float32 [H, W, 0 or 1] in [0, 1].
        deep: Whether the file has 16 bits per value, bool [].
    """

    pixels: tf.Tensor
    alpha: tf.Tensor
    deep: tf.Tensor


def decode(file: tf.Tensor, index: tf.Tensor, max_pixels: int) -> GraphPicture:
    """Decodes one file. It keeps 16 bits and alpha, and applies the EXIF orientation.

    Args:
        file: A PNG or JPEG file, string [].
        index: The place of the picture in its batch, for error messages, int32 [].
        max_pixels: The number of pixels of the largest picture that is decoded.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if the file is neither PNG nor
            JPEG, is too large, or is broken.
    """
    where = tf.strings.format("image_bytes[{}]: ", index)
    head = tf.strings.join([tf.strings.substr(file, 0, _HEAD), b"\0" * _HEAD])
    is_png = (_bytes(head, 0, 8) == _PNG) & (_bytes(head, _TYPE, 4) == b"IHDR")
    is_jpeg = _bytes(head, 0, 3) == _JPEG
    known = tf.debugging.Assert(
        is_png | is_jpeg, [where + "expected a PNG or JPEG file, got something else"]
    )
    with tf.control_dependencies([known]):
        height, width = tf.cond(
            is_png,
            lambda: (_number(head, _HEIGHT), _number(head, _WIDTH)),
            lambda: tuple(tf.unstack(tf.cast(tf.io.extract_jpeg_shape(file)[:2], tf.int64))),
        )
    # The check divides, because the product of the sizes that a file claims may overflow.
    small = tf.debugging.Assert(
        height <= max_pixels // tf.maximum(width, 1),
        [where + f"more than the {max_pixels} pixels that are accepted:", width, "x", height],
    )
    with tf.control_dependencies([small]):
        file = tf.identity(file)
    deep = is_png & tf.equal(_number(head, _DEPTH, 1), 16)
    # The rounding of the cosine transform that Pillow has; the fast one is up to 5 levels off.
    jpeg = {"dct_method": "INTEGER_ACCURATE"}
    samples = tf.cond(
        deep,
        lambda: tf.cast(_decode_png(file, head, tf.uint16), tf.float32) / 65535.0,
        lambda: (
            tf.cast(
                tf.cond(
                    is_png,
                    lambda: _decode_png(file, head, tf.uint8),
                    lambda: tf.io.decode_jpeg(file, **jpeg),
                ),
                tf.float32,
            )
            / 255.0
        ),
    )
    turn = tf.cond(is_png, lambda: png_orientation(file), lambda: jpeg_orientation(file))
    samples = upright(samples, turn)
    channels = tf.shape(samples)[2]
    colours = channels - 1 + channels % 2
    return GraphPicture(samples[..., :colours], samples[..., colours:], deep)


def encode(picture: GraphPicture) -> tf.Tensor:
    """Clips and rounds a picture and encodes it as PNG with 8 or 16 bits, string []."""
    samples = tf.clip_by_value(tf.concat([picture.pixels, picture.alpha], axis=-1), 0.0, 1.0)
    return tf.cond(
        picture.deep,
        lambda: tf.io.encode_png(tf.cast(tf.round(samples * 65535.0), tf.uint16)),
        lambda: tf.io.encode_png(tf.cast(tf.round(samples * 255.0), tf.uint8)),
    )


def _decode_png(file: tf.Tensor, head: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Decodes all channels of a PNG file, and an alpha channel if it has a tRNS chunk."""
    before_pixels = tf.strings.split(file[tf.newaxis], "IDAT", maxsplit=1).values[0]
    keyed = tf.strings.regex_full_match(before_pixels, rb"(?s)\C*tRNS\C*")
    plain = _number(head, _COLOUR_TYPE, 1) < _PALETTE  # TensorFlow handles a palette by itself
    return tf.cond(
        keyed & plain,
        lambda: tf.io.decode_png(file, channels=4, dtype=dtype),
        lambda: tf.io.decode_png(file, dtype=dtype),
    )


def _bytes(data: tf.Tensor, start: int, count: int) -> tf.Tensor:
    return tf.strings.substr(data, start, count)


def _number(data: tf.Tensor, start: int, count: int = 4) -> tf.Tensor:
    """Reads an unsigned big-endian number as int64."""
    digits = tf.cast(tf.io.decode_raw(_bytes(data, start, count), tf.uint8), tf.int64)
    digits = tf.ensure_shape(digits, [count])
    return tf.reduce_sum(digits * [256**power for power in reversed(range(count))])
