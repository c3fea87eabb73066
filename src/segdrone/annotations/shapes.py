"""Shapes drawn in a labeling tool, and the mask that they make.

Coordinates are continuous, as in all five tools: x to the right, y down, in pixels. The pixel in column c and row r is
the square from (c, r) to (c + 1, r + 1). A pixel belongs to an outline that contains its center, (c + 0.5, r + 0.5), so
two outlines with a common edge share no pixel and leave no gap. (`cv2.fillPoly` also fills every pixel that the edge
touches: 121 pixels for a square of 10 x 10.) Outlines that cross themselves are filled by the even-odd rule. Parts
outside the photograph are cut off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.outlines import Points, box, ellipse, fill_outline, polygon_area, rotate, stroke
from segdrone.classes import Color
from segdrone.errors import DataError
from segdrone.windows import Size

__all__ = [
    "AnnotatedImage",
    "Annotations",
    "Bitmap",
    "Points",
    "Shape",
    "box",
    "ellipse",
    "polygon_area",
    "rasterize",
    "rotate",
    "stroke",
]


class Bitmap(Protocol):
    """A shape drawn pixel by pixel, which is decoded only when it is drawn."""

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and pixels, bool `[h, w]`, for a photograph of `size`.

        Raises:
            ValueError: The bitmap cannot be decoded, or is larger than the photograph.
        """


@dataclass(frozen=True)
class Shape:
    """A region of one class: the union of its polygons and its bitmap.

    Attributes:
        label: Name of the class.
        where: File and place, for errors.
        polygons: Outlines, each `[N, 2]` in pixels.
        bitmap: Pixels, instead of polygons.
        z_order: Shapes with a higher value are drawn over the others; equal ones in the order of the file.
    """

    label: str
    where: str
    polygons: Sequence[Points] = ()
    bitmap: Bitmap | None = None
    z_order: float = 0

    def draw(self, mask: NDArray[np.uint8], value: int) -> None:
        """Sets the pixels of the shape in `mask`, uint8 `[H, W]`, contiguous, to `value`.

        Raises:
            DataError: The bitmap cannot be decoded or is larger than the photograph.
        """
        height, width = mask.shape
        try:
            for polygon in self.polygons:
                fill_outline(mask, polygon, value)
            if self.bitmap is not None:
                top, left, inside = self.bitmap.decode((height, width))
                inside = inside[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
                top, left = max(0, top), max(0, left)
                mask[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = value
        except ValueError as error:
            raise DataError(f"{self.where} {error}: fix it or export the annotations again") from None


@dataclass(frozen=True)
class AnnotatedImage:
    """A photograph in the annotations.

    Attributes:
        names: Its name or path as the tool wrote it, the most likely first.
        size: Its height and width in pixels as the tool wrote them; None if it did not.
        shapes: Shapes drawn on it.
        where: File and place, for errors.
    """

    names: Sequence[str]
    size: Size | None
    shapes: Sequence[Shape]
    where: str


@dataclass(frozen=True)
class Annotations:
    """Content of one or several annotation files.

    Attributes:
        images: The photographs.
        colors: The tool's color of each label, if it has one.
        skipped: Counts of what cannot become pixels, by description.
    """

    images: list[AnnotatedImage] = field(default_factory=list)
    colors: dict[str, Color] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)

    def extend(self, other: Annotations) -> None:
        """Adds the content of another file."""
        self.images.extend(other.images)
        self.colors.update(other.colors)
        self.skipped.update(other.skipped)


def rasterize(shapes: Iterable[Shape], size: Size, ids: dict[str, int], fill: int) -> NDArray[np.uint8]:
    """Draws shapes into a mask, uint8 `[H, W]`.

    Args:
        shapes: The shapes.
        size: Height and width of the mask.
        ids: Class id of each label.
        fill: Value of pixels that no shape covers.

    Raises:
        DataError: A bitmap cannot be decoded or is larger than the photograph.

    Example:
        >>> rasterize([Shape("car", "a.json", [box(1, 0, 3, 1)])], size=(2, 4), ids={"car": 5}, fill=255).tolist()
        [[255, 5, 5, 255], [255, 255, 255, 255]]
    """
    mask = np.full(size, fill, np.uint8)
    for shape in sorted(shapes, key=lambda shape: shape.z_order):
        shape.draw(mask, ids[shape.label])
    return mask
