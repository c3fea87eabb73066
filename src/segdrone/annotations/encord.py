"""Read Encord's JSON: label rows with data units, whose coordinates are shares of width and height."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segdrone.annotations.bitmaps import RunLengths, decode_coco_counts
from segdrone.annotations.checked import CheckedNode, parse_color, read_points
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Points, Shape, box
from segdrone.classes import Color
from segdrone.errors import DataError


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and "data_units" in first


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Points, lines and skeletons cover no pixels.

    Raises:
        DataError: Something is missing or has a wrong type, or a data unit is a video.
    """
    skipped: Counter[str] = Counter()
    colors: dict[str, Color] = {}
    images = []
    for row in CheckedNode(document if isinstance(document, list) else [document], path).items():
        for key in row["data_units"].mapping():
            images.append(_read_unit(row["data_units"][key], skipped, colors))
    return Annotations(images, colors=colors, skipped=+skipped)


def _read_unit(unit: CheckedNode, skipped: Counter[str], colors: dict[str, Color]) -> AnnotatedImage:
    labels = unit.get("labels")
    if labels and labels.mapping() and "objects" not in labels.mapping() and "classifications" not in labels.mapping():
        raise DataError(f"{unit.where} has labels by frame, of a video: export single images from Encord, or COCO")
    objects = labels.get("objects") if labels else None
    shapes = []
    for node in objects.items() if objects else ():
        shape = _read_shape(node)
        if shape is None:
            skipped["points, lines, skeletons and circles"] += 1
            continue
        shapes.append(shape)
        if (color := node.get("color")) and (parsed := parse_color(color.text())):
            colors[shape.label] = parsed
    return AnnotatedImage([unit["data_title"].text()], unit.size("height", "width"), shapes, unit.where, unit.path)


def _read_shape(node: CheckedNode) -> Shape | None:
    label = node["name"].label()
    if bitmask := node.get("bitmask"):
        return Shape(label, node.where, bitmap=_read_runs(bitmask))
    if (polygons := node.get("polygons")) and polygons.content:
        rings = [_ring(ring) for polygon in polygons.items() for ring in polygon.items()]
        return Shape(label, node.where, rings, has_holes=True, is_relative=True)
    if polygon := node.get("polygon"):
        return Shape(label, node.where, [read_points(_in_order(polygon))], is_relative=True)
    if corners := node.get("boundingBox"):
        left, top, width, height = (corners[key].number() for key in ("x", "y", "w", "h"))
        return Shape(label, node.where, [box(left, top, left + width, top + height)], is_relative=True, is_box=True)
    if kind := next((key for key in ("rotatableBoundingBox", "ellipse", "circle") if key in node.mapping()), None):
        raise node.error(f"is of the kind {kind}, which is not known here: draw a polygon or bitmask instead")
    return None


def _in_order(polygon: CheckedNode) -> Iterator[CheckedNode]:
    """Yields the points of a list, or of a mapping from the number of each point."""
    if not isinstance(polygon.content, dict):
        yield from polygon.items()
        return
    keys = {key: CheckedNode(key, polygon.path, polygon.place).integer() for key in polygon.content}
    yield from (polygon[key] for key in sorted(keys, key=lambda key: keys[key]))


def _ring(ring: CheckedNode) -> Points:
    """Returns a contour of x, y, x, y, ... or of points."""
    items = list(ring.items())
    if items and isinstance(items[0].content, dict):
        return read_points(items)
    numbers = ring.numbers()
    if numbers.size % 2:
        raise ring.error("is not a list of x, y, x, y, ...")
    return numbers.reshape(-1, 2)


def _read_runs(node: CheckedNode) -> RunLengths:
    """Returns a bitmask: run lengths along the rows, in the characters that COCO uses."""
    top, left, height, width = (node[key].integer() for key in ("top", "left", "height", "width"))
    try:
        return RunLengths(decode_coco_counts(node["rleString"].text()), (height, width), top, left)
    except ValueError as error:
        raise node.error(error) from None
