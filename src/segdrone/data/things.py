"""Find things in masks that can be cut out: connected components of a class, and the ground that each lies on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size, Window

MOST_THINGS = 128
"""Things that are kept of a photograph: the largest of each class."""

_COLUMNS = 9  # numbers that a thing is stored as
_LEAST_AREA = 16  # pixels: smaller ones are dots of a few colors
_LARGEST_SIDE = 0.5  # of the photograph's side
_RING = 2  # pixels around a thing that show what it lies on
_LEAST_SHARE = 0.5  # of these pixels that show one class; less: it is hidden in part, or lies between others
_MOST_IGNORED = 0.1  # share of these pixels without a label; more: it is cut off

Pixels = NDArray[np.bool_]


class Thing(NamedTuple):
    """A connected component of a class in the mask of a photograph.

    Attributes:
        class_id: Its class.
        ground: Class of most pixels around it.
        area: Its number of pixels, without holes.
        pixel: Row and column of one of its pixels, in its bounding box.
        window: Its bounding box in the photograph.
    """

    class_id: int
    ground: int
    area: int
    pixel: tuple[int, int]
    window: Window


def find_things(
    mask: NDArray[np.uint8], class_ids: Sequence[int], ignored: int, numbers: NDArray[np.uint16] | None = None
) -> list[Thing]:
    """Returns the things of some classes that can be cut out of a photograph, at most `MOST_THINGS`.

    Left out are those that touch the edge of the photograph or pixels without a label, since they are cut off; those
    that are tiny or larger than half a side; and those without a class that makes up half of their surroundings. None
    of `class_ids` is a ground: what lies on a car is not lying on cars in general.

    Args:
        mask: uint8 `[H, W]`, ids of classes.
        class_ids: The classes.
        ignored: Id of pixels without a label.
        numbers: Instance map, uint16 `[H, W]`: touching things are told apart by it.

    Example:
        >>> mask = np.zeros((40, 40), np.uint8)
        >>> mask[10:15, 20:28] = 3
        >>> (thing,) = find_things(mask, class_ids=[3], ignored=255)
        >>> thing.ground, thing.area, thing.window
        (0, 40, Window(top=10, left=20, height=5, width=8))
    """
    no_ground = np.zeros(256, bool)
    no_ground[[*class_ids]] = True
    per_class = max(1, MOST_THINGS // max(1, len(class_ids)))
    found: list[Thing] = []
    for class_id in class_ids:
        things = []
        for window, pixel, area in _boxes(mask, class_id, numbers):
            ground = _ground(mask, class_id, numbers, window, pixel, no_ground, ignored)
            if ground is not None:
                things.append(Thing(class_id, ground, area, pixel, window))
        found += sorted(things, key=lambda thing: (-thing.area, thing.window))[:per_class]
    return found[:MOST_THINGS]


def thing_pixels(labels: NDArray[np.uint8], numbers: NDArray[np.uint16] | None, thing: Thing) -> Pixels | None:
    """Returns the pixels of a thing in its bounding box: bool `[h, w]`; None if it is not there any more.

    Holes belong to it, such as the water of a pool, unless they show the ground.

    Args:
        labels: Its bounding box in the mask, uint8 `[h, w]`.
        numbers: Its bounding box in the instance map, if there is one.
        thing: The thing.
    """
    component = _component(labels, numbers, thing.class_id, thing.pixel)
    if component is None:
        return None
    holes = _filled(component) & (labels != thing.ground)
    return np.asarray(component | holes)


def pack_things(things: Sequence[Thing]) -> NDArray[np.uint8]:
    """Returns things as bytes, uint8 `[MOST_THINGS, bytes, 1]`, for a cache."""
    rows = np.zeros((MOST_THINGS, _COLUMNS), "<u4")
    for row, thing in zip(rows, things, strict=False):
        row[:] = (thing.class_id, thing.ground, thing.area, *thing.pixel, *thing.window)
    return rows.view(np.uint8)[..., None]


PACKED_SHAPE = (MOST_THINGS, 4 * _COLUMNS, 1)


def unpack_things(packed: NDArray[np.uint8], size: Size) -> list[Thing]:
    """Returns the things that `pack_things` packed; rows that are empty or cannot be are left out.

    Args:
        packed: Of `PACKED_SHAPE`. Whoever shares a cache may have written it.
        size: Height and width of the photograph.
    """
    rows = np.ascontiguousarray(packed[..., 0]).view("<u4").tolist()
    things = [
        Thing(class_id, ground, area, (row, column), Window(*window))
        for class_id, ground, area, row, column, *window in rows
    ]
    return [thing for thing in things if _is_possible(thing, size)]


def _is_possible(thing: Thing, size: Size) -> bool:
    (row, column), (top, left, height, width) = thing.pixel, thing.window
    inside = row < height and column < width and top + height <= size[0] and left + width <= size[1]
    return thing.area > 0 and max(thing.class_id, thing.ground) < 255 and inside


def _boxes(
    mask: NDArray[np.uint8], class_id: int, numbers: NDArray[np.uint16] | None
) -> Iterator[tuple[Window, tuple[int, int], int]]:
    """Yields bounding box, a pixel in it, and area of each thing of a class that is of a usable size."""
    binary = (mask == class_id).view(np.uint8)
    for window, pixel, area, pixels in _components(binary, Window(0, 0, *mask.shape)):
        if numbers is None:
            yield window, pixel, area
            continue
        inside = numbers[window.rows, window.columns]
        for number in np.unique(inside[pixels]):
            part = (pixels & (inside == number)).view(np.uint8)
            for smaller, its_pixel, its_area, _ in _components(part, window):
                yield smaller, its_pixel, its_area


def _components(binary: NDArray[np.uint8], place: Window) -> Iterator[tuple[Window, tuple[int, int], int, Pixels]]:
    left, top, width, height = cv2.boundingRect(binary)
    if not width:
        return
    part = binary[top : top + height, left : left + width]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    for label, (x, y, w, h, area) in enumerate(stats[1:].tolist(), 1):
        if area >= _LEAST_AREA:
            pixels = np.asarray(labels[y : y + h, x : x + w] == label)
            row, column = divmod(int(pixels.argmax()), w)
            yield Window(place.top + top + y, place.left + left + x, h, w), (row, column), area, pixels


def _ground(
    mask: NDArray[np.uint8],
    class_id: int,
    numbers: NDArray[np.uint16] | None,
    window: Window,
    pixel: tuple[int, int],
    no_ground: Pixels,
    ignored: int,
) -> int | None:
    """Returns the class that a thing lies on; None if it cannot be cut out."""
    height, width = mask.shape
    top, left = window.top - _RING, window.left - _RING
    bottom, right = window.rows.stop + _RING, window.columns.stop + _RING
    if window.height > _LARGEST_SIDE * height or window.width > _LARGEST_SIDE * width:
        return None
    if window.top == 0 or window.left == 0 or window.rows.stop == height or window.columns.stop == width:
        return None
    part = slice(max(0, top), bottom), slice(max(0, left), right)
    labels, place = mask[part], (pixel[0] + window.top - part[0].start, pixel[1] + window.left - part[1].start)
    component = _component(labels, None if numbers is None else numbers[part], class_id, place)
    assert component is not None
    filled = _filled(component).view(np.uint8)
    kernel = np.ones((2 * _RING + 1, 2 * _RING + 1), np.uint8)
    around = labels[(cv2.dilate(filled, kernel) > 0) & (filled == 0)]
    counts = np.bincount(around, minlength=256)
    if counts[ignored] > _MOST_IGNORED * len(around):
        return None
    counts[no_ground] = 0
    counts[ignored] = 0
    ground = int(counts.argmax())
    return ground if counts[ground] >= _LEAST_SHARE * len(around) else None


def _component(
    labels: NDArray[np.uint8], numbers: NDArray[np.uint16] | None, class_id: int, pixel: tuple[int, int]
) -> Pixels | None:
    """Returns the component that a pixel is in, bool `[h, w]`; None if the pixel is not of the class."""
    own = labels == class_id
    if not own[pixel]:
        return None
    if numbers is not None:
        own &= numbers == numbers[pixel]
    _, components = cv2.connectedComponents(own.view(np.uint8), connectivity=8)
    return np.asarray(components == components[pixel])


def _filled(component: Pixels) -> Pixels:
    """Returns a component with its holes."""
    contours: Any = cv2.findContours(component.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    canvas = np.zeros(component.shape, np.uint8)
    cv2.drawContours(canvas, contours, -1, 1, cv2.FILLED)
    return canvas.view(bool)
