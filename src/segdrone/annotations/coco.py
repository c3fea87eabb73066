"""Read COCO's JSON: polygons and RLE masks of many photographs in one file.

COCO has no drawing order: larger areas are drawn first, so that a car is drawn over its street.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from segdrone.annotations.bitmaps import RunLengths, decode_coco_counts
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape, polygon_area
from segdrone.windows import Size


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return isinstance(document, dict) and {"images", "annotations"} <= document.keys()


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Several polygons of one annotation are joined; crowds are drawn too.

    Raises:
        DataError: Something is missing, has a wrong type, or refers to an id that does not exist.
    """
    root = CheckedNode(document, path)
    labels = {node["id"].key(): node["name"].label() for node in root["categories"].items()}
    images: dict[int | str, AnnotatedImage] = {}
    shapes: dict[int | str, list[Shape]] = {}
    skipped: Counter[str] = Counter()
    for node in root["images"].items():
        key = node["id"].key()
        if key in images:
            raise node.error(f"has the id {key!a} of an earlier image")
        shapes[key] = []
        size = node.size("height", "width")
        images[key] = AnnotatedImage([node["file_name"].text()], size, shapes[key], node.where)
    for node in root["annotations"].items():
        image, category = node["image_id"].key(), node["category_id"].key()
        if image not in images:
            raise node.error(f"has the image_id {image!a}, which no image has")
        if category not in labels:
            raise node.error(f"has the category_id {category!a}, which no category has")
        if not (segmentation := node.get("segmentation")) or segmentation.content == []:
            skipped["annotations without a segmentation"] += 1
        elif isinstance(segmentation.content, dict):
            shapes[image].append(_read_runs(segmentation, labels[category], images[image].size))
        else:
            shape, too_short = _read_polygons(segmentation, labels[category])
            shapes[image].append(shape)
            skipped["polygons of fewer than 3 points"] += too_short
    return Annotations(list(images.values()), skipped=+skipped)


def _read_polygons(segmentation: CheckedNode, label: str) -> tuple[Shape, int]:
    polygons = []
    for node in segmentation.items():
        numbers = node.numbers()
        if numbers.ndim != 1 or numbers.size % 2:
            raise node.error("is not a list of x, y, x, y, ...")
        polygons.append(numbers.reshape(-1, 2))
    drawn = [polygon for polygon in polygons if len(polygon) > 2]
    shape = Shape(label, segmentation.where, drawn, z_order=-sum(polygon_area(polygon) for polygon in drawn))
    return shape, len(polygons) - len(drawn)


def _read_runs(segmentation: CheckedNode, label: str, image_size: Size | None) -> Shape:
    counts, size = segmentation["counts"], segmentation["size"].integers().tolist()
    if len(size) != 2 or (image_size is not None and tuple(size) != image_size):
        raise segmentation.error(f"has the size {size}, not the height and width of its image {image_size}")
    try:
        lengths = decode_coco_counts(counts.content) if isinstance(counts.content, str) else counts.integers()
        runs = RunLengths(lengths, (size[0], size[1]), by_columns=True)
    except ValueError as error:
        raise counts.error(error) from None
    return Shape(label, segmentation.where, bitmap=runs, z_order=-runs.area)
