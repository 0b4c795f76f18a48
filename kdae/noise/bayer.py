"""Bayer mosaics: what a sensor sees of a picture, and the interpolation of the rest."""

import numpy as np
import tensorflow as tf

_CELL = np.array([0, 1, 1, 2])  # the colours of a 2x2 cell of the mosaic, RGGB, row by row
_BAYER = np.eye(3, dtype=np.float32)[:, _CELL] * np.eye(4, dtype=np.float32)[:, np.newaxis]


def to_mosaic(
    image: tf.Tensor, down: tf.Tensor, right: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Keeps the values that a Bayer sensor sees, with a margin for `from_mosaic`.

    Args:
        image: `[H, W, 3]`.
        down: in [0, 1); below 0.5 the mosaic starts with its first row, else with its second.
        right: the same for columns.

    Returns:
        Cells of 2x2 pixels, `[h, w, 4]`, and the row and column of the image's first pixel in
        the demosaicked picture.
    """
    top, left = tf.cast(down * 2.0, tf.int32), tf.cast(right * 2.0, tf.int32)
    height, width = tf.unstack(tf.shape(image)[:2])
    # Two cells on each side, which the filters reach, rounded up to whole cells.
    pads = [[4 + top, 6 - top + height % 2], [4 + left, 6 - left + width % 2], [0, 0]]
    padded = tf.pad(image, pads, "SYMMETRIC")[tf.newaxis]
    cells = tf.nn.conv2d(padded, _BAYER.reshape(2, 2, 3, 4), 2, "VALID")[0]
    return cells, top, left


def _plain_filters() -> np.ndarray:
    """Makes filters from 5x5 cells to the four RGB pixels of the middle one.

    Returns:
        Float32 `[2, 5, 5, 4, 12]`: bilinear, and Malvar, He and Cutler, High-quality Linear
        Interpolation for Demosaicing of Bayer-patterned Color Images, 2004.
    """
    middle, sides, corners, far_sides = np.zeros((4, 5, 5), np.float32)
    middle[2, 2] = 1
    sides[2, [1, 3]] = 1
    corners[[1, 1, 3, 3], [1, 3, 1, 3]] = 1
    far_sides[2, [0, 4]] = 1
    cross, far = sides + sides.T, far_sides + far_sides.T
    beside = 5 * middle + 4 * sides - corners - far_sides + 0.5 * far_sides.T
    # How a pixel's colour is estimated: it is the pixel's own; green at red or blue; a colour
    # of the pixels to the left and right; of those above and below; of those at the corners.
    bilinear = [8 * middle, 2 * cross, 4 * sides, 4 * sides.T, 2 * corners]
    malvar = [
        8 * middle,
        4 * middle + 2 * cross - far,
        beside,
        beside.T,
        6 * middle + 2 * corners - 1.5 * far,
    ]
    sources = [[[0, 1, 4], [2, 0, 3]], [[3, 0, 2], [4, 1, 0]]]  # row, column, colour
    filters = np.zeros((2, 2, 2, 3, 10, 10), np.float32)
    for row, column, colour in np.ndindex(2, 2, 3):
        for kind, five in enumerate((bilinear, malvar)):
            window = filters[kind, row, column, colour, row + 2 :, column + 2 :]
            window[:5, :5] = five[sources[row][column][colour]] / 8
    return np.stack([_by_cells(kind) for kind in filters])


def _difference_filters() -> np.ndarray:
    """Makes filters from 5x5 cells to the four RGB pixels of the middle one.

    Returns:
        Float32 `[5, 5, 4, 12]`: Hamilton and Adams, Adaptive color plane interpolation in
        single sensor color electronic camera (US patent 5,629,734), 1997, with the mean of
        both directions everywhere.
    """
    colours = np.tile(_CELL.reshape(2, 2), (5, 5))

    def mean(*places: tuple[int, int]) -> np.ndarray:
        weights = np.zeros((10, 10), np.float32)
        weights[tuple(np.transpose(places))] = 1 / len(places)
        return weights

    def green(y: int, x: int) -> np.ndarray:
        if colours[y, x] == 1:
            return mean((y, x))
        near, far = (mean((y - by, x), (y + by, x), (y, x - by), (y, x + by)) for by in (1, 2))
        return near + 0.5 * (mean((y, x)) - far)

    def estimate(y: int, x: int, colour: int) -> np.ndarray:
        """The pixel's own value, or green and the mean difference of those around it."""
        if colours[y, x] == colour:
            return mean((y, x))
        around = [(v, u) for v in (y - 1, y, y + 1) for u in (x - 1, x, x + 1)]
        known = [place for place in around if colours[place] == colour]
        return green(y, x) + mean(*known) - np.mean([green(*place) for place in known], 0)

    filters = np.zeros((2, 2, 3, 10, 10), np.float32)
    for row, column, colour in np.ndindex(2, 2, 3):
        y, x = 4 + row, 4 + column
        filters[row, column, colour] = green(y, x) if colour == 1 else estimate(y, x, colour)
    return _by_cells(filters)


def _by_cells(filters: np.ndarray) -> np.ndarray:
    """From weights of pixels `[2, 2, 3, 10, 10]` to those of cells `[5, 5, 4, 12]`."""
    cells = filters.reshape(12, 5, 2, 5, 2).transpose(1, 3, 2, 4, 0)
    return cells.reshape(5, 5, 4, 12)


_BILINEAR, _MALVAR = _plain_filters()
_DIFFERENCES = _difference_filters()


def from_mosaic(
    cells: tf.Tensor, detail: tf.Tensor | float, by_difference: tf.Tensor | bool
) -> tf.Tensor:
    """Interpolates `[h, w, 4]` to `[2h - 8, 2w - 8, 3]`.

    Args:
        cells: The cells of the mosaic.
        detail: 0 bilinear, 1 Malvar, values between a mixture.
        by_difference: Whether to interpolate colour differences instead.
    """
    plain = _BILINEAR + detail * (_MALVAR - _BILINEAR)
    filters = tf.where(by_difference, _DIFFERENCES, plain)
    pixels = tf.nn.conv2d(cells[tf.newaxis], filters, 1, "VALID")
    return tf.nn.depth_to_space(pixels, 2)[0]
