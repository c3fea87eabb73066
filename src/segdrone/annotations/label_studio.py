"""Read Label Studio's JSON export: tasks of one photograph each, with coordinates in percent of its size.

If a photograph has several annotations, the one marked as ground truth is used, else the one updated last.
Predictions are not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from segdrone.annotations.brush import Brush
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Points, Shape, box, ellipse, rotate
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.windows import Size


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and "data" in first and ("annotations" in first or "completions" in first)


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document.

    Raises:
        DataError: Something is missing or has a wrong type, a region has several labels, or a photograph was rotated
            in the tool.
    """
    skipped: Counter[str] = Counter()
    images = []
    for task in CheckedNode(document if isinstance(document, list) else [document], path).items():
        annotations = (task.get("completions") or task["annotations"]).items()
        submitted = [annotation for annotation in annotations if not _flag(annotation, "was_cancelled")]
        if not submitted:
            skipped["tasks without an annotation"] += 1
            continue
        skipped["further annotations of the same photograph"] += len(submitted) - 1
        images.append(_read_task(task, max(submitted, key=_priority), skipped))
    return Annotations(images, skipped=+skipped)


def _flag(annotation: CheckedNode, name: str) -> bool:
    node = annotation.get(name)
    return node is not None and node.content is True


def _priority(annotation: CheckedNode) -> tuple[bool, str]:
    updated = annotation.get("updated_at")
    return _flag(annotation, "ground_truth"), updated.text() if updated else ""


def _read_task(task: CheckedNode, annotation: CheckedNode, skipped: Counter[str]) -> AnnotatedImage:
    shapes: list[Shape] = []
    size: Size | None = None
    for result in annotation["result"].items():
        value = result.get("value")
        kind = next((key for key in ("rle", *_OUTLINES) if value and value.get(key)), None)
        if value is None or kind is None:
            skipped["results that cover no pixels"] += 1
            continue
        labels = [label for key in value.mapping() if key.endswith("labels") for label in value[key].items()]
        if len(labels) > 1:
            raise value.error(f"has {len(labels)} labels, but a pixel can have only one")
        if not labels:
            skipped["regions without a label"] += 1
            continue
        if (own_size := result.size("original_height", "original_width")) is None or size not in (None, own_size):
            raise result.error("has no original_width and original_height, or other ones than earlier regions")
        if (rotation := result.get("image_rotation")) and rotation.number() % 360:
            raise result.error("is on a photograph that was rotated in the tool: rotate it back there")
        size = own_size
        label = labels[0].label()
        if kind == "rle":
            shapes.append(Shape(label, value.where, bitmap=_read_brush(value)))
        elif len(outline := _OUTLINES[kind](value, size[1] / 100, size[0] / 100)) < 3:
            skipped["polygons of fewer than 3 points"] += 1
        else:
            shapes.append(Shape(label, value.where, [outline]))
    return AnnotatedImage(_image_names(task), size, shapes, annotation.where)


def _read_brush(value: CheckedNode) -> Brush:
    packed = value["rle"].integers()
    if packed.min(initial=0) < 0 or packed.max(initial=0) > 255:
        raise value["rle"].error("is not a list of bytes")
    return Brush(packed.astype(np.uint8).tobytes())


def _read_polygon(value: CheckedNode, width: float, height: float) -> Points:
    return value["points"].points() * (width, height)


def _read_ellipse(value: CheckedNode, width: float, height: float) -> Points:
    x, y, radius_x, radius_y = (value[key].number() for key in ("x", "y", "radiusX", "radiusY"))
    outline = ellipse(x * width, y * height, radius_x * width, radius_y * height)
    return rotate(outline, _rotation(value), x * width, y * height)


def _read_rectangle(value: CheckedNode, width: float, height: float) -> Points:
    x, y, box_width, box_height = (value[key].number() for key in ("x", "y", "width", "height"))
    outline = box(x, y, x + box_width, y + box_height) * (width, height)
    return rotate(outline, _rotation(value), x * width, y * height)


def _rotation(value: CheckedNode) -> float:
    """Returns degrees clockwise, about the upper left corner of a rectangle or the center of an ellipse."""
    rotation = value.get("rotation")
    return rotation.number() if rotation else 0.0


# Key by which a kind of region is recognized, and its outline in pixels, given the pixels of one percent.
_OUTLINES: dict[str, Callable[[CheckedNode, float, float], Points]] = {
    "points": _read_polygon,
    "radiusX": _read_ellipse,
    "height": _read_rectangle,
}


def _image_names(task: CheckedNode) -> list[str]:
    """Returns possible names of the photograph: also without the eight digits that an upload puts before the name."""
    texts = {key: text for key, text in task["data"].mapping().items() if isinstance(text, str)}
    paths = {key: _path_in_url(text) for key, text in texts.items()}
    image_keys = [key for key, path in paths.items() if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES]
    key = "image" if "image" in image_keys else image_keys[0] if len(image_keys) == 1 else None
    if key is None:
        raise task["data"].error(f"names {len(image_keys)} photographs, not one")
    name = PurePosixPath(paths[key]).name
    return [paths[key], re.sub("^[0-9a-f]{8}-", "", name), texts[key]]


def _path_in_url(text: str) -> str:
    """Returns the path in a URL, or the file that `/data/local-files/?d=` names, or `text` itself."""
    try:
        url = urlsplit(text)
        return parse_qs(url.query).get("d", [unquote(url.path)])[0]
    except ValueError:
        return text
