"""Read Supervisely's JSON: `ann/NAME.json` per photograph, and `meta.json` with the classes.

Its coordinates name pixels, so an outline runs through their centers, and a rectangle includes its last row and column.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from segdrone.annotations.bitmaps import EmbeddedPng
from segdrone.annotations.checked import CheckedNode, parse_color
from segdrone.annotations.people import join_names
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape, box


def matches(document: Any) -> bool:
    """Returns whether a document has this format: an annotation, or `meta.json`."""
    return isinstance(document, dict) and (
        {"objects", "size"} <= document.keys()
        or ({"classes", "tags"} <= document.keys() and isinstance(document["classes"], list))
    )


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotation of a photograph, or the classes of `meta.json`.

    Raises:
        DataError: Something is missing or has a wrong type, or the geometry is unknown.
    """
    root = CheckedNode(document, path)
    if "objects" not in root.mapping():
        return _read_meta(root)
    skipped: Counter[str] = Counter()
    shapes = []
    for node in root["objects"].items():
        shape = _read_shape(node)
        if shape is None:
            skipped["points, lines, graphs and cuboids"] += 1
        else:
            shapes.append(shape)
    size = root["size"].size("height", "width")
    by = join_names(node.word("labelerLogin") for node in root["objects"].items())
    return Annotations([AnnotatedImage([path.stem], size, shapes, str(path), path, by=by)], skipped=skipped)


def _read_meta(root: CheckedNode) -> Annotations:
    labels, colors = [], {}
    for node in root["classes"].items():
        label = node["title"].label()
        labels.append(label)
        if (color := node.get("color")) and (parsed := parse_color(color.text())):
            colors[label] = parsed
    return Annotations(labels=labels, colors=colors)


def _read_shape(node: CheckedNode) -> Shape | None:
    kind = (node.get("geometryType") or node["shape"]).text()
    label = node["classTitle"].label()
    if kind == "bitmap":
        bitmap = node["bitmap"]
        left, top = _pair(bitmap["origin"])
        return Shape(label, node.where, bitmap=EmbeddedPng(bitmap["data"].text(), top, left, is_deflated=True))
    if kind == "rectangle":
        corners = node["points"]["exterior"].points()
        if len(corners) != 2:
            raise node.error(f"has {len(corners)} points, which is not valid for a rectangle")
        (left, top), (right, bottom) = corners.min(0), corners.max(0)
        return Shape(label, node.where, [box(left, top, right + 1, bottom + 1)], is_box=True)
    if kind == "polygon":
        interior = node["points"].get("interior")
        outlines = [
            node["points"]["exterior"].points(),
            *(hole.points() for hole in (interior.items() if interior else ())),
        ]
        if len(outlines[0]) < 3:
            return None
        return Shape(label, node.where, [outline + 0.5 for outline in outlines], has_holes=True)
    if kind in ("point", "line", "polyline", "graph", "cuboid", "cuboid_2d"):
        return None
    raise node.error(f"has the geometry {kind!a}, which is not known here: export it as bitmap or polygon")


def _pair(node: CheckedNode) -> tuple[int, int]:
    values = node.integers().tolist()
    if len(values) != 2:
        raise node.error("is not a column and a row")
    return values[0], values[1]
