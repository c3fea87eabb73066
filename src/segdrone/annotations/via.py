"""Read the JSON of VGG Image Annotator (VIA 1 and 2): its annotations or its project; Make Sense writes it too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Points, Shape, box, ellipse, rotate

_LABEL_KEYS = ("label", "class", "name", "category", "type")  # of the attribute that holds the class, if there are more


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    if not isinstance(document, dict) or not document:
        return False
    first = next(iter(document.values()))
    return "_via_img_metadata" in document or (isinstance(first, dict) and {"filename", "regions"} <= first.keys())


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Points and polylines are counted as skipped.

    Raises:
        DataError: Something is missing or has a wrong type, or several attributes might be the class.
    """
    root = CheckedNode(document, path)
    attributes = root.get("_via_attributes")
    if (metadata := root.get("_via_img_metadata")) is None:
        metadata = root
    files = [metadata[key] for key in metadata.mapping()]
    regions = [(file, list(_values(file["regions"]))) for file in files]
    key = _label_key(root, [region for _, found in regions for region in found])
    skipped: Counter[str] = Counter()
    images = []
    for file, found in regions:
        shapes = []
        for region in found:
            shape = region["shape_attributes"]
            kind = shape["name"].text()
            if kind not in _OUTLINES:
                skipped["points, polylines and other shapes without area"] += 1
            elif len(outline := _OUTLINES[kind](shape)) < 3:
                skipped["polygons of fewer than 3 points"] += 1
            else:
                shapes.append(Shape(_label(region, key), region.where, [outline], is_box=kind == "rect"))
        size = file.get("size")
        file_bytes = int(size.content) if size and isinstance(size.content, int) and size.content > 0 else None
        name = file["filename"].text()
        images.append(AnnotatedImage([name], None, shapes, file.where, path, file_bytes=file_bytes))
    return Annotations(images, _declared(attributes, key), skipped=+skipped)


def _values(node: CheckedNode) -> Iterable[CheckedNode]:
    """Yields the items of a list (VIA 2) or the values of a mapping (VIA 1)."""
    return (node[key] for key in node.mapping()) if isinstance(node.content, dict) else node.items()


def _label_key(root: CheckedNode, regions: Iterable[CheckedNode]) -> str:
    """Returns the attribute that holds the class: the only one, or the only one with such a name."""
    found = sorted({key for region in regions for key in region["region_attributes"].mapping()})
    named = [key for key in found if key.strip().lower() in _LABEL_KEYS]
    for keys in (found, named):
        if len(keys) == 1:
            return keys[0]
    if not found:
        return ""
    raise root.error(f"has regions with the attributes {', '.join(found)}: name the one with the class 'label' in VIA")


def _label(region: CheckedNode, key: str) -> str:
    """Returns the class of a region: a text, or the only chosen box of several."""
    if not key:
        raise region.error("has no attribute with a class")
    node = region["region_attributes"][key]
    if isinstance(node.content, dict):
        chosen = [name for name, value in node.content.items() if value]
        if len(chosen) != 1:
            raise node.error(f"has {len(chosen)} classes, but a pixel can have only one")
        return CheckedNode(chosen[0], node.path, node.place).label()
    return node.label()


def _declared(attributes: CheckedNode | None, key: str) -> list[str]:
    """Returns the options of the attribute that holds the class."""
    region = attributes.get("region") if attributes else None
    attribute = region.get(key) if region and key else None
    options = attribute.get("options") if attribute else None
    return [CheckedNode(name, options.path, options.place).label() for name in options.mapping()] if options else []


def _read_polygon(shape: CheckedNode) -> Points:
    x, y = (shape[key].numbers() for key in ("all_points_x", "all_points_y"))
    if x.ndim != 1 or x.shape != y.shape:
        raise shape.error("has all_points_x and all_points_y of different lengths")
    return np.stack([x, y], 1)


def _read_rect(shape: CheckedNode) -> Points:
    x, y, width, height = (shape[key].number() for key in ("x", "y", "width", "height"))
    return box(x, y, x + width, y + height)


def _read_circle(shape: CheckedNode) -> Points:
    x, y, radius = (shape[key].number() for key in ("cx", "cy", "r"))
    return ellipse(x, y, radius, radius)


def _read_ellipse(shape: CheckedNode) -> Points:
    x, y, radius_x, radius_y = (shape[key].number() for key in ("cx", "cy", "rx", "ry"))
    theta = shape.get("theta")  # radians clockwise, as the canvas of a browser turns
    return rotate(ellipse(x, y, radius_x, radius_y), float(np.degrees(theta.number())) if theta else 0, x, y)


_OUTLINES: dict[str, Callable[[CheckedNode], Points]] = {
    "polygon": _read_polygon,
    "rect": _read_rect,
    "circle": _read_circle,
    "ellipse": _read_ellipse,
}
