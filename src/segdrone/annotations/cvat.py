"""CVAT for images 1.1: one XML file of many photographs.

Shapes are drawn by z_order, those of equal z_order as the file has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from segdrone.annotations.bitmaps import Runs
from segdrone.annotations.checked import CheckedNode, node_from_xml
from segdrone.annotations.shapes import Annotated, Annotations, Points, Shape, box, ellipse, turned
from segdrone.classes import Color
from segdrone.errors import DataError


def matches(document: Any) -> bool:
    """Tells whether a document is of this kind."""
    return isinstance(document, Element) and document.tag == "annotations"


def read(document: Any, path: Path) -> Annotations:
    """Returns what a document holds, and the colours of its labels.

    Lines, points, tags, cuboids and skeletons cover no pixels and are counted.

    Raises:
        DataError: Something is missing or no number, or it is CVAT's format for videos.
    """
    if document.find("track") is not None:
        raise DataError(f"{path} holds the tracks of a video: export it as CVAT for images 1.1")
    left_out: Counter[str] = Counter()
    photographs = []
    for element in document.iterfind("image"):
        image = node_from_xml(element, path, f"image {element.get('name', '')!a}")
        shapes = []
        for i, drawn in enumerate(element):
            if drawn.tag in _SHAPES:
                shapes.append(
                    _shape(node_from_xml(drawn, path, f"{image.place} {drawn.tag} (shape {i + 1})"), drawn.tag)
                )
            else:
                left_out["polylines, points, tags, cuboids and skeletons"] += 1
        photographs.append(Annotated([image["name"].text()], image.size("height", "width"), shapes, image.where))
    return Annotations(photographs, _colours(document, path), left_out)


def _colours(document: Element, path: Path) -> dict[str, Color]:
    colours = {}
    for element in document.iterfind("meta//labels/label"):
        label = node_from_xml(element, path, "meta.labels", name=element.findtext("name"))["name"].label()
        if found := re.fullmatch("#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", element.findtext("color") or ""):
            red, green, blue = (int(channel, 16) for channel in found.groups())
            colours[label] = (red, green, blue)
    return colours


def _shape(value: CheckedNode, tag: str) -> Shape:
    order = z_order.whole() if (z_order := value.get("z_order")) else 0
    label = value["label"].label()
    if tag == "mask":
        return Shape(label, value.where, bitmap=_runs(value), order=order)
    return Shape(label, value.where, [_SHAPES[tag](value)], order=order)


def _runs(value: CheckedNode) -> Runs:
    rle = value["rle"]
    try:
        lengths = [int(length) for length in rle.text().split(",")]
    except ValueError:
        raise rle.wrong("is not a list of whole numbers") from None
    height, width, top, left = (value[key].whole() for key in ("height", "width", "top", "left"))
    try:
        return Runs(CheckedNode(lengths, rle.path, rle.place).counts(), (height, width), top, left)
    except ValueError as error:
        raise value.wrong(error) from None


def _polygon(value: CheckedNode) -> Points:
    corners = [corner.split(",") for corner in value["points"].text().rstrip(";").split(";")]
    points = CheckedNode(corners, value.path, f"{value.place}.points").points()
    if len(points) < 3:
        raise value.wrong(f"has {len(points)} points, which enclose nothing")
    return points


def _box(value: CheckedNode) -> Points:
    left, top, right, bottom = (value[key].number() for key in ("xtl", "ytl", "xbr", "ybr"))
    return _turned(box(left, top, right, bottom), value, (left + right) / 2, (top + bottom) / 2)


def _ellipse(value: CheckedNode) -> Points:
    x, y, radius_x, radius_y = (value[key].number() for key in ("cx", "cy", "rx", "ry"))
    return _turned(ellipse(x, y, radius_x, radius_y), value, x, y)


def _turned(points: Points, value: CheckedNode, x: float, y: float) -> Points:
    rotation = value.get("rotation")
    return turned(points, rotation.number() if rotation else 0, x, y)


_SHAPES: dict[str, Callable[[CheckedNode], Any]] = {
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
    "mask": _runs,
}
