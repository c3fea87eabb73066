"""Write things and stuff in COCO's panoptic form: a PNG of segment ids, and a JSON that describes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable

_FIRST_THING = 256  # ids below are those of stuff: class id + 1


@dataclass(frozen=True)
class PanopticSegments:
    """The segments of an image: each thing, and all pixels of each other class.

    Attributes:
        ids: Id of the segment, int32 `[H, W]`; 0 without data.
        table: The classes.
        classes: Class id of each segment, uint8 by the segment's id.
    """

    ids: NDArray[np.int32]
    table: ClassTable
    classes: NDArray[np.uint8]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The ids as COCO writes them in a PNG: uint8 `[H, W, 3]`, id = R + 256 G + 65536 B."""
        return np.stack([(self.ids >> shift & 255).astype(np.uint8) for shift in (0, 8, 16)], -1)

    def document(self, photograph: str, png: str, things: Collection[str]) -> dict[str, Any]:
        """Returns the JSON document.

        A category's id is its class id + 1, as in `to_coco`. Pixels of a thing class that have no number are a crowd.

        Args:
            photograph: Path of the photograph.
            png: Name of the PNG of segment ids.
            things: Names of the classes that are things.
        """
        height, width = self.ids.shape
        (top, bottom), (left, right) = _bounds(self.ids), _bounds(np.ascontiguousarray(self.ids.T))
        areas = np.bincount(self.ids.ravel())
        segments = [
            {
                "id": id_,
                "category_id": int(self.classes[id_]) + 1,
                "area": int(areas[id_]),
                "bbox": [int(n) for n in (left[id_], top[id_], right[id_] - left[id_] + 1, bottom[id_] - top[id_] + 1)],
                "iscrowd": int(id_ < _FIRST_THING and self.table.names[self.classes[id_]] in things),
            }
            for id_ in map(int, np.flatnonzero(areas))
            if id_ > 0
        ]
        return {
            "info": {"description": "Segments found by segdrone"},
            "images": [{"id": 1, "file_name": photograph, "width": width, "height": height}],
            "annotations": [{"image_id": 1, "file_name": png, "segments_info": segments}],
            "categories": [
                {"id": i, "name": name, "supercategory": "", "isthing": int(name in things), "color": list(color)}
                for i, (name, color) in enumerate(zip(self.table.names, self.table.colours, strict=True), 1)
            ],
        }


def to_panoptic(mask: NDArray[np.uint8], numbers: NDArray[np.uint16], table: ClassTable) -> PanopticSegments:
    """Returns the segments of a mask.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        numbers: Number of the thing, uint16 `[H, W]`, each of one class; 0 for stuff.
        table: The classes.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> mask, numbers = np.array([[0, 1, 1, 255]], np.uint8), np.array([[0, 1, 2, 0]], np.uint16)
        >>> to_panoptic(mask, numbers, table).ids.tolist()
        [[1, 257, 258, 0]]
    """
    stuff = mask.astype(np.int32) + 1
    stuff[mask >= len(table)] = 0
    ids = np.where(numbers > 0, numbers.astype(np.int32) + _FIRST_THING, stuff)
    classes = np.zeros(int(ids.max(initial=0)) + 1, np.uint8)
    classes[ids] = mask
    return PanopticSegments(ids, table, classes)


def _bounds(ids: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the first and the last row of each segment, by its id."""
    first, last = np.zeros((2, int(ids.max(initial=0)) + 1), np.int64)
    for row, values in enumerate(ids):
        last[values] = row
    for row in range(len(ids) - 1, -1, -1):
        first[ids[row]] = row
    return first, last
