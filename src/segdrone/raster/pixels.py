"""Resize images and masks, and count their values and pairs of values."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size

INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
_EXACT = 2**23  # pixels: OpenCV counts in float32, which is exact up to 2**24


Ids = TypeVar("Ids", np.uint8, np.uint16)


def resize_image(image: NDArray[np.uint8], size: Size, interpolation: str) -> NDArray[np.uint8]:
    """Resizes an image, uint8 `[H, W, 3]`, to `size` (height, width) by one of `INTERPOLATIONS`."""
    return np.asarray(cv2.resize(image, size[::-1], interpolation=INTERPOLATIONS[interpolation]), np.uint8)


def resize_mask(mask: NDArray[Ids], size: Size, interpolation: str = "area") -> NDArray[Ids]:
    """Resizes a mask, uint8 or uint16 `[H, W]`, to `size` (height, width), to fit an image resized by `interpolation`.

    Ids cannot be averaged, so each pixel takes the id of one old pixel: the one in the middle of the area it covers.
    With `nearest` it is the upper left one, as OpenCV's nearest (which the tutorial uses) takes that of the image.

    Example:
        >>> resize_mask(np.array([[1, 2, 3]], np.uint8), (1, 1)).tolist()
        [[2]]
        >>> resize_mask(np.array([[1, 2, 3]], np.uint8), (1, 1), "nearest").tolist()
        [[1]]
    """
    nearest = cv2.INTER_NEAREST if interpolation == "nearest" else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=nearest), mask.dtype)


def nearest_index(old: int, new: int) -> NDArray[np.intp]:
    """Returns for each pixel along a resized side of a mask the pixel whose id `resize_mask` gives it, intp `[new]`.

    Args:
        old: Length of the side before, in pixels.
        new: Its length after.

    Example:
        >>> nearest_index(3, 6).tolist()
        [0, 0, 1, 1, 2, 2]
    """
    places = np.arange(old, dtype=np.float32)[None]
    return np.asarray(cv2.resize(places, (new, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0], np.intp)


def count_values(pixels: NDArray[np.uint8], channel: int = 0) -> NDArray[np.int64]:
    """Returns the number of pixels of each value: int64 `[256]`.

    Args:
        pixels: A mask, uint8 `[H, W]`, or an image, uint8 `[H, W, C]`.
        channel: The channel of an image to count.

    Example:
        >>> count_values(np.array([[0, 2], [2, 2]], np.uint8))[:3].tolist()
        [1, 0, 3]
    """
    counts = np.zeros(256, np.int64)
    for rows in np.array_split(pixels, 1 + pixels.size // _EXACT):
        counts += cv2.calcHist([rows], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def joint_histogram(
    first: NDArray[np.uint8], second: NDArray[np.uint8], where: NDArray[np.uint8] | None = None
) -> NDArray[np.int64]:
    """Counts each pair of values that two masks have at the same pixel.

    Args:
        first: uint8 `[H, W]`, the row of each pixel.
        second: uint8 `[H, W]`, the column of each pixel.
        where: uint8 `[H, W]`, pixels to count: those that are not 0. None counts all.

    Returns:
        int64 `[256, 256]`.

    Example:
        >>> truth, prediction = np.array([[0, 0, 1]], np.uint8), np.array([[0, 1, 1]], np.uint8)
        >>> joint_histogram(truth, prediction)[:2, :2]
        array([[1, 1],
               [0, 1]])
    """
    total = np.zeros((256, 256), np.int64)
    rows = max(1, _EXACT // first.shape[1])
    for top in range(0, len(first), rows):
        chunk = slice(top, top + rows)
        counted = None if where is None else where[chunk]
        histogram = cv2.calcHist([first[chunk], second[chunk]], [0, 1], counted, [256, 256], [0, 256, 0, 256])
        total += histogram.astype(np.int64)
    return total
