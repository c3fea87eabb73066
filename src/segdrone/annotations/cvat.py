"""Read CVAT for images 1.1: one XML file of the photographs of a task, or of a project with subsets.

Shapes are drawn by z_order, then in the order of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from segdrone.annotations.bitmaps import RunLengths
from segdrone.annotations.checked import CheckedNode, node_from_xml, parse_color
from segdrone.annotations.people import join_names
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Points, Shape, box, ellipse, rotate
from segdrone.classes import Color

NO_AREA = "tags, cuboids and skeletons"


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return isinstance(document, Element) and document.tag == "annotations" and document.find("track") is None


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document and the colors of its labels.

    Tags, cuboids and skeletons cover no pixels; they are counted as skipped.

    Raises:
        DataError: Something is missing or not a number.
    """
    skipped: Counter[str] = Counter()
    images = []
    by = _read_people(document)
    for element in document.iterfind("image"):
        image = node_from_xml(element, path, f"image {element.get('name', '')!a}")
        shapes = []
        for i, child in enumerate(element):
            node = node_from_xml(child, path, f"{image.place} {child.tag} (shape {i + 1})")
            if shape := read_shape(node, child.tag):
                shapes.append(shape)
            else:
                skipped[NO_AREA] += 1
        name, subset = image["name"].text(), image.get("subset")
        names = [f"/{subset.text()}/{name}"] if subset else [name]  # a project keeps images/SUBSET/NAME
        images.append(
            AnnotatedImage(
                names,
                image.size("height", "width"),
                shapes,
                image.where,
                path,
                subset=subset.text() if subset else None,
                by=by,
            )
        )
    labels, colors = read_labels(document, path)
    return Annotations(images, labels, colors, skipped)


def _read_people(document: Element) -> str:
    """Returns to whom the task or its jobs are assigned; if to nobody, who owns it."""
    assigned, owners = ([*document.iterfind(f"meta//{role}")] for role in ("assignee", "owner"))
    named = [join_names(e.findtext("username") or e.text for e in found) for found in (assigned, owners)]
    return next(filter(None, named), "")


def read_labels(document: Element, path: Path) -> tuple[list[str], dict[str, Color]]:
    """Returns the labels that the task or project declares, and their colors.

    Raises:
        DataError: A name is missing.
    """
    labels, colors = [], {}
    for element in document.iterfind("meta//labels/label"):
        if (element.findtext("parent") or "").strip():
            continue  # a point of a skeleton
        label = node_from_xml(element, path, "meta.labels", name=element.findtext("name"))["name"].label()
        labels.append(label)
        if color := parse_color(element.findtext("color") or ""):
            colors[label] = color
    return labels, colors


def read_shape(node: CheckedNode, tag: str) -> Shape | None:
    """Returns the shape of an element, or None if it covers no pixels.

    Raises:
        DataError: Something is missing or not a number.
    """
    if tag not in _SHAPES and tag not in _LINES:
        return None
    z_order = value.integer() if (value := node.get("z_order")) else 0
    label, group = node["label"].label(), node.word("group_id").removeprefix("0")  # 0 is none
    if tag == "mask":
        return Shape(label, node.where, bitmap=_read_runs(node), z_order=z_order, group=group)
    if tag in _LINES:
        points = _read_points(node)
        lines = [points] if tag == "polyline" else np.split(points, len(points))
        return Shape(label, node.where, lines=lines, z_order=z_order, group=group)
    return Shape(label, node.where, [_SHAPES[tag](node)], z_order=z_order, is_box=tag == "box", group=group)


def _read_runs(node: CheckedNode) -> RunLengths:
    rle = node["rle"]
    try:
        lengths = [int(length) for length in rle.text().split(",")]
    except ValueError:
        raise rle.error("is not a list of integers") from None
    height, width, top, left = (node[key].integer() for key in ("height", "width", "top", "left"))
    try:
        return RunLengths(CheckedNode(lengths, rle.path, rle.place).integers(), (height, width), top, left)
    except ValueError as error:
        raise node.error(error) from None


def _read_points(node: CheckedNode) -> Points:
    corners = [corner.split(",") for corner in node["points"].text().rstrip(";").split(";")]
    return CheckedNode(corners, node.path, f"{node.place}.points").points()


def _read_polygon(node: CheckedNode) -> Points:
    points = _read_points(node)
    if len(points) < 3:
        raise node.error(f"has {len(points)} points, a polygon needs 3")
    return points


def _read_box(node: CheckedNode) -> Points:
    left, top, right, bottom = (node[key].number() for key in ("xtl", "ytl", "xbr", "ybr"))
    return _rotate(box(left, top, right, bottom), node, (left + right) / 2, (top + bottom) / 2)


def _read_ellipse(node: CheckedNode) -> Points:
    x, y, radius_x, radius_y = (node[key].number() for key in ("cx", "cy", "rx", "ry"))
    return _rotate(ellipse(x, y, radius_x, radius_y), node, x, y)


def _rotate(points: Points, node: CheckedNode, x: float, y: float) -> Points:
    rotation = node.get("rotation")
    return rotate(points, rotation.number() if rotation else 0, x, y)


_SHAPES: dict[str, Callable[[CheckedNode], Any]] = {
    "polygon": _read_polygon,
    "box": _read_box,
    "ellipse": _read_ellipse,
    "mask": _read_runs,
}
_LINES = ("points", "polyline")
