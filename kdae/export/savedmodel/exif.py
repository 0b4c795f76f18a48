"""Reads and applies the EXIF orientation of a JPEG or PNG file inside a TensorFlow graph.

A camera stores the picture as the sensor gave it and an EXIF tag that says how to turn it. The
PNG result has no such tag, so the picture is turned. The layout of EXIF is that of CIPA DC-008
(Exif 2.32), section 4.5: a TIFF header, then a table of entries of 12 bytes, sorted by tag. In
a PNG file they are the chunk eXIf (Portable Network Graphics Specification, third edition,
section 11.3.5.4).
"""

import tensorflow as tf

_MARK = b"Exif\0\0"
_SEGMENT = 65536  # bytes of a JPEG segment; EXIF is the first segment
_TAG = 0x0112
_ENTRY = 12
_TABLE = 4  # where the TIFF header says where its first table is
# Where the chunks of a PNG file begin, and what each has beside its content: length, type and
# checksum.
_FIRST, _FRAME = 8, 12
_CHUNKS = 1 << 14  # a hostile file can have millions; encoders put 8 kB or more into one


def jpeg_orientation(file: tf.Tensor) -> tf.Tensor:
    """Returns how to turn the picture in a JPEG file, string [].

    Returns:
        int64 [], 1 to 8. It is 1 (upright) if the file names no orientation.
    """
    start = tf.strings.substr(file, 0, _SEGMENT)
    parts = tf.strings.split(start[tf.newaxis], _MARK, maxsplit=1).values
    return _orientation(tf.concat([parts[1:], [b""]], 0)[0])


def png_orientation(file: tf.Tensor) -> tf.Tensor:
    """Returns how to turn the picture in a PNG file, string [], as `jpeg_orientation` does.

    The chunk may stand before the pixels or behind them; it is looked for among the first
    `_CHUNKS`.
    """
    length = tf.cast(tf.strings.length(file), tf.int64)

    def step(at: tf.Tensor, exif: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = _number(_values(file, at, 4), tf.constant(False))
        is_exif = tf.equal(tf.strings.substr(file, at + 4, 4), b"eXIf")
        kept = tf.where(is_exif, tf.minimum(size, _SEGMENT), 0)
        return at + _FRAME + size, tf.strings.join(
            [exif, tf.strings.substr(file, at + 8, kept)]
        )

    _, exif = tf.while_loop(
        lambda at, exif: (at + _FRAME <= length) & tf.equal(tf.strings.length(exif), 0),
        step,
        (tf.constant(_FIRST, tf.int64), tf.constant(b"")),
        maximum_iterations=_CHUNKS,
    )
    return _orientation(exif)


def upright(samples: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """Turns a picture [H, W, C] upright, given its EXIF orientation, int64 []."""

    def when(turns: list[int], apply: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        chosen = tf.reduce_any(tf.equal(turn, tf.constant(turns, tf.int64)))
        return tf.cond(chosen, lambda: apply(image), lambda: image)

    samples = when([5, 6, 7, 8], lambda image: tf.transpose(image, [1, 0, 2]), samples)
    samples = when([3, 4, 7, 8], lambda image: image[::-1], samples)
    return when([2, 3, 6, 7], lambda image: image[:, ::-1], samples)


def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """Reads the orientation out of EXIF data, string []."""
    # Behind a picture without EXIF, or cut short, come zeros: an empty table.
    data = tf.strings.join([exif, b"\0" * 16])
    little = tf.equal(tf.strings.substr(data, 0, 2), b"II")
    length = tf.cast(tf.strings.length(data), tf.int64)
    table = tf.minimum(_number(_values(data, _TABLE, 4), little), length - 2)
    room = (length - table - 2) // _ENTRY
    count = tf.minimum(_number(_values(data, table, 2), little), room)
    entries = tf.reshape(_values(data, table + 2, count * _ENTRY), [-1, _ENTRY])
    found = tf.equal(_number(entries[:, :2], little), _TAG)
    turns = tf.boolean_mask(_number(entries[:, 8:10], little), found)
    turn = tf.concat([turns, [1]], 0)[0]
    return tf.where((turn >= 1) & (turn <= 8), turn, tf.constant(1, tf.int64))


def _values(data: tf.Tensor, start: tf.Tensor | int, count: tf.Tensor | int) -> tf.Tensor:
    """Returns bytes of a string as int64 [count]."""
    part = tf.strings.substr(data, tf.cast(start, tf.int64), tf.cast(count, tf.int64))
    return tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int64)


def _number(digits: tf.Tensor, little: tf.Tensor) -> tf.Tensor:
    """Reads bytes [..., n] as unsigned numbers [...]."""
    digits = tf.cond(little, lambda: tf.reverse(digits, [-1]), lambda: digits)
    places = tf.shape(digits)[-1]
    weights = tf.pow(tf.constant(256, tf.int64), tf.cast(tf.range(places), tf.int64))
    return tf.reduce_sum(digits * weights[::-1], axis=-1)
