"""Read LabelMe's JSON: one file per photograph, which may contain the photograph.

Lines are 10 pixels wide and points have a radius of 5, as LabelMe's own `shape_to_mask` draws them. A mask that was
moved has corners between pixels and lies at the rounded first corner, as LabelMe shows it. The classes in `labels.txt`,
beside the annotations or in the folder above, are declared ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from segdrone.annotations.bitmaps import EmbeddedPng
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.embedded import EmbeddedImage
from segdrone.annotations.photograph_paths import posix_path
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Points, Shape, box, ellipse
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.utils.digest import file_state
from segdrone.utils.regular_file import open_regular

_LINE_WIDTH = 10.0
_MAX_LIST_BYTES = 1 << 16


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return isinstance(document, dict) and {"shapes", "imagePath"} <= document.keys()


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document.

    Raises:
        DataError: Something is missing or has a wrong type.
    """
    root = CheckedNode(document, path)
    skipped: Counter[str] = Counter()
    shapes = []
    for node in root["shapes"].items():
        shape = _read_shape(node)
        if shape is None:
            skipped["polygons of fewer than 3 points, and prompts of points"] += 1
        else:
            shapes.append(shape)
    data, size = root.get("imageData"), root.size("imageHeight", "imageWidth")
    embedded = EmbeddedImage.from_base64(data.text(), path) if data else None
    names = [root["imagePath"].text()]
    written = posix_path(names[0])
    if written.suffix.lower() not in IMAGE_SUFFIXES or written.stem == path.stem:
        names.append(path.stem)  # old versions write the name of the JSON file as imagePath
    image = AnnotatedImage(
        names, size or (embedded.size if embedded else None), shapes, root.where, path, embedded=embedded
    )
    return Annotations([image], _declared(path, {shape.label for shape in shapes}), skipped=skipped)


def _declared(path: Path, labels: set[str]) -> list[str]:
    """Returns the names in the `labels.txt` of a file, if it lists all labels of the file."""
    files = (folder / "labels.txt" for folder in (path.parent, path.parent.parent))
    lists = (_read_list(file, tuple(file_state(file))) for file in files)
    return next((list(names) for names in lists if labels <= {*names}), [])


@lru_cache(maxsize=8)
def _read_list(path: Path, version: object) -> tuple[str, ...]:
    """Returns the names in a version of a text file, one per line; none if it is missing or something else."""
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            return ()
        with open_regular(path) as file:
            lines = file.read().decode("utf-8-sig").splitlines()
        return tuple(CheckedNode(line, path).label() for line in lines if line.strip())
    except (OSError, UnicodeDecodeError, DataError):
        return ()


def _read_shape(node: CheckedNode) -> Shape | None:
    label, points = node["label"].label(), node["points"].points()
    shape_type = value.text() if (value := node.get("shape_type")) else "polygon"
    if shape_type == "mask":
        return Shape(label, node.where, bitmap=_read_mask(node, points), group=node.word("group_id"))
    if (shape_type == "polygon" and len(points) < 3) or shape_type == "points":
        return None
    if shape_type not in (known := _OUTLINES | _LINES):
        raise node["shape_type"].error(f"is {shape_type!a}, not one of {', '.join(known)}, mask")
    counts, outlines = known[shape_type]
    if len(points) not in counts:
        raise node.error(f"has {len(points)} points, which is not valid for a {shape_type}")
    is_box, group = shape_type == "rectangle", node.word("group_id")
    if shape_type in _LINES:
        return Shape(label, node.where, lines=outlines(points), line_width=_LINE_WIDTH, group=group)
    return Shape(label, node.where, outlines(points), is_box=is_box, group=group)


def _read_mask(node: CheckedNode, points: Points) -> EmbeddedPng:
    if len(points) != 2:
        raise node.error(f"has {len(points)} points, not the 2 corners of a mask")
    (left, top), (right, bottom) = points
    size = None
    if (points == np.round(points)).all():  # else it was moved, and has the extent of its mask
        size = (int(bottom - top) + 1, int(right - left) + 1)
        if min(size) < 1:
            raise node.error("has a last corner before its first")
    return EmbeddedPng(node["mask"].text(), int(np.round(top)), int(np.round(left)), size)


def _circle(points: Points) -> list[Points]:
    (x, y), edge = points
    radius = float(np.hypot(*(edge - points[0])))
    return [ellipse(x, y, radius, radius)]


_ANY_COUNT = range(1, 1 << 40)
# Valid numbers of points, and the outlines that the points make.
_OUTLINES: dict[str, tuple[range | tuple[int, ...], Callable[[Points], list[Points]]]] = {
    "polygon": (_ANY_COUNT, lambda points: [points]),
    "rectangle": ((2, 4), lambda points: [box(*points.ravel()) if len(points) == 2 else points]),
    "oriented_rectangle": ((4,), lambda points: [points]),
    "circle": ((2,), _circle),
}
_LINES: dict[str, tuple[range | tuple[int, ...], Callable[[Points], list[Points]]]] = {
    name: (counts, lambda points: [points])
    for name, counts in (("line", (2,)), ("linestrip", _ANY_COUNT), ("point", (1,)))
}
