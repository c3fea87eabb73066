"""Where on a mask the names of its classes can be written."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable

_SMALLEST = 0.015  # of the picture: a smaller region bears no name
_LARGE = 0.06  # of the picture: such a region bears its name on a phone too
_APART = (16, 6)  # percent of width and height: nearer names would lie on each other on a phone
_MOST = 16  # names on one picture


@dataclass(frozen=True)
class RegionLabel:
    """A name at a point of a picture.

    Attributes:
        name: Of the class.
        x: Percent of the width, from the left.
        y: Percent of the height, from the top.
        anchor: Which end of the name lies at the point: `start`, `middle` or `end`.
        large: Whether the region is large enough to be named on a small screen.
    """

    name: str
    x: float
    y: float
    anchor: str
    large: bool


def label_regions(mask: NDArray[np.uint8], table: ClassTable) -> list[RegionLabel]:
    """Names the larger regions of a mask, uint8 `[H, W]`, each where it is widest.

    Of two names that would lie on each other the smaller region's is left out.
    """
    found: list[tuple[int, RegionLabel]] = []
    for value in np.flatnonzero(np.bincount(mask.ravel(), minlength=256) >= _SMALLEST * mask.size):
        name = table.names[value] if value < len(table) else "ignored"
        _, places, stats, _ = cv2.connectedComponentsWithStats((mask == value).view(np.uint8), connectivity=4)
        for place in 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= _SMALLEST * mask.size):
            area = int(stats[place, cv2.CC_STAT_AREA])
            found.append((area, _label(places == place, name, area >= _LARGE * mask.size)))
    free: list[RegionLabel] = []
    for _, label in sorted(found, key=lambda row: -row[0]):
        if all(abs(label.x - other.x) > _APART[0] or abs(label.y - other.y) > _APART[1] for other in free):
            free.append(label)
    return free[:_MOST]


def _label(region: NDArray[np.bool_], name: str, large: bool) -> RegionLabel:
    framed = np.pad(region, 1).view(np.uint8)  # the picture's edge is a border too
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    row, column = divmod(int(distance.argmax()), region.shape[1])
    x, y = 100 * (column + 0.5) / region.shape[1], 100 * (row + 0.5) / region.shape[0]
    anchor = "start" if x < 12 else "end" if x > 88 else "middle"
    return RegionLabel(name, round(x, 1), round(min(max(y, 3.0), 97.0), 1), anchor, large)
