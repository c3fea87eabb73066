"""Outlines as lists of points: boxes, ellipses, strokes, and how an outline is filled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [N, 2]: x, y

_MAX_CROSSINGS = 1 << 23  # of edges with pixel rows; an outline has about as many as its perimeter in pixels


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns the outline of an axis-aligned rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Points:
    """Returns the outline of an axis-aligned ellipse as a polygon that deviates by at most 0.05 pixels."""
    count = 16 + int(np.pi * np.sqrt(10 * max(abs(radius_x), abs(radius_y))))
    angles = np.arange(count) * (2 * np.pi / count)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], 1)


def rotate(points: Points, degrees: float, x: float, y: float) -> Points:
    """Rotates `points` clockwise, as seen on the screen, about (x, y).

    Example:
        >>> rotate(np.array([[2.0, 0.0]]), 90, 0, 0).round(6).tolist()
        [[0.0, 2.0]]
    """
    if not degrees:
        return points
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.asarray((points - (x, y)) @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y), np.float64)


def stroke(points: Points, width: float) -> list[Points]:
    """Returns the outlines of a line through `points`, `width` pixels wide, with round ends and joins."""
    outlines = [ellipse(x, y, width / 2, width / 2) for x, y in points]
    for start, end in pairwise(points):
        along = end - start
        if length := float(np.hypot(*along)):
            offset = np.array([-along[1], along[0]]) * (width / 2 / length)
            outlines.append(np.array([start + offset, end + offset, end - offset, start - offset]))
    return outlines


def polygon_area(points: Points) -> float:
    """Returns the area of an outline in square pixels (shoelace formula).

    Example:
        >>> polygon_area(box(0, 0, 4, 3))
        12.0
    """
    x, y = points.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def fill_outlines(mask: NDArray[np.uint8], outlines: Sequence[Points], value: int) -> None:
    """Sets the pixels of `mask`, uint8 `[H, W]`, contiguous, whose centers are inside an odd number of outlines.

    An outline inside another one is therefore a hole. In each pixel row, the crossings of its center line with the
    edges are sorted, and every other gap is filled.

    Raises:
        ValueError: The outlines cross more pixel rows than those of any real object.
    """
    height, width = mask.shape
    pairs = [np.stack([points, np.roll(points, -1, 0)]) for points in outlines if len(points)]
    if not pairs:
        return
    edges = np.concatenate(pairs, axis=1)
    edges = np.where(edges[0, :, 1] < edges[1, :, 1], edges.transpose(2, 0, 1), edges[::-1].transpose(2, 0, 1))
    (x, lower_x), (y, lower_y) = edges  # all pointing down, so that neighbors round their common edge the same way
    first, stop = np.clip(np.ceil(edges[1] - 0.5), 0, height).astype(np.int64)
    rows_crossed = stop - first
    if (total := int(rows_crossed.sum())) > _MAX_CROSSINGS:
        raise ValueError(f"has an outline that crosses {total} rows of pixels, more than that of any real object")
    edge = np.repeat(np.arange(len(x)), rows_crossed)
    row = np.arange(total) - np.repeat(np.cumsum(rows_crossed) - rows_crossed, rows_crossed) + first[edge]
    slope = (lower_x - x)[edge] / (lower_y - y)[edge]  # horizontal edges cross no row
    crossing = np.ceil(x[edge] + (row + 0.5 - y[edge]) * slope - 0.5)
    column = np.clip(crossing, 0, width).astype(np.int64)
    positions = np.sort(row * width + column)  # indices into the flattened mask
    flat = mask.reshape(-1)
    for start, end in zip(positions[::2].tolist(), positions[1::2].tolist(), strict=True):
        flat[start:end] = value
