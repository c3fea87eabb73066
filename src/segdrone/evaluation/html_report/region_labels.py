"""Place class names on a mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable

_MIN_AREA = 0.015  # share of the picture: smaller regions get no label
_LARGE_AREA = 0.06  # share of the picture: such regions are labeled on small screens too
_MIN_DISTANCE = (16, 6)  # percent of width and height: closer labels would overlap on a small screen
_MAX_LABELS = 16  # per picture


@dataclass(frozen=True)
class RegionLabel:
    """A class name at a point of a picture.

    Attributes:
        name: Name of the class.
        x: Percent of the width, from the left.
        y: Percent of the height, from the top.
        anchor: Part of the name that is at the point: `start`, `middle` or `end`.
        large: Whether the label is shown on small screens.
    """

    name: str
    x: float
    y: float
    anchor: str
    large: bool


def label_regions(mask: NDArray[np.uint8], table: ClassTable) -> list[RegionLabel]:
    """Labels the larger regions of a mask, uint8 `[H, W]`, each where it is widest.

    Of two labels that would overlap, the label of the smaller region is left out.
    """
    candidates: list[tuple[int, RegionLabel]] = []
    for value in np.flatnonzero(np.bincount(mask.ravel(), minlength=256) >= _MIN_AREA * mask.size):
        name = table.names[value] if value < len(table) else "ignored"
        _, components, stats, _ = cv2.connectedComponentsWithStats((mask == value).view(np.uint8), connectivity=4)
        for component in 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= _MIN_AREA * mask.size):
            area = int(stats[component, cv2.CC_STAT_AREA])
            candidates.append((area, _label(components == component, name, area >= _LARGE_AREA * mask.size)))
    labels: list[RegionLabel] = []
    for _, label in sorted(candidates, key=lambda row: -row[0]):
        if all(
            abs(label.x - other.x) > _MIN_DISTANCE[0] or abs(label.y - other.y) > _MIN_DISTANCE[1] for other in labels
        ):
            labels.append(label)
    return labels[:_MAX_LABELS]


def _label(region: NDArray[np.bool_], name: str, large: bool) -> RegionLabel:
    padded = np.pad(region, 1).view(np.uint8)  # the edge of the picture is a border too
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    row, column = divmod(int(distance.argmax()), region.shape[1])
    x, y = 100 * (column + 0.5) / region.shape[1], 100 * (row + 0.5) / region.shape[0]
    anchor = "start" if x < 12 else "end" if x > 88 else "middle"
    return RegionLabel(name, round(x, 1), round(min(max(y, 3.0), 97.0), 1), anchor, large)
