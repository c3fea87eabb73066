"""Group the pixels of things by the centers that a network finds and the offsets to them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import IGNORE_INDEX, ClassTable
from segdrone.errors import DataError
from segdrone.inference.components import connected_components
from segdrone.inference.fill import fill_from_nearest
from segdrone.raster.pixels import resize_mask
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
        return group_things(mask, planes, ids, [table.names.index(name) for name in table.things or ()])
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
    return Things(mask, numbers), _number_components(mask, numbers, np.ones(mask.shape, np.uint8), things)


def group_things(
    mask: NDArray[np.uint8], planes: Planes, things: Sequence[int], learned: Sequence[int] | None = None
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
    is_thing = np.zeros(256, np.uint8)
    is_thing[grouped] = 1
    size: Size = (mask.shape[0], mask.shape[1])
    is_reduced = planes.shape[1:] != size
    among = np.ones(planes.shape[1:], np.uint8) if is_reduced else np.asarray(cv2.LUT(mask, is_thing), np.uint8)
    numbers, missed, seen = _nearest_centers(planes, among)
    least_area = _SPECK**2 * mask.size / numbers.size
    if is_reduced:
        numbers = resize_mask(numbers, size)
        missed, seen = resize_mask(missed, size), resize_mask(seen, size)
    mask = _fill_specks(mask, seen, learned, least_area)
    np.multiply(numbers, cv2.LUT(mask, is_thing), out=numbers)  # a quarter of the time of NumPy's indexing
    if others := [class_id for class_id in things if class_id not in learned]:
        missed[np.isin(mask, others)] = 1
    _number_components(mask, numbers, missed, grouped)
    return _settle(mask, numbers, things)


def _nearest_centers(
    planes: Planes, among: NDArray[np.uint8]
) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns by pixel the number of the center nearest to where its offset ends, 1 where none is near, 1 by the score.

    The first two are found for the pixels `among` which is 1. The last is 1 where the score is that of a center, steady
    or not.
    """
    score = cv2.GaussianBlur(planes[0].astype(np.float32), (0, 0), _SMOOTHING)
    highest = cv2.dilate(score, np.ones((_NEIGHBORHOOD, _NEIGHBORHOOD), np.uint8))
    drift = np.hypot(planes[1].astype(np.float32), planes[2].astype(np.float32))
    seen = (score >= _LEAST_SCORE).view(np.uint8)
    elsewhere = ((score < highest) | (seen == 0) | (drift > _STEADY)).view(np.uint8)
    height, width = score.shape
    numbers, missed = np.zeros((height, width), np.uint16), np.ones((height, width), np.uint8)
    if elsewhere.all():
        return numbers, missed, seen
    # Pixels of a plateau touch one another and are one center.
    distance, nearest = cv2.distanceTransformWithLabels(
        elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_CCOMP
    )
    for row in range(height):
        columns = np.flatnonzero(among[row])
        ends = [planes[1, row, columns] + np.float32(row), planes[2, row, columns] + columns.astype(np.float32)]
        place = tuple(
            np.rint(end).clip(0, side - 1).astype(np.intp) for end, side in zip(ends, score.shape, strict=True)
        )
        numbers[row, columns] = np.minimum(nearest[place], _MOST_NUMBERS)
        missed[row, columns] = distance[place] > _REACH
    return numbers, missed, seen


def _fill_specks(
    mask: NDArray[np.uint8], seen: NDArray[np.uint8], things: Sequence[int], least_area: float
) -> NDArray[np.uint8]:
    """Returns the mask with the class around them in small components of things in which no center is seen."""
    specks = np.zeros(mask.shape, np.uint8)
    for class_id in things:
        for component in connected_components(mask, class_id):
            window = component.window
            if component.area < least_area and not seen[window.rows, window.columns][component.pixels].any():
                component.draw(specks, 1)
    return fill_from_nearest(mask, specks.view(bool), IGNORE_INDEX) if specks.any() else mask


def _number_components(
    mask: NDArray[np.uint8], numbers: NDArray[np.uint16], missed: NDArray[np.uint8], things: Sequence[int]
) -> int:
    """Writes a number that is not used yet for each connected component of a class of which most pixels are missed.

    Beyond 65,535 things, the others have the last number together. Returns how many things there are.
    """
    last = int(numbers.max(initial=0))
    for class_id in things:
        for component in connected_components(mask, class_id):
            window, pixels = component.window, component.pixels
            if missed[window.rows, window.columns][pixels].mean() > 0.5:
                last += 1
                numbers[window.rows, window.columns][pixels] = min(last, _MOST_NUMBERS)
    return last


def _settle(mask: NDArray[np.uint8], numbers: NDArray[np.uint16], things: Sequence[int]) -> Things:
    """Gives all pixels of a thing the most frequent class among them, and numbers the things of some classes."""
    place = np.flatnonzero(numbers)
    found = numbers.ravel()[place]
    used = np.bincount(found, minlength=1) > 0
    index = (np.cumsum(used) - 1)[found]
    votes = np.bincount(index * 256 + mask.ravel()[place], minlength=256 * int(used.sum())).reshape(-1, 256)
    classes = votes.argmax(1)
    is_kept = np.isin(classes, things)
    voted, numbered = mask.copy(), np.zeros(mask.shape, np.uint16)
    voted.ravel()[place] = classes[index]
    numbered.ravel()[place] = (np.cumsum(is_kept) * is_kept)[index]
    return Things(voted, numbered)
