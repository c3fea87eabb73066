"""LabelMe's JSON: one file a photograph.

Lines are 10 pixels wide and points have a radius of 5, as LabelMe's own `shape_to_mask` draws them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segdrone.annotations.bitmaps import Png
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import Annotated, Annotations, Points, Shape, box, ellipse, stroke

_LINE_WIDTH = 10.0


def matches(document: Any) -> bool:
    """Tells whether a document is of this kind."""
    return isinstance(document, dict) and "shapes" in document


def read(document: Any, path: Path) -> Annotations:
    """Returns what a document holds.

    Raises:
        DataError: Something is missing or of a wrong type.
    """
    root = CheckedNode(document, path)
    left_out: Counter[str] = Counter()
    shapes = []
    for value in root["shapes"].each():
        shape = _shape(value)
        if shape is None:
            left_out["polygons of fewer than 3 points"] += 1
        else:
            shapes.append(shape)
    size = root.size("imageHeight", "imageWidth")
    return Annotations([Annotated([root["imagePath"].text()], size, shapes, root.where)], left_out=left_out)


def _shape(value: CheckedNode) -> Shape | None:
    label, points = value["label"].label(), value["points"].points()
    kind = given.text() if (given := value.get("shape_type")) else "polygon"
    if kind == "mask":
        if len(points) != 2:
            raise value.wrong(f"has {len(points)} points, not the 2 corners of a mask")
        (left, top), (right, bottom) = np.round(points).astype(int).tolist()
        size = (bottom - top + 1, right - left + 1)
        return Shape(label, value.where, bitmap=Png(value["mask"].text(), size, top, left))
    if kind == "polygon" and len(points) < 3:
        return None
    if kind not in _OUTLINES:
        raise value["shape_type"].wrong(f"is {kind!a}, none of {', '.join(_OUTLINES)}, mask")
    counts, outlines = _OUTLINES[kind]
    if len(points) not in counts:
        raise value.wrong(f"has {len(points)} points, which is no {kind}")
    return Shape(label, value.where, outlines(points))


def _circle(points: Points) -> list[Points]:
    (x, y), edge = points
    radius = float(np.hypot(*(edge - points[0])))
    return [ellipse(x, y, radius, radius)]


_MANY = range(1, 1 << 40)
# How many points each may have, and the outlines of them.
_OUTLINES: dict[str, tuple[range | tuple[int, ...], Callable[[Points], list[Points]]]] = {
    "polygon": (_MANY, lambda points: [points]),
    "rectangle": ((2, 4), lambda points: [box(*points.ravel()) if len(points) == 2 else points]),
    "oriented_rectangle": ((4,), lambda points: [points]),
    "circle": ((2,), _circle),
    "line": ((2,), lambda points: stroke(points, _LINE_WIDTH)),
    "linestrip": (_MANY, lambda points: stroke(points, _LINE_WIDTH)),
    "point": ((1,), lambda points: stroke(points, _LINE_WIDTH)),
}
