"""Shapes drawn in a labeling tool, and the mask that they make.

Coordinates are continuous, as in most tools: x to the right, y down, in pixels. The pixel in column c and row r is
the square from (c, r) to (c + 1, r + 1). A pixel belongs to an outline that contains its center, (c + 0.5, r + 0.5), so
two outlines with a common edge share no pixel and leave no gap. (`cv2.fillPoly` also fills every pixel that the edge
touches: 121 pixels for a square of 10 x 10.) Outlines that cross themselves are filled by the even-odd rule. Parts
outside the photograph are cut off. Tools whose coordinates name pixels (Supervisely) are shifted by half a pixel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.embedded import EmbeddedImage
from segdrone.annotations.outlines import Points, box, ellipse, fill_outlines, polygon_area, rotate, stroke
from segdrone.annotations.tile_names import TilePlace
from segdrone.classes import IGNORE_INDEX, Color
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
    "is_ignored",
    "number_shapes",
    "polygon_area",
    "rasterize",
    "rotate",
    "stroke",
]


_MAX_COST, _MAX_COVERS = 1 << 32, 100  # pixels set one by one: 10 s, or a photograph covered a hundred times
_MOST_THINGS = 65535
_OUTLINE_COST = 20_000  # of an outline of any size
_IGNORED = ("__ignore__", "ignore", "ignored")  # LabelMe's convention, and what class tables take for it


def is_ignored(label: str) -> bool:
    """Whether a label says that its pixels are not to be learned: it is no class, but the ignored id."""
    return label.lower() in _IGNORED


@runtime_checkable
class SeveralThings(Protocol):
    """A bitmap that shows several things of a class."""

    def number(self, size: Size) -> NDArray[np.integer[Any]]:
        """Returns a number above 0 for each thing, and 0 elsewhere: `[H, W]`.

        Raises:
            ValueError: As `Bitmap.decode`.
        """


class Bitmap(Protocol):
    """A shape drawn pixel by pixel, which is decoded only when it is drawn."""

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and pixels, bool `[h, w]`, for a photograph of `size`.

        Raises:
            ValueError: The bitmap cannot be decoded, or is larger than the photograph.
        """


@dataclass(frozen=True)
class Shape:
    """A region of one class: the union of its polygons, its bitmap and its lines.

    Attributes:
        label: Name of the class.
        where: File and place, for errors.
        polygons: Outlines, each `[N, 2]` in pixels.
        bitmap: Pixels, instead of polygons.
        z_order: Shapes with a higher value are drawn over the others; equal ones in the order of the file.
        has_holes: The polygons are one region: where an even number of them overlap is a hole.
        is_relative: Coordinates are shares of the width and height of the photograph, not pixels.
        is_box: It is a bounding box, not the outline of an object.
        group: Shapes of one label and one group are one thing; empty: the shape is a thing of its own.
        is_crowd: It covers several things that are not told apart.
        lines: Points and open lines, each `[N, 2]` in pixels.
        line_width: Width at which they are drawn, with round ends, in pixels; 0: they cover no pixels.
        is_stroke: It is a point, a line or a scribble, and no area.
    """

    label: str
    where: str
    polygons: Sequence[Points] = ()
    bitmap: Bitmap | None = None
    z_order: float = 0
    has_holes: bool = False
    is_relative: bool = False
    is_box: bool = False
    group: str = ""
    is_crowd: bool = False
    lines: Sequence[Points] = ()
    line_width: float = 0
    is_stroke: bool = False

    def draw(self, mask: NDArray[np.integer[Any]], value: int) -> int:
        """Sets the pixels of the shape in `mask`, integers `[H, W]`, contiguous, to `value`.

        Returns:
            What it cost, in pixels set one by one.

        Raises:
            DataError: The bitmap cannot be decoded or is larger than the photograph.
        """
        (height, width), cost = mask.shape, 0
        try:
            outlines = [points * (width, height) for points in self.polygons] if self.is_relative else self.polygons
            for region in [outlines] if self.has_holes else [[outline] for outline in outlines]:
                cost += fill_outlines(mask, region, value) + _OUTLINE_COST
            for line in self.lines if self.line_width else ():
                for outline in stroke(line, self.line_width):
                    cost += fill_outlines(mask, [outline], value) + _OUTLINE_COST
            if self.bitmap is not None:
                top, left, inside = self.bitmap.decode((height, width))
                cost += inside.size
                inside = inside[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
                top, left = max(0, top), max(0, left)
                mask[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = value
        except ValueError as error:
            raise DataError(f"{self.where} {error}: fix it or export the annotations again") from None
        return cost


@dataclass(frozen=True)
class AnnotatedImage:
    """A photograph in the annotations.

    Attributes:
        names: Its name or path as the tool wrote it, the most likely first.
        size: Its height and width in pixels as the tool wrote them; None if it did not.
        shapes: Shapes drawn on it.
        where: File and place, for errors.
        path: The annotation file.
        subset: Name of the split that the tool put it into, such as `Train`; None if it did not.
        embedded: The photograph itself, if the annotation file contains it.
        file_bytes: Size of its file in bytes as the tool wrote it; None if it did not.
        digest: SHA-256 of its file, as `segdrone data export-labels --push` gave it to the tool; empty if unknown.
        tiles: The tiles that it was annotated as, by their places, which have all its shapes; empty if it was not cut.
        by: Who drew the shapes, as the tool says; empty if it does not.
        others: Further annotations of the photograph in the same file, those of other people for example, each of which
            is read when it is called for.
    """

    names: Sequence[str]
    size: Size | None
    shapes: Sequence[Shape]
    where: str
    path: Path
    subset: str | None = None
    embedded: EmbeddedImage | None = None
    file_bytes: int | None = None
    digest: str = ""
    tiles: Mapping[TilePlace, AnnotatedImage] = field(default_factory=dict)
    by: str = ""
    others: Sequence[Callable[[], AnnotatedImage]] = ()


@dataclass(frozen=True)
class Annotations:
    """Content of one or several annotation files.

    Attributes:
        images: The photographs.
        labels: All labels that the tool declares, whether a shape has them or not.
        colors: The tool's color of each label, if it has one.
        skipped: Counts of what covers no pixels, by description.
        unread: Counts of objects that cover pixels which the file does not say, such as bounding boxes.
        things: Whether the things of a label are counted one by one, for the labels of which the tool says it.
    """

    images: list[AnnotatedImage] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    colors: dict[str, Color] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    things: dict[str, bool] = field(default_factory=dict)

    def extend(self, other: Annotations) -> None:
        """Adds the content of another file."""
        self.images.extend(other.images)
        self.labels.extend(label for label in other.labels if label not in self.labels)
        self.colors.update(other.colors)
        self.skipped.update(other.skipped)
        self.unread.update(other.unread)
        self.things.update(other.things)


def rasterize(
    shapes: Iterable[Shape], size: Size, ids: Mapping[str, int], fill: int, ignore_index: int = IGNORE_INDEX
) -> NDArray[np.uint8]:
    """Draws shapes into a mask, uint8 `[H, W]`.

    Args:
        shapes: The shapes.
        size: Height and width of the mask.
        ids: Class id of each label.
        fill: Value of pixels that no shape covers.
        ignore_index: Value of shapes with an ignored label.

    Raises:
        DataError: A bitmap cannot be decoded or is larger than the photograph, or there are so many large shapes that
            drawing them would take minutes.

    Example:
        >>> rasterize([Shape("car", "a.json", [box(1, 0, 3, 1)])], size=(2, 4), ids={"car": 5}, fill=255).tolist()
        [[255, 5, 5, 255], [255, 255, 255, 255]]
    """
    mask = np.full(size, fill, np.uint8)
    left = max(_MAX_COST, _MAX_COVERS * mask.size)
    for shape in sorted(shapes, key=lambda shape: shape.z_order):
        left -= shape.draw(mask, ignore_index if is_ignored(shape.label) else ids[shape.label])
        if left < 0:
            raise DataError(
                f"{shape.where} and others of its photograph are too many and too large to be drawn, which would take "
                "minutes: remove repeated shapes, or simplify them"
            )
    return mask


def number_shapes(
    shapes: Iterable[Shape], size: Size, groups: dict[tuple[str, str], int] | None = None, count: int = 0
) -> NDArray[np.uint16]:
    """Numbers the things that shapes show, where `rasterize` draws them: uint16 `[H, W]`, from 1 on; 0 elsewhere.

    A shape is a thing, but shapes of one label and one group are one together; ignored shapes and crowds are none.

    Args:
        shapes: The shapes.
        size: Height and width of the mask.
        groups: Numbers of labels and groups in other tiles of the photograph, to which those of this one are added.
        count: Largest number in other tiles.

    Raises:
        DataError: As `rasterize`; or there are more than 65,535 things.

    Example:
        >>> shapes = [Shape("car", "a.json", [box(left, 0, left + 2, 1)]) for left in (0, 1)]
        >>> number_shapes(shapes, size=(1, 4)).tolist()
        [[1, 2, 2, 0]]
    """
    numbers, groups = np.zeros(size, np.int32), {} if groups is None else groups
    for shape in sorted(shapes, key=lambda shape: shape.z_order):
        if is_ignored(shape.label) or shape.is_crowd:
            shape.draw(numbers, 0)
        elif isinstance(shape.bitmap, SeveralThings):
            found = shape.bitmap.number(size)
            inside = found > 0
            values, index = np.unique(found[inside], return_inverse=True)
            numbers[inside] = count + 1 + index
            count += len(values)
        else:
            number = groups.setdefault((shape.label, shape.group), count + 1) if shape.group else count + 1
            count = max(count, number)
            shape.draw(numbers, number)
    if count > _MOST_THINGS:
        raise DataError(f"a photograph has {count:,} things, of which 16 bits number {_MOST_THINGS:,}: leave some out")
    return numbers.astype(np.uint16)
