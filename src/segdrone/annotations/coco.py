"""COCO's JSON: polygons and run lengths of many photographs in one file.

COCO knows no order of drawing: larger areas are drawn first, so that a car lies on its street.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from segdrone.annotations.bitmaps import Runs, coco_counts
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import Annotated, Annotations, Shape, area
from segdrone.windows import Size


def matches(document: Any) -> bool:
    """Tells whether a document is of this kind."""
    return isinstance(document, dict) and {"images", "annotations"} <= document.keys()


def read(document: Any, path: Path) -> Annotations:
    """Returns what a document holds; several polygons of an annotation are their union, crowds are drawn too.

    Raises:
        DataError: Something is missing, of a wrong type, or refers to what is not there.
    """
    root = CheckedNode(document, path)
    labels = {value["id"].key(): value["name"].label() for value in root["categories"].each()}
    photographs: dict[int | str, Annotated] = {}
    shapes: dict[int | str, list[Shape]] = {}
    left_out: Counter[str] = Counter()
    for value in root["images"].each():
        key = value["id"].key()
        if key in photographs:
            raise value.wrong(f"has the id {key!a} of an image before it")
        shapes[key] = []
        size = value.size("height", "width")
        photographs[key] = Annotated([value["file_name"].text()], size, shapes[key], value.where)
    for value in root["annotations"].each():
        image, category = value["image_id"].key(), value["category_id"].key()
        if image not in photographs:
            raise value.wrong(f"has the image_id {image!a}, which no image has")
        if category not in labels:
            raise value.wrong(f"has the category_id {category!a}, which no category has")
        if not (segmentation := value.get("segmentation")) or segmentation.content == []:
            left_out["annotations without a segmentation"] += 1
        elif isinstance(segmentation.content, dict):
            shapes[image].append(_runs(segmentation, labels[category], photographs[image].size))
        else:
            shape, short = _polygons(segmentation, labels[category])
            shapes[image].append(shape)
            left_out["polygons of fewer than 3 points"] += short
    return Annotations(list(photographs.values()), left_out=+left_out)


def _polygons(segmentation: CheckedNode, label: str) -> tuple[Shape, int]:
    polygons = []
    for value in segmentation.each():
        numbers = value.numbers()
        if numbers.ndim != 1 or numbers.size % 2:
            raise value.wrong("is not a list of x, y, x, y, ...")
        polygons.append(numbers.reshape(-1, 2))
    drawn = [polygon for polygon in polygons if len(polygon) > 2]
    shape = Shape(label, segmentation.where, drawn, order=-sum(area(polygon) for polygon in drawn))
    return shape, len(polygons) - len(drawn)


def _runs(segmentation: CheckedNode, label: str, image_size: Size | None) -> Shape:
    counts, size = segmentation["counts"], segmentation["size"].counts().tolist()
    if len(size) != 2 or (image_size is not None and tuple(size) != image_size):
        raise segmentation.wrong(f"has the size {size}, not the height and width of its image {image_size}")
    try:
        lengths = coco_counts(counts.content) if isinstance(counts.content, str) else counts.counts()
        runs = Runs(lengths, (size[0], size[1]), by_columns=True)
    except ValueError as error:
        raise counts.wrong(error) from None
    return Shape(label, segmentation.where, bitmap=runs, order=-runs.area)
