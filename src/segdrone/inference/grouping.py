"""Group the pixels of things by the centers that a network finds and the offsets to them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import IGNORE_INDEX, ClassTable
from segdrone.errors import DataError
from segdrone.inference.components import Component, connected_components
from segdrone.inference.fill import fill_from_nearest
from segdrone.raster.pixels import nearest_index
from segdrone.spec import INSTANCE_PLANES
from segdrone.windows import Size, Window

log = logging.getLogger(__name__)

_LEAST_SCORE = 0.1  # of a center, as in Panoptic-DeepLab
_NEIGHBORHOOD = 7  # pixels; a center has the largest score of the square around it
_SMOOTHING = 1.0  # pixels: standard deviation of the Gaussian over the scores before
_STEADY = 4.0  # pixels: a center whose own offset is longer is part of a thing that has its center elsewhere
_REACH = 16.0  # pixels: farther from where an offset ends no center is near
_SPECK = 32  # pixels: side of a square; a component of a smaller area in which no center is seen is no thing
_MOST_NUMBERS = 65535
_BLOCK = 64  # rows that are looked through at once

Planes = NDArray[np.float16]
"""Output of an instance head for a whole image at the network's scale: float16 `[3, h, w]`, see `INSTANCE_PLANES`."""


class Things(NamedTuple):
    """The things of an image, told apart.

    Attributes:
        mask: Class ids, uint8 `[H, W]`: all pixels of a thing have the class of most of them, and specks of a thing
            class that the head saw no thing in have that around them.
        numbers: Number of the thing, uint16 `[H, W]`, from 1 on; 0 where there is none.
    """

    mask: NDArray[np.uint8]
    numbers: NDArray[np.uint16]


class PlaneCollector:
    """Puts the planes of overlapping windows together: each pixel is of the window in whose middle it is most.

    Args:
        size: Height and width of the image at the network's scale.
        windows: All windows, row by row, as `Predictor.windows` returns them.
    """

    def __init__(self, size: Size, windows: Sequence[Window]) -> None:
        self._planes = np.empty((INSTANCE_PLANES, *size), np.float16)
        self._rows = _middles([window.top for window in windows], windows[0].height, size[0])
        self._columns = _middles([window.left for window in windows], windows[0].width, size[1])

    def add(self, window: Window, planes: NDArray[np.float32]) -> None:
        """Adds the planes of a window, float32 `[3, h, w]`."""
        (top, bottom), (left, right) = self._rows[window.top], self._columns[window.left]
        part = planes[:, top - window.top : bottom - window.top, left - window.left : right - window.left]
        self._planes[:, top:bottom, left:right] = part.clip(-60_000, 60_000)  # float16 ends at 65,504

    def result(self) -> Planes:
        """Returns the planes of the image."""
        return self._planes


def _middles(starts: Sequence[int], length: int, side: int) -> dict[int, tuple[int, int]]:
    """Returns by the start of each window the first pixel and the end of what is its own."""
    ordered = sorted({*starts})
    cuts = [0, *((before + length + after) // 2 for before, after in pairwise(ordered)), side]
    return dict(zip(ordered, pairwise(cuts), strict=True))


def tell_apart(mask: NDArray[np.uint8], planes: Planes | None, things: Sequence[str], table: ClassTable) -> Things:
    """Tells things apart as `group_things` does, or as `number_things` without the planes of an instance head.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        planes: Of the instance head, which has learned the things that the table names.
        things: Names of the classes whose things are numbered.
        table: The classes.

    Raises:
        DataError: There are more connected components than 16 bits can number.
    """
    ids = [table.names.index(name) for name in things]
    if planes is not None:
        learned = [table.names.index(name) for name in table.things or ()]
        return group_things(mask, planes, ids, learned, table.ignore_index)
    things_of_mask, count = _components_as_things(mask, ids)
    if count > _MOST_NUMBERS:
        raise DataError(
            f"{count:,} connected components of {', '.join(things)} are more than the {_MOST_NUMBERS:,} things that "
            "an instance map can number: drop small ones with --min-area, or name other classes with --object-class"
        )
    return things_of_mask


def number_things(mask: NDArray[np.uint8], things: Sequence[int]) -> Things:
    """Numbers the connected components of thing classes, to score them; warns if they are more than 65,535.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        things: Ids of the thing classes.
    """
    things_of_mask, count = _components_as_things(mask, things)
    if count > _MOST_NUMBERS:
        log.warning(
            "a mask has %s connected components of thing classes: all beyond %s are scored as one of each class",
            f"{count:,}", f"{_MOST_NUMBERS:,}",
        )  # fmt: skip
    return things_of_mask


def _components_as_things(mask: NDArray[np.uint8], things: Sequence[int]) -> tuple[Things, int]:
    """Returns the connected components of classes as things, and how many there are, also beyond 65,535."""
    numbers = np.zeros(mask.shape, np.uint16)
    components = (part for class_id in things for part in connected_components(mask, class_id))
    return Things(mask, numbers), _number_components(numbers, components)


def group_things(
    mask: NDArray[np.uint8],
    planes: Planes,
    things: Sequence[int],
    learned: Sequence[int] | None = None,
    ignore_index: int = IGNORE_INDEX,
) -> Things:
    """Tells the things of a predicted mask apart.

    Centers are local maxima of the score whose own offset ends near them. Each pixel of a thing class belongs to the
    center nearest to where its offset ends, whatever its class; most pixels of a thing decide its class (Cheng et al.,
    "Panoptic-DeepLab", CVPR 2020, section 3.1). A connected component of which most offsets end far from every center
    is a thing whose center was missed; but a small one without any score is a speck, and takes the class around it.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        planes: Of the instance head.
        things: Ids of the thing classes whose things are numbered.
        learned: Ids of the classes whose centers the head has learned, also of others: a part of a car that looks like
            a person belongs to the car, whether cars are numbered or not. Connected components are the things of the
            classes that it has not learned. None is `things`.
        ignore_index: Id of pixels without data, which is no class around a speck.

    Example:
        >>> mask = np.array([[0, 1, 1, 1, 1, 1, 1]], np.uint8)
        >>> planes = np.zeros((3, 1, 7), np.float16)
        >>> planes[0, 0, [1, 5]] = 0.9
        >>> planes[2, 0] = [0, 0, -1, -2, 1, 0, -1]
        >>> group_things(mask, planes, [1]).numbers.tolist()
        [[0, 1, 1, 1, 2, 2, 2]]
    """
    learned = things if learned is None else learned
    grouped = [*dict.fromkeys([*things, *learned])]
    height, width = planes.shape[1:]
    rows, columns = (nearest_index(*sides) for sides in zip((height, width), mask.shape, strict=True))
    places = np.concatenate([*_places_of(mask, grouped)])
    in_planes = rows[places // mask.shape[1]] * width + columns[places % mask.shape[1]]
    among = np.zeros((height, width), np.uint8)
    among.ravel()[in_planes] = 1
    nearest, missed, seen = _nearest_centers(planes, among)

    def at(plane: NDArray[np.bool_], component: Component) -> NDArray[np.bool_]:
        window = component.window
        return plane[np.ix_(rows[window.rows], columns[window.columns])][component.pixels]

    least_area = _SPECK**2 * mask.size / among.size
    components = _components(mask, learned, places)
    specks = [part for _, part in components if part.area < least_area and not at(seen, part).any()]
    mask = _remove(mask, specks, ignore_index)
    is_thing = np.isin(mask.ravel()[places], grouped)
    places, in_planes = places[is_thing], in_planes[is_thing]
    numbers = np.zeros(mask.shape, np.uint16)
    numbers.ravel()[places] = nearest.ravel()[in_planes]
    others = {*things} - {*learned}
    components = _components(mask, grouped, places)
    _number_components(
        numbers, (part for class_id, part in components if class_id in others or at(missed, part).mean() > 0.5)
    )
    return _settle(mask, numbers, things, places)


def _places_of(mask: NDArray[np.uint8], classes: Sequence[int]) -> Iterator[NDArray[np.intp]]:
    """Yields the pixels of some classes, as places in the flat mask, by blocks of rows."""
    is_wanted = np.zeros(256, np.uint8)
    is_wanted[[*classes]] = 1
    for top in range(0, len(mask), _BLOCK):
        wanted = cv2.LUT(mask[top : top + _BLOCK], is_wanted).view(bool)
        yield np.flatnonzero(wanted) + top * mask.shape[1]  # a fifth of the time of np.nonzero


def _nearest_centers(
    planes: Planes, among: NDArray[np.uint8]
) -> tuple[NDArray[np.uint16], NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns by pixel the number of the center nearest to where its offset ends, and whether none is near.

    Both are found for the pixels `among` which is 1. The last array says where the score is that of a center, steady or
    not.
    """
    score = cv2.GaussianBlur(planes[0].astype(np.float32), (0, 0), _SMOOTHING)
    highest = cv2.dilate(score, np.ones((_NEIGHBORHOOD, _NEIGHBORHOOD), np.uint8))
    seen = score >= _LEAST_SCORE
    peaks = np.divmod(np.flatnonzero(seen & (score >= highest)), score.shape[1])
    steady = np.hypot(*planes[(slice(1, 3), *peaks)].astype(np.float32)) <= _STEADY
    elsewhere = np.ones(score.shape, np.uint8)
    elsewhere[peaks[0][steady], peaks[1][steady]] = 0
    height, width = score.shape
    numbers, missed = np.zeros((height, width), np.uint16), np.ones((height, width), bool)
    if not steady.any():
        return numbers, missed, seen
    # Pixels of a plateau touch one another and are one center.
    distance, nearest = cv2.distanceTransformWithLabels(
        elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_CCOMP
    )
    for places in _places_of(among, [1]):
        y, x = np.divmod(places, width)
        ends = [planes[1, y, x] + y.astype(np.float32), planes[2, y, x] + x.astype(np.float32)]
        place = tuple(
            np.rint(end).clip(0, side - 1).astype(np.intp) for end, side in zip(ends, score.shape, strict=True)
        )
        numbers[y, x] = np.minimum(nearest[place], _MOST_NUMBERS)
        missed[y, x] = distance[place] > _REACH
    return numbers, missed, seen


def _components(
    mask: NDArray[np.uint8], classes: Sequence[int], places: NDArray[np.intp]
) -> Iterator[tuple[int, Component]]:
    """Yields the connected components of some classes, all of whose pixels are at `places` in the flat mask."""
    found = mask.ravel()[places]
    for class_id in classes:
        rows, columns = np.divmod(places[found == class_id], mask.shape[1])
        if len(rows):
            window = Window(int(rows[0]), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
            for component in connected_components(mask, class_id, window):
                yield class_id, component


def _remove(mask: NDArray[np.uint8], specks: Sequence[Component], ignore_index: int) -> NDArray[np.uint8]:
    """Returns the mask with specks in the class around them; classes have ids below the ignored one."""
    if not specks:
        return mask
    is_empty = np.zeros(mask.shape, np.uint8)
    for component in specks:
        component.draw(is_empty, 1)
    return fill_from_nearest(mask, is_empty.view(bool), ignore_index)


def _number_components(numbers: NDArray[np.uint16], components: Iterable[Component]) -> int:
    """Writes a number that is not used yet for each of some components.

    Beyond 65,535 things, the others have the last number together. Returns how many things there are.
    """
    last = int(numbers.max(initial=0))
    for component in components:
        window = component.window
        last += 1
        numbers[window.rows, window.columns][component.pixels] = min(last, _MOST_NUMBERS)
    return last


def _settle(
    mask: NDArray[np.uint8], numbers: NDArray[np.uint16], things: Sequence[int], places: NDArray[np.intp]
) -> Things:
    """Gives all pixels of a thing the most frequent class among them, and numbers the things of some classes.

    Only the pixels at `places` in the flat mask have numbers.
    """
    found = numbers.ravel()[places]
    places, found = places[found > 0], found[found > 0]
    used = np.bincount(found, minlength=1) > 0
    index = (np.cumsum(used) - 1)[found]
    votes = np.bincount(index * 256 + mask.ravel()[places], minlength=256 * int(used.sum())).reshape(-1, 256)
    classes = votes.argmax(1)
    is_kept = np.isin(classes, things)
    voted, numbered = mask.copy(), np.zeros(mask.shape, np.uint16)
    voted.ravel()[places] = classes[index]
    numbered.ravel()[places] = (np.cumsum(is_kept) * is_kept)[index]
    return Things(voted, numbered)
