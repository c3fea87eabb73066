"""Read COCO's JSON: polygons and RLE masks of many photographs in one file (instances, stuff, keypoints).

COCO has no drawing order: larger areas are drawn first, so that a car is drawn over its street.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segdrone.annotations.bitmaps import RunLengths, decode_coco_counts
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape, polygon_area
from segdrone.windows import Size


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return (
        isinstance(document, dict)
        and {"images", "annotations", "categories"} <= document.keys()
        and not first_has(document["annotations"], "segments_info", "caption")  # those are panoptic and captions
    )


def first_has(items: Any, *keys: str) -> bool:
    """Whether the first of some annotations has one of the keys."""
    first = items[0] if isinstance(items, list) and items else None
    return isinstance(first, dict) and not first.keys().isdisjoint(keys)


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Several polygons of one annotation are joined; crowds are drawn too.

    Raises:
        DataError: Something is missing, has a wrong type, or refers to an id that does not exist.
    """
    root = CheckedNode(document, path)
    labels = read_categories(root)
    shapes: dict[int | str, list[Shape]] = defaultdict(list)
    images = read_images(root, shapes)
    skipped: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for node in root["annotations"].items():
        image, category = node["image_id"].key(), node["category_id"].key()
        if image not in images:
            raise node.error(f"has the image_id {image!a}, which no image has")
        if category not in labels:
            raise node.error(f"has the category_id {category!a}, which no category has")
        if not (segmentation := node.get("segmentation")) or segmentation.content in ([], ""):
            counter, what = (unread, "bounding boxes") if node.get("bbox") else (skipped, "annotations of no area")
            counter[what] += 1
        else:
            if isinstance(segmentation.content, dict):
                runs = read_runs(segmentation, images[image].size)
                shape = Shape(labels[category], segmentation.where, bitmap=runs, z_order=-runs.area)
            else:
                shape, too_short = _read_polygons(segmentation, labels[category])
                skipped["polygons of fewer than 3 points"] += too_short
            shapes[image].append(replace(shape, is_crowd=covers_several(node)))
    drawn = {shape.label for found in shapes.values() for shape in found}
    project = _project_name(root)
    declared = [label for label in labels.values() if label in drawn or label != project]
    return Annotations(list(images.values()), declared, skipped=+skipped, unread=unread, things=read_things(root))


def _project_name(root: CheckedNode) -> str | None:
    """Returns the category that Roboflow adds to all others as their parent, by the name of the project, or None."""
    categories = [(node["name"].label(), node.get("supercategory")) for node in root["categories"].items()]
    parents = {ascii(parent.content) if parent else "" for _, parent in categories} - {"'none'"}
    named = [name for name, parent in categories if parent and parent.content == "none"]
    return named[0] if len(named) == 1 and parents == {ascii(named[0])} else None


def read_categories(root: CheckedNode) -> dict[int | str, str]:
    """Returns the name of each category by its id.

    Raises:
        DataError: An id or a name is missing, or an id is given twice.
    """
    labels: dict[int | str, str] = {}
    for node in root["categories"].items():
        key, name = node["id"].key(), node["name"].label()
        if labels.setdefault(key, name) != name:
            raise node.error(f"has the id {key!a} of the category {labels[key]!a}")
    return labels


def read_things(root: CheckedNode) -> dict[str, bool]:
    """Returns whether a category is one of things (`isthing`), by its name, for those that say it."""
    said = ((node["name"].label(), node.get("isthing")) for node in root["categories"].items())
    return {name: value.content in (1, "1") for name, value in said if value is not None}


def covers_several(node: CheckedNode) -> bool:
    """Whether an annotation or a segment covers several things: 1 or, of COCO Annotator, true."""
    said = node.get("iscrowd")
    return said is not None and said.content in (1, "1")


def read_images(root: CheckedNode, shapes: Mapping[int | str, list[Shape]]) -> dict[int | str, AnnotatedImage]:
    """Returns the photographs by their ids, each with the list in `shapes`, which may be filled later.

    Raises:
        DataError: An id or a name is missing, or an id is given twice.
    """
    images: dict[int | str, AnnotatedImage] = {}
    for node in root["images"].items():
        key = node["id"].key()
        if key in images:
            raise node.error(f"has the id {key!a} of an earlier image")
        named = node.get("file_name") or node.get("coco_url") or node["file_name"]  # LVIS gives the URL only
        size = node.size("height", "width")
        images[key] = AnnotatedImage([named.text()], size, shapes[key], node.where, root.path)
    return images


def _read_polygons(segmentation: CheckedNode, label: str) -> tuple[Shape, int]:
    polygons = []
    is_flat = isinstance(segmentation.content, list) and not isinstance(segmentation.content[0], list)
    for node in [segmentation] if is_flat else segmentation.items():  # some tools leave out a level of brackets
        numbers = node.numbers()
        if numbers.ndim != 1 or numbers.size % 2:
            raise node.error("is not a list of x, y, x, y, ...")
        polygons.append(numbers.reshape(-1, 2))
    drawn = [polygon for polygon in polygons if len(polygon) > 2]
    shape = Shape(label, segmentation.where, drawn, z_order=-sum(polygon_area(polygon) for polygon in drawn))
    return shape, len(polygons) - len(drawn)


def read_runs(node: CheckedNode, image_size: Size | None = None) -> RunLengths:
    """Returns run lengths, compressed or not, of a mapping with `counts` and `size`.

    Args:
        node: The mapping.
        image_size: Height and width that they must have; None if these are not known.

    Raises:
        DataError: Something is missing or has a wrong type, or the size is another one, or not that of the counts.
    """
    counts, size = node["counts"], node["size"].integers().tolist()
    if len(size) != 2 or (image_size is not None and tuple(size) != image_size):
        expected = "a height and a width" if image_size is None else f"the height and width of its image {image_size}"
        raise node.error(f"has the size {size}, not {expected}")
    try:
        lengths = decode_coco_counts(counts.content) if isinstance(counts.content, str) else counts.integers()
        return RunLengths(lengths, (size[0], size[1]), by_columns=True)
    except ValueError as error:
        raise counts.error(error) from None
