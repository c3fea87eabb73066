"""Find shapes that cover no pixel of their photograph, such as those in other units than pixels."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from segdrone.annotations.shapes import AnnotatedImage, Shape
from segdrone.windows import Size

log = logging.getLogger(__name__)


@dataclass
class EmptyShapes:
    """Shapes that cover no pixel.

    Attributes:
        count: Their number.
        first: File and place of the first one.
    """

    count: int = 0
    first: str = ""

    def add(self, image: AnnotatedImage, size: Size) -> None:
        """Counts those of a photograph of `size`, in which they are drawn; tiles are left out."""
        for shape in () if image.tiles else image.shapes:
            if not may_cover(shape, size):
                self.count += 1
                self.first = self.first or shape.where

    def warn(self) -> None:
        """Warns of them, if there are any."""
        if self.count:
            log.warning(
                "%d shapes cover no pixel, %s first: they lie outside of their photographs, or are smaller than a "
                "pixel; if they are not so in the tool, its export has other units than pixels, or is of photographs "
                "of another size",
                self.count, self.first,
            )  # fmt: skip


def may_cover(shape: Shape, size: Size) -> bool:
    """Whether the extent of an outline of a shape has the center of a pixel; bitmaps and lines always may.

    Example:
        >>> shares = np.array([[0.1, 0.1], [0.4, 0.1], [0.4, 0.4]])
        >>> may_cover(Shape("car", "a.json", [shares]), (30, 40))
        False
        >>> may_cover(Shape("car", "a.json", [shares], is_relative=True), (30, 40))
        True
    """
    if shape.bitmap is not None or shape.lines:
        return True
    scale = np.array(size[::-1] if shape.is_relative else (1, 1))
    for outline in shape.polygons:
        if len(outline):
            first, stop = (np.ceil(corner * scale - 0.5) for corner in (outline.min(0), outline.max(0)))
            if (np.maximum(first, 0) < np.minimum(stop, size[::-1])).all():
                return True
    return False
