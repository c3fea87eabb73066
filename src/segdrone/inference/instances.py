"""Find instances of thing classes in a mask, and write them as COCO detections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable, thing_classes
from segdrone.errors import ConfigError
from segdrone.inference.components import connected_components
from segdrone.windows import Size, Window


def check_classes(names: Sequence[str], table: ClassTable) -> list[str]:
    """Returns the names of classes, in the order of the table.

    Raises:
        ConfigError: The table does not have one of them.
    """
    unknown = [name for name in names if name not in table.names]
    if unknown:
        raise ConfigError(
            f"there is no class {', '.join(unknown)}: choose the classes of objects from {', '.join(table.names)}"
        )
    return [name for name in table.names if name in names]


class Instance(NamedTuple):
    """A thing: pixels of a class with one number, or a connected component, in which two people who touch are one.

    Attributes:
        class_id: The class, as in the mask.
        box: Left column, top row, width and height in pixels, as in COCO.
        area: Number of pixels.
        confidence: Mean over its pixels, 0 to 1, or None.
        counts: COCO's uncompressed RLE: lengths of alternating runs outside and inside, starting outside, down the
            columns of the whole image.
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
    numbers: NDArray[np.uint16] | None = None,
) -> list[Instance]:
    """Returns the instances in a mask, sorted by class id, then by top row, then by left column.

    Args:
        mask: uint8 `[H, W]`, class ids; ignored pixels belong to no instance.
        confidence: uint8 `[H, W]`, 0 to 255 for 0 to 1, if known.
        table: The classes.
        classes: Names of the classes to search; None is `thing_classes(table)`.
        numbers: uint16 `[H, W]`: pixels of one class and one number are one instance, and those of number 0 belong to
            none. None takes connected components.

    Raises:
        ConfigError: The table does not have one of `classes`.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> [instance.box for instance in find_instances(np.array([[0, 1, 1, 0, 1]], np.uint8), None, table)]
        [(1, 0, 2, 1), (4, 0, 1, 1)]
    """
    names = thing_classes(table) if classes is None else check_classes(classes, table)
    size: Size = (mask.shape[0], mask.shape[1])
    instances = []
    for class_id in sorted({table.names.index(name) for name in names}):
        for window, pixels in _components(mask, class_id) if numbers is None else _numbered(mask, class_id, numbers):
            box = (window.left, window.top, window.width, window.height)
            mean = None if confidence is None else float(confidence[window.rows, window.columns][pixels].mean()) / 255
            area = int(np.count_nonzero(pixels))
            instances.append(Instance(class_id, box, area, mean, _run_lengths(pixels, window, size)))
    return sorted(
        instances, key=lambda instance: (instance.class_id, instance.box[1], instance.box[0], instance.counts)
    )


_Part = tuple[Window, NDArray[np.bool_]]  # bounding box, and the pixels in it


def _components(mask: NDArray[np.uint8], class_id: int) -> Iterator[_Part]:
    for component in connected_components(mask, class_id):
        yield component.window, component.pixels


def _numbered(mask: NDArray[np.uint8], class_id: int, numbers: NDArray[np.uint16]) -> Iterator[_Part]:
    rows, columns = np.nonzero((mask == class_id) & (numbers > 0))
    found = numbers[rows, columns]
    order = np.argsort(found, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(found[order])) + 1) if len(order) else []
    for part in parts:
        y, x = rows[part], columns[part]
        window = Window(int(y.min()), int(x.min()), int(np.ptp(y)) + 1, int(np.ptp(x)) + 1)
        pixels = np.zeros((window.height, window.width), bool)
        pixels[y - window.top, x - window.left] = True
        yield window, pixels


def to_coco(images: Mapping[str, tuple[Size, Sequence[Instance]]], table: ClassTable) -> dict[str, Any]:
    """Returns a COCO document of detections: images, categories and annotations with a `score`.

    All ids start at 1: `COCOeval` uses annotation 0 for "no match", and detectors use category 0 for the
    background. A category's id is its class id + 1, and all classes are categories, so that ids mean the same in every
    document. `iscrowd` is 0, as each annotation is one instance, although its outline is an RLE rather than a polygon.

    Args:
        images: Height and width in pixels, and the instances, by file name.
        table: The classes.
    """
    document: dict[str, Any] = {
        "info": {"description": "Objects found by segdrone"},
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(table.names, 1)],
    }
    for image_id, (name, ((height, width), instances)) in enumerate(images.items(), 1):
        document["images"].append({"id": image_id, "file_name": name, "width": width, "height": height})
        for instance in instances:
            annotation = {
                "id": len(document["annotations"]) + 1,
                "image_id": image_id,
                "category_id": instance.class_id + 1,
                "bbox": list(instance.box),
                "area": instance.area,
                "segmentation": {"size": [height, width], "counts": instance.counts},
                "iscrowd": 0,
            }
            if instance.confidence is not None:
                annotation["score"] = instance.confidence
            document["annotations"].append(annotation)
    return document


def _run_lengths(pixels: NDArray[np.bool_], window: Window, size: Size) -> list[int]:
    columns = np.zeros((window.width, window.height + 2), np.int8)  # np.pad takes longer than all else
    columns[:, 1:-1] = pixels.T
    column, row = np.nonzero(np.diff(columns))  # in turn the first pixel of a run, and the first one after it
    ends = (window.left + column) * size[0] + window.top + row
    parted = np.concatenate([[True], ends[1:] != ends[:-1], [True]])  # other runs go on from a column to the next one
    ends = ends[parted[1:] & parted[:-1]]
    counts: list[int] = np.diff(np.concatenate([[0], ends, [size[0] * size[1]]])).tolist()
    return counts if counts[-1] else counts[:-1]
