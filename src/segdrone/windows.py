"""Place windows over an image; training tiles and inference use the same grid."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

Size = tuple[int, int]
"""Height and width, in pixels."""


class Window(NamedTuple):
    """A rectangle of pixels; `image[window.rows, window.columns]` crops it.

    Example:
        >>> window = Window(top=10, left=20, height=2, width=3)
        >>> window.rows, window.columns
        (slice(10, 12, None), slice(20, 23, None))
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """Rows of the image that the window covers."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Columns of the image that the window covers."""
        return slice(self.left, self.left + self.width)

    def check_inside(self, size: Size) -> None:
        """Checks that the window is inside an image of a height and a width.

        Raises:
            ValueError: It is not.
        """
        bottom, right = self.top + self.height, self.left + self.width
        if not (0 <= self.top <= bottom <= size[0] and 0 <= self.left <= right <= size[1]):
            raise ValueError(f"{self} is not inside an image of {size[0]} x {size[1]} pixels")


def grid(image_size: Size, window_size: Size, stride: Size) -> list[Window]:
    """Returns windows that cover every pixel of an image, row by row.

    All windows have `window_size`. The last ones of a side are moved inside the image, so they overlap their neighbors
    by more than the others do. Along a side where the image is smaller than the window there is one window, which
    extends beyond the image: the caller pads.

    Args:
        image_size: Height and width of the image in pixels.
        window_size: Height and width of a window in pixels.
        stride: Rows and columns from one window to the next, 1 to `window_size`.

    Raises:
        ValueError: A size is below 1, or the stride would leave pixels uncovered.

    Example:
        >>> [window.left for window in grid((4, 10), window_size=(4, 4), stride=(4, 4))]
        [0, 4, 6]
    """
    if min(*image_size, *window_size, *stride) < 1 or stride[0] > window_size[0] or stride[1] > window_size[1]:
        raise ValueError(
            f"cannot cover an image of {image_size} by windows of {window_size} at stride {stride}: "
            "sizes and stride must be at least 1 and the stride at most the window"
        )
    tops = _starts(image_size[0], window_size[0], stride[0])
    lefts = _starts(image_size[1], window_size[1], stride[1])
    return [Window(top, left, *window_size) for top in tops for left in lefts]


def part_starts(length: int, parts: int) -> list[int]:
    """Returns where the parts of a side begin that is divided into parts of equal length, or of one pixel more.

    Example:
        >>> part_starts(10, 3)
        [0, 3, 6]
    """
    return [i * length // parts for i in range(parts)]


def divide(size: Size, largest: Size) -> list[Window]:
    """Divides an image into windows without overlap, row by row: as few as there can be, and about equally large.

    Args:
        size: Height and width of the image in pixels.
        largest: Largest height and width of a window.

    Example:
        >>> divide((4, 10), (4, 8))
        [Window(top=0, left=0, height=4, width=5), Window(top=0, left=5, height=4, width=5)]
    """
    rows, columns = (
        [*part_starts(length, -(-length // most)), length] for length, most in zip(size, largest, strict=True)
    )
    return [
        Window(top, left, bottom - top, right - left)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def even_stride(length: int, window: int, overlap: int, step: int = 1) -> int:
    """Returns the stride that spaces overlapping windows evenly along a side.

    `grid` moves its last window inside the image. At this stride it overlaps its neighbor about as much as the other
    windows overlap theirs, and there are no more windows than at the largest stride that the overlap allows.

    Args:
        length: Length of the side in pixels.
        window: Length of a window's side in pixels.
        overlap: Smallest overlap of neighbors in pixels, 0 to `window - 1`.
        step: The stride is a multiple of this number, if the overlap leaves room: windows that start at multiples of
            a network's stride share the cells of its feature maps with the full image.

    Example:
        >>> [window.left for window in grid((1, 100), (1, 40), (1, 40 - 8))]
        [0, 32, 60]
        >>> [window.left for window in grid((1, 100), (1, 40), (1, even_stride(100, 40, overlap=8)))]
        [0, 30, 60]
    """
    largest = window - overlap
    step = step if step <= largest else 1
    largest -= largest % step
    gaps = max(1, math.ceil((length - window) / largest))
    return max(step, step * math.ceil((length - window) / gaps / step))


def proportional_size(size: Size, area_of: Size) -> Size:
    """Returns `size` resized, with its aspect ratio, to as many pixels as `area_of` has.

    Training, validation, evaluation and prediction resize full photographs to this size, so that they agree on the
    scale for photographs of every shape.

    Args:
        size: Height and width of a photograph in pixels.
        area_of: Height and width whose product is the number of pixels to reach.

    Example:
        >>> proportional_size((4000, 6000), area_of=(704, 1056)), proportional_size((6000, 4000), area_of=(704, 1056))
        ((704, 1056), (1056, 704))
    """
    scale = math.sqrt(math.prod(area_of) / math.prod(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _starts(length: int, window: int, stride: int) -> list[int]:
    last = max(length - window, 0)
    return [*range(0, last, stride), last]
