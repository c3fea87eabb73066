"""Find the things that can be counted in a mask, and write them as COCO does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.components import connected_components
from segdrone.windows import Size, Window

THING_CLASSES = ("person", "dog", "car", "bicycle", "ar-marker")
"""Classes of which one connected region is one thing, as a rule: whole, compact, and apart from others.

Of the others in `DRONE`, ground, water and plants have no number; crowns of trees, roofs, walls and
fences grow into one another; windows, doors and poles are parts of those; rocks and obstacles are
heaps of anything. They can be asked for by name.
"""


def thing_classes(table: ClassTable) -> list[str]:
    """Returns those of `THING_CLASSES` that the table has, in its order."""
    return [name for name in table.names if name in THING_CLASSES]


class Instance(NamedTuple):
    """A connected region of a class. Two people who touch in the mask are one object.

    Args:
        class_id: The class, as in the mask.
        box: Left column, top row, width and height in pixels, as COCO has it.
        area: Pixels.
        confidence: Mean over its pixels, 0 to 1, or None.
        counts: Lengths of runs outside and inside in turn, beginning outside, down the columns of the
            whole photograph: COCO's uncompressed RLE.
    """

    class_id: int
    box: tuple[int, int, int, int]
    area: int
    confidence: float | None
    counts: list[int]


def find_instances(
    mask: NDArray[np.uint8],
    confidence: NDArray[np.uint8] | None,
    table: ClassTable,
    classes: Sequence[str] | None = None,
) -> list[Instance]:
    """Returns the objects in a mask by class id, then from the top down, then from left to right.

    Args:
        mask: uint8 `[H, W]`, class ids.
        confidence: uint8 `[H, W]`, 0 to 255 for 0 to 1, if known.
        table: The classes.
        classes: Names of those wanted; None for those that are `countable`.

    Raises:
        ConfigError: The table lacks one of `classes`.
    """
    wanted = thing_classes(table) if classes is None else classes
    unknown = [name for name in wanted if name not in table.names]
    if unknown:
        raise ConfigError(
            f"there is no class {', '.join(unknown)} to find objects of: choose from {', '.join(table.names)}"
        )
    found = []
    for class_id in sorted({table.names.index(name) for name in wanted}):
        for region in connected_components(mask, class_id):
            window, pixels = region.window, region.pixels
            box = (window.left, window.top, window.width, window.height)
            mean = None if confidence is None else float(confidence[window.rows, window.columns][pixels].mean()) / 255
            counts = _run_lengths(pixels, window, (mask.shape[0], mask.shape[1]))
            found.append(Instance(class_id, box, region.area, mean, counts))
    return sorted(found, key=lambda thing: (thing.class_id, thing.box[1], thing.box[0], thing.counts))


def to_coco(photographs: Mapping[str, tuple[Size, Sequence[Instance]]], table: ClassTable) -> dict[str, Any]:
    """Returns a COCO document of detections: images, categories and annotations with a `score`.

    All ids begin at 1: `COCOeval` takes annotation 0 for "no match", and detectors take category 0 for
    the background. All classes of the table are categories, whether found or not, so that the ids of
    two documents mean the same: a category's id is its class id + 1. `iscrowd` is 0, each annotation
    being one object, though its outline is an RLE and not a polygon.

    Args:
        photographs: Height and width in pixels, and the objects, by file name.
        table: The classes.
    """
    document: dict[str, Any] = {
        "info": {"description": "Objects found by segdrone"},
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(table.names, 1)],
    }
    for image_id, (name, ((height, width), objects)) in enumerate(photographs.items(), 1):
        document["images"].append({"id": image_id, "file_name": name, "width": width, "height": height})
        for thing in objects:
            annotation = {
                "id": len(document["annotations"]) + 1,
                "image_id": image_id,
                "category_id": thing.class_id + 1,
                "bbox": list(thing.box),
                "area": thing.area,
                "segmentation": {"size": [height, width], "counts": thing.counts},
                "iscrowd": 0,
            }
            if thing.confidence is not None:
                annotation["score"] = thing.confidence
            document["annotations"].append(annotation)
    return document


def _run_lengths(pixels: NDArray[np.bool_], window: Window, size: Size) -> list[int]:
    columns = np.pad(pixels.T, ((0, 0), (1, 1))).astype(np.int8)
    column, row = np.nonzero(np.diff(columns))  # first pixel of a run and first after it, in turn
    ends = (window.left + column) * size[0] + window.top + row
    joined = np.flatnonzero(ends[1:] == ends[:-1])  # from the foot of a column to the head of the next
    ends = np.delete(ends, np.concatenate([joined, joined + 1]))
    counts: list[int] = np.diff(ends, prepend=0, append=size[0] * size[1]).tolist()
    return counts if counts[-1] else counts[:-1]
