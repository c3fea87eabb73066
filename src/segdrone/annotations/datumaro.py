"""Read Datumaro's JSON: one file per subset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.coco import read_runs
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Points, Shape, box, ellipse, rotate
from segdrone.classes import Color
from segdrone.raster.header import IMAGE_SUFFIXES


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return isinstance(document, dict) and {"categories", "items"} <= document.keys()


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Labels, points, captions and lines cover no pixels.

    Raises:
        DataError: Something is missing or has a wrong type, or refers to a label that does not exist.
    """
    root = CheckedNode(document, path)
    categories = root["categories"]
    label = categories.get("label")
    labels = [node["name"].label() for node in label["labels"].items()] if label else []
    skipped: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    images = []
    for item in root["items"].items():
        shapes = []
        for node in item["annotations"].items():
            shape = _read_shape(node, labels)
            if node["type"].content == "rotated_bbox":
                unread["rotated bounding boxes"] += 1
            elif shape is None:
                skipped["labels, points, lines and captions"] += 1
            else:
                shapes.append(shape)
        images.append(_read_image(item, shapes, path))
    return Annotations(images, labels, _colors(categories, labels), +skipped, unread)


def _read_image(item: CheckedNode, shapes: list[Shape], path: Path) -> AnnotatedImage:
    """Returns the photograph of an item: by its path, else by its id, which has no suffix."""
    image = item.get("image") or item.get("media")
    named = image.get("path") if image else None
    if named and named.content == "":  # CVAT writes no path if it exports no photographs
        named = None
    size = image.get("size") if image else None
    sides = size.integers().tolist() if size else []
    id_ = str(item["id"].key())
    names = [named.text(), id_] if named and Path(named.text()).suffix.lower() in IMAGE_SUFFIXES else [id_]
    return AnnotatedImage(names, (sides[0], sides[1]) if len(sides) == 2 else None, shapes, item.where, path)


def _read_shape(node: CheckedNode, labels: list[str]) -> Shape | None:
    kind = node["type"].text()
    if kind not in ("polygon", "mask", "bbox", "ellipse"):
        return None
    label_id = node["label_id"].integer()
    if not 0 <= label_id < len(labels):
        raise node.error(f"has the label_id {label_id}, which no label has")
    order = node.get("z_order")
    z_order = order.number() if order else 0
    group = node.word("group").removeprefix("0")  # 0 is none
    if kind == "mask":
        return Shape(labels[label_id], node.where, bitmap=read_runs(node["rle"]), z_order=z_order, group=group)
    numbers = node["bbox" if kind == "bbox" else "points"].numbers()
    if numbers.ndim != 1 or numbers.size % 2 or numbers.size < 4 or (kind != "polygon" and numbers.size != 4):
        raise node.error(f"has {numbers.size} numbers, which is not valid for a {kind}")
    if kind == "polygon":
        outline = numbers.reshape(-1, 2)
    elif kind == "bbox":
        outline = _rotated(node, box(numbers[0], numbers[1], numbers[0] + numbers[2], numbers[1] + numbers[3]))
    else:
        center, radii = (numbers[:2] + numbers[2:]) / 2, (numbers[2:] - numbers[:2]) / 2
        outline = ellipse(center[0], center[1], radii[0], radii[1])
    return Shape(labels[label_id], node.where, [outline], z_order=z_order, is_box=kind == "bbox", group=group)


def _rotated(node: CheckedNode, outline: Points) -> Points:
    """Returns the outline of a box, which CVAT rotates about its center: degrees clockwise, as an attribute."""
    attributes = node.get("attributes")
    rotation = attributes.get("rotation") if attributes else None
    if rotation is None or not isinstance(rotation.content, int | float):  # somebody's own attribute
        return outline
    x, y = outline.mean(0).tolist()
    return rotate(outline, rotation.number(), x, y)


def _colors(categories: CheckedNode, labels: list[str]) -> dict[str, Color]:
    mask = categories.get("mask")
    colormap = mask.get("colormap") if mask else None
    colors: dict[str, Color] = {}
    for node in colormap.items() if colormap else ():
        label_id, red, green, blue = (node[key].integer() for key in ("label_id", "r", "g", "b"))
        if 0 <= label_id < len(labels) and all(0 <= value <= 255 for value in (red, green, blue)):
            colors[labels[label_id]] = (red, green, blue)
    return colors
