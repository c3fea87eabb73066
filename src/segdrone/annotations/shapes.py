"""The shapes that people draw, and the mask that they make.

Coordinates are continuous, as in all five tools: x to the right, y down, in pixels; the pixel of
column c and row r is the square from (c, r) to (c + 1, r + 1). A pixel belongs to an outline that
holds its centre, (c + 0.5, r + 0.5), so that two outlines with a common edge share no pixel and leave
none out. (`cv2.fillPoly` also fills every pixel that the edge touches: 121 pixels for a square of
10 x 10.) Where an outline crosses itself, the even-odd rule holds. What hangs over the photograph's
edge is cut off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import Color
from segdrone.errors import DataError
from segdrone.windows import Size

Points = NDArray[np.float64]  # [N, 2]: x, y

_MOST_CROSSINGS = 1 << 23  # of edges with rows; an outline's is about its perimeter in pixels


class Bitmap(Protocol):
    """A shape drawn pixel by pixel, decoded only when it is needed."""

    def pixels(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and the pixels, bool `[h, w]`, for a photograph of `size`.

        Raises:
            ValueError: It cannot be decoded, or is larger than the photograph.
        """


@dataclass(frozen=True)
class Shape:
    """What somebody marked as of one class: the union of its polygons and its bitmap.

    Attributes:
        label: Name of the class.
        where: File and place, for errors.
        polygons: Outlines, each `[N, 2]` in pixels.
        bitmap: Pixels instead.
        order: Shapes are drawn by it, those of equal order as the file has them; later over earlier.
    """

    label: str
    where: str
    polygons: Sequence[Points] = ()
    bitmap: Bitmap | None = None
    order: float = 0

    def draw(self, mask: NDArray[np.uint8], value: int) -> None:
        """Sets the shape's pixels in `mask`, uint8 `[H, W]`, contiguous.

        Raises:
            DataError: The bitmap cannot be decoded or is larger than the photograph.
        """
        height, width = mask.shape
        try:
            for polygon in self.polygons:
                _fill(mask, polygon, value)
            if self.bitmap is not None:
                top, left, inside = self.bitmap.pixels((height, width))
                inside = inside[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
                top, left = max(0, top), max(0, left)
                mask[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = value
        except ValueError as error:
            raise DataError(f"{self.where} {error}: mend it or export the annotations again") from None


@dataclass(frozen=True)
class Annotated:
    """A photograph that the tool knows.

    Attributes:
        names: Its name or path as the tool wrote it, the likeliest first.
        size: Its height and width in pixels as the tool wrote them; None where it did not.
        shapes: What was drawn on it.
        where: File and place, for errors.
    """

    names: Sequence[str]
    size: Size | None
    shapes: Sequence[Shape]
    where: str


@dataclass(frozen=True)
class Annotations:
    """What one or several files of a tool hold: photographs, class colours, what was left out and counted."""

    photographs: list[Annotated] = field(default_factory=list)
    colours: dict[str, Color] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, other: Annotations) -> None:
        """Takes in what another file holds."""
        self.photographs.extend(other.photographs)
        self.colours.update(other.colours)
        self.left_out.update(other.left_out)


def make_mask(shapes: Iterable[Shape], size: Size, ids: dict[str, int], fill: int) -> NDArray[np.uint8]:
    """Returns a mask, uint8 `[H, W]`, of the class ids of `shapes` over `fill`.

    Raises:
        DataError: A bitmap cannot be decoded or is larger than the photograph.
    """
    mask = np.full(size, fill, np.uint8)
    for shape in sorted(shapes, key=lambda shape: shape.order):
        shape.draw(mask, ids[shape.label])
    return mask


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns the outline of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Points:
    """Returns the outline of an upright ellipse, at most 0.05 pixels off."""
    count = 16 + int(np.pi * np.sqrt(10 * max(abs(radius_x), abs(radius_y))))
    angles = np.arange(count) * (2 * np.pi / count)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], 1)


def turned(points: Points, degrees: float, x: float, y: float) -> Points:
    """Returns `points` turned clockwise, as seen on the screen, about (x, y)."""
    if not degrees:
        return points
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.asarray((points - (x, y)) @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y), np.float64)


def stroke(points: Points, width: float) -> list[Points]:
    """Returns the outlines of a line through `points`, `width` pixels wide with round ends and bends."""
    outlines = [ellipse(x, y, width / 2, width / 2) for x, y in points]
    for start, end in pairwise(points):
        along = end - start
        if length := float(np.hypot(*along)):
            aside = np.array([-along[1], along[0]]) * (width / 2 / length)
            outlines.append(np.array([start + aside, end + aside, end - aside, start - aside]))
    return outlines


def area(points: Points) -> float:
    """Returns what an outline encloses, in square pixels (the shoelace formula)."""
    x, y = points.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _fill(mask: NDArray[np.uint8], points: Points, value: int) -> None:
    """Sets the pixels whose centres lie inside an outline: where a row's centre line crosses edges, in pairs."""
    height, width = mask.shape
    edges = np.stack([points, np.roll(points, -1, 0)])
    edges = np.where(edges[0, :, 1] < edges[1, :, 1], edges.transpose(2, 0, 1), edges[::-1].transpose(2, 0, 1))
    (x, lower_x), (y, lower_y) = edges  # all downward, so that neighbours round their common edge alike
    first, beyond = np.clip(np.ceil(edges[1] - 0.5), 0, height).astype(np.int64)
    rows_crossed = beyond - first
    if (total := int(rows_crossed.sum())) > _MOST_CROSSINGS:
        raise ValueError(f"has an outline that crosses {total} rows of pixels, more than any object's")
    edge = np.repeat(np.arange(len(points)), rows_crossed)
    row = np.arange(total) - np.repeat(np.cumsum(rows_crossed) - rows_crossed, rows_crossed) + first[edge]
    slope = (lower_x - x)[edge] / (lower_y - y)[edge]  # an edge along a row crosses none
    crossing = np.ceil(x[edge] + (row + 0.5 - y[edge]) * slope - 0.5)
    column = np.clip(crossing, 0, width).astype(np.int64)
    places = np.sort(row * width + column)  # counted along the rows, as `flat` has the pixels
    flat = mask.reshape(-1)
    for start, stop in zip(places[::2].tolist(), places[1::2].tolist(), strict=True):
        flat[start:stop] = value
