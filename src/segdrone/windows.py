"""The grid of windows over an image: training tiles and inference share it."""

from __future__ import annotations

import math
from typing import NamedTuple

Size = tuple[int, int]


class Window(NamedTuple):
    """A rectangle of pixels; `image[window.rows, window.columns]` cuts it out."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """The rows the window covers."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The columns the window covers."""
        return slice(self.left, self.left + self.width)


def grid(image_size: Size, window_size: Size, stride: Size) -> list[Window]:
    """Returns windows that cover every pixel of an image, row by row.

    All windows have `window_size`; those at the lower and right edge are pulled inside, so they
    overlap their neighbours instead of hanging over. Along a side where the image is smaller than
    the window there is one window, which hangs over: the caller pads.

    Args:
        image_size: Height and width of the image in pixels.
        window_size: Height and width of a window in pixels.
        stride: Rows and columns from one window to the next, 1 to `window_size`.

    Raises:
        ValueError: A size is below 1, or the stride would leave pixels uncovered.
    """
    if min(*image_size, *window_size, *stride) < 1 or stride[0] > window_size[0] or stride[1] > window_size[1]:
        raise ValueError(
            f"cannot cover an image of {image_size} by windows of {window_size} at stride {stride}: "
            "sizes and stride must be at least 1 and the stride at most the window"
        )
    tops = _starts(image_size[0], window_size[0], stride[0])
    lefts = _starts(image_size[1], window_size[1], stride[1])
    return [Window(top, left, *window_size) for top in tops for left in lefts]


def even_stride(length: int, window: int, overlap: int, step: int = 1) -> int:
    """Returns the stride at which windows that overlap lie evenly along a side.

    `grid` pulls its last window inside; at this stride it overlaps its neighbour about as much as the
    others do theirs, and there are no more windows than at the largest stride.

    Args:
        length: The side in pixels.
        window: A window's side in pixels.
        overlap: Pixels that neighbours share at least, 0 to `window - 1`.
        step: What the stride is a multiple of, where the overlap leaves room for one: windows that
            start at multiples of a network's stride see the same of its coarse grid as the whole.
    """
    most = window - overlap
    step = step if step <= most else 1
    most -= most % step
    gaps = max(1, math.ceil((length - window) / most))
    return max(step, step * math.ceil((length - window) / gaps / step))


def proportional_size(size: Size, area_of: Size) -> Size:
    """Returns `size` resized, proportions kept, to as many pixels as `area_of` has.

    Training, validation, evaluation and prediction see whole photographs at this size, so that they agree on the
    scale whatever the photograph's shape.

    Args:
        size: Height and width of a photograph in pixels.
        area_of: Height and width whose product is aimed at.

    Example:
        >>> proportional_size((4000, 6000), area_of=(704, 1056)), proportional_size((6000, 4000), area_of=(704, 1056))
        ((704, 1056), (1056, 704))
    """
    scale = math.sqrt(math.prod(area_of) / math.prod(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _starts(length: int, window: int, stride: int) -> list[int]:
    last = max(length - window, 0)
    return [*range(0, last, stride), last]
