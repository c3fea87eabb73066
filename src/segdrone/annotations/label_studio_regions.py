"""Read the regions of Label Studio: their outlines and bitmaps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from segdrone.annotations.bitmaps import EmbeddedPng
from segdrone.annotations.brush import Brush
from segdrone.annotations.checked import CheckedNode, read_points
from segdrone.annotations.shapes import Points, box, ellipse, rotate

_CURVE = np.linspace(0, 1, 17)[1:, None]  # steps of a curve between two points

NO_AREA_TYPES = frozenset(
    (
        "brush", "bitmask", "choices", "custominterface", "datetime", "ellipse", "hypertext", "keypoint", "label",
        "labels", "number", "pairwise", "paragraphs", "polygon", "ranker", "rating", "reactcode", "rectangle",
        "relation", "taxonomy", "textarea", "timeline", "timeseries", "vector", "video", "videorectangle",
        "videovector",
    )
)  # fmt: skip
"""Types of results, without `labels` at the end, that cover no pixels if they have no geometry that is read here."""


def read_bitmap(value: CheckedNode, kind: str) -> Brush | EmbeddedPng:
    """Returns a brush (`rle`) or a bitmask (`imageDataURL`).

    Raises:
        DataError: It is no list of bytes, or no PNG in a data URL.
    """
    if kind == "imageDataURL":
        header, comma, encoded = value[kind].text().partition(",")
        if not header.startswith("data:image/png;base64") or not comma:
            raise value[kind].error("is not a PNG in a data URL")
        return EmbeddedPng(encoded, is_whole=True)
    packed = value[kind].integers()
    if packed.min(initial=0) < 0 or packed.max(initial=0) > 255:
        raise value[kind].error("is not a list of bytes")
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


def is_keypoint(result: CheckedNode) -> bool:
    """Whether a result is a point of one class."""
    value, type_ = result.get("value"), result.word("type").lower().removesuffix("labels")
    if value is None or type_ != "keypoint" or not {"x", "y", "keypointlabels"} <= value.mapping().keys():
        return False
    return len([*value["keypointlabels"].items()]) == 1


def read_line(value: CheckedNode, width: float, height: float) -> Points:
    """Returns a keypoint, or the points of a vector that is not closed, which may be none.

    Args:
        value: The region.
        width: Pixels of one percent of the photograph's width.
        height: Pixels of one percent of its height.

    Raises:
        DataError: Something is missing or not a number.
    """
    if value.get("vertices") is None:
        return read_points([value]) * (width, height)
    return _read_path(list(value["vertices"].items()), width, height, closed=False)


def _read_vector(value: CheckedNode, width: float, height: float) -> Points | None:
    """Returns the outline of a closed path of lines and cubic curves; None if it is open, and thus a line."""
    closed = value.get("closed")
    if closed is None or closed.content is not True:
        return None
    vertices = list(value["vertices"].items())
    return _read_path(vertices, width, height, closed=True) if vertices else None


def _read_path(vertices: list[CheckedNode], width: float, height: float, *, closed: bool) -> Points:
    if not vertices:
        return np.empty((0, 2))
    scale = np.array([width, height])
    points = read_points(vertices) * scale
    outline = [points[0]]
    for i, j in pairwise([*range(len(points)), *([0] if closed else [])]):
        first, last = (vertices[k].get(key) for k, key in ((i, "controlPoint2"), (j, "controlPoint1")))
        start, end = points[i], points[j]
        if first or last:
            outline.extend(
                _curve(start, scale * first.xy() if first else start, scale * last.xy() if last else end, end)
            )
        else:
            outline.append(end)
    return np.array(outline[:-1] if closed else outline)


def _curve(start: Points, first: Points, last: Points, end: Points) -> Points:
    """Returns points of a cubic Bezier curve, without its start."""
    t = _CURVE
    return (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * first + 3 * (1 - t) * t**2 * last + t**3 * end


OUTLINES: dict[str, Callable[[CheckedNode, float, float], Points | None]] = {
    "points": _read_polygon,
    "vertices": _read_vector,
    "radiusX": _read_ellipse,
    "height": _read_rectangle,
}
"""Key by which a kind of region is recognized, and its outline in pixels, given the pixels of one percent."""
