"""Label Studio's JSON export: tasks, each of a photograph, in percent of its size.

Of several annotations of a photograph the one counts that is marked as ground truth, else the last
updated; predictions do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from segdrone.annotations.bitmaps import Brush
from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import Annotated, Annotations, Points, Shape, box, ellipse, turned
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.windows import Size


def matches(document: Any) -> bool:
    """Tells whether a document is of this kind."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and "data" in first and ("annotations" in first or "completions" in first)


def read(document: Any, path: Path) -> Annotations:
    """Returns what a document holds.

    Raises:
        DataError: Something is missing or of a wrong type, a region has several labels, or a
            photograph was turned in the tool.
    """
    left_out: Counter[str] = Counter()
    photographs = []
    for task in CheckedNode(document if isinstance(document, list) else [document], path).each():
        answers = (task.get("completions") or task["annotations"]).each()
        given = [answer for answer in answers if not _set(answer, "was_cancelled")]
        if not given:
            left_out["tasks without an annotation"] += 1
            continue
        left_out["annotations by others of one photograph"] += len(given) - 1
        photographs.append(_annotated(task, max(given, key=_rank), left_out))
    return Annotations(photographs, left_out=+left_out)


def _set(answer: CheckedNode, flag: str) -> bool:
    value = answer.get(flag)
    return value is not None and value.content is True


def _rank(answer: CheckedNode) -> tuple[bool, str]:
    updated = answer.get("updated_at")
    return _set(answer, "ground_truth"), updated.text() if updated else ""


def _annotated(task: CheckedNode, answer: CheckedNode, left_out: Counter[str]) -> Annotated:
    shapes: list[Shape] = []
    size: Size | None = None
    for result in answer["result"].each():
        value = result.get("value")
        kind = next((key for key in ("rle", *_OUTLINES) if value and value.get(key)), None)
        if value is None or kind is None:
            left_out["results that cover no pixels"] += 1
            continue
        names = [name for key in value.mapping() if key.endswith("labels") for name in value[key].each()]
        if len(names) > 1:
            raise value.wrong(f"has {len(names)} labels, but a pixel can have one")
        if not names:
            left_out["regions without a label"] += 1
            continue
        if (here := result.size("original_height", "original_width")) is None or size not in (None, here):
            raise result.wrong("has no original_width and original_height, or others than the regions before it")
        if (rotation := result.get("image_rotation")) and rotation.number() % 360:
            raise result.wrong("lies on a photograph that was turned in the tool: turn it back there")
        size = here
        label = names[0].label()
        if kind == "rle":
            shapes.append(Shape(label, value.where, bitmap=_brush(value)))
        elif len(outline := _OUTLINES[kind](value, size[1] / 100, size[0] / 100)) < 3:
            left_out["polygons of fewer than 3 points"] += 1
        else:
            shapes.append(Shape(label, value.where, [outline]))
    return Annotated(_names(task), size, shapes, answer.where)


def _brush(value: CheckedNode) -> Brush:
    packed = value["rle"].counts()
    if packed.min(initial=0) < 0 or packed.max(initial=0) > 255:
        raise value["rle"].wrong("is not a list of bytes")
    return Brush(packed.astype(np.uint8).tobytes())


def _polygon(value: CheckedNode, width: float, height: float) -> Points:
    return value["points"].points() * (width, height)


def _ellipse(value: CheckedNode, width: float, height: float) -> Points:
    x, y, radius_x, radius_y = (value[key].number() for key in ("x", "y", "radiusX", "radiusY"))
    outline = ellipse(x * width, y * height, radius_x * width, radius_y * height)
    return turned(outline, _rotation(value), x * width, y * height)


def _rectangle(value: CheckedNode, width: float, height: float) -> Points:
    x, y, wide, high = (value[key].number() for key in ("x", "y", "width", "height"))
    outline = box(x, y, x + wide, y + high) * (width, height)
    return turned(outline, _rotation(value), x * width, y * height)


def _rotation(value: CheckedNode) -> float:
    """Returns degrees clockwise, about a rectangle's upper left corner or an ellipse's centre."""
    rotation = value.get("rotation")
    return rotation.number() if rotation else 0.0


# The key that tells how a region was drawn, and its outline in pixels, given the pixels of a percent.
_OUTLINES: dict[str, Callable[[CheckedNode, float, float], Points]] = {
    "points": _polygon,
    "radiusX": _ellipse,
    "height": _rectangle,
}


def _names(task: CheckedNode) -> list[str]:
    """Returns what the photograph may be called: without the eight digits that an upload puts before its name, too."""
    texts = {key: text for key, text in task["data"].mapping().items() if isinstance(text, str)}
    paths = {key: _path(text) for key, text in texts.items()}
    found = [key for key, path in paths.items() if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES]
    key = "image" if "image" in found else found[0] if len(found) == 1 else None
    if key is None:
        raise task["data"].wrong(f"names {len(found)} photographs, not one")
    name = PurePosixPath(paths[key]).name
    return [paths[key], re.sub("^[0-9a-f]{8}-", "", name), texts[key]]


def _path(text: str) -> str:
    """Returns the path within a URL or within `/data/local-files/?d=`, or `text` itself."""
    try:
        url = urlsplit(text)
        return parse_qs(url.query).get("d", [unquote(url.path)])[0]
    except ValueError:
        return text
