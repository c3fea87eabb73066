"""Outlines as lists of points: boxes, ellipses, strokes, and how an outline is filled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [N, 2]: x, y

_MAX_ELLIPSE = 512  # points
_MAX_CROSSINGS = 1 << 23  # of edges with pixel rows; an outline has about as many as its perimeter in pixels
_GAP_COST, _CROSSING_COST = 100, 10  # of filling a gap between crossings and of finding one, in pixels set one by one
_PIXELS_IN_GAPS = 16  # that are set in the time of one
_CHUNK = 1 << 17  # crossings


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns the outline of an axis-aligned rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Points:
    """Returns the outline of an axis-aligned ellipse as a polygon.

    It deviates by at most 0.05 pixels up to a radius of 2,500 pixels, and by 0.2 for 10,000.
    """
    count = min(_MAX_ELLIPSE, 16 + int(np.pi * np.sqrt(10 * max(abs(radius_x), abs(radius_y)))))
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


def fill_outlines(mask: NDArray[np.integer[Any]], outlines: Sequence[Points], value: int) -> int:
    """Sets the pixels of `mask`, integers `[H, W]`, contiguous, whose centers are inside an odd number of outlines.

    An outline inside another one is therefore a hole. In each pixel row, every other gap between the crossings of its
    center line with the edges is filled: gap by gap or, if they are many for the area, pixel by pixel.

    Returns:
        What it cost, in pixels set one by one.

    Raises:
        ValueError: The outlines cross more pixel rows than those of any real object.
    """
    height, width = mask.shape
    pairs = [np.stack([points, np.roll(points, -1, 0)]) for points in outlines if len(points)]
    if not pairs:
        return 0
    edges = np.concatenate(pairs, axis=1)
    edges = np.where(edges[0, :, 1] < edges[1, :, 1], edges.transpose(2, 0, 1), edges[::-1].transpose(2, 0, 1))
    first, stop = np.clip(np.ceil(edges[1] - 0.5), 0, height).astype(np.int64)  # rows; all edges point down
    crossed = stop > first
    edges, first, counts = edges[..., crossed], first[crossed], (stop - first)[crossed]
    if not (total := int(counts.sum())):
        return 0
    if total > _MAX_CROSSINGS:
        raise ValueError(f"has an outline that crosses {total} rows of pixels, more than that of any real object")
    top, bottom = int(first.min()), int((first + counts).max())
    left, right = (int(np.clip(x, 0, width)) for x in (edges[0].min() - 1, edges[0].max() + 1))
    if not (area := (bottom - top) * (right - left)):
        return 0
    if total // 2 * _GAP_COST <= area:
        row, column = _crossings(edges, first, counts, width)
        positions = np.sort(row * width + column)  # indices into the flattened mask
        flat = mask.reshape(-1)
        for start, end in zip(positions[::2].tolist(), positions[1::2].tolist(), strict=True):
            flat[start:end] = value
        return total // 2 * _GAP_COST + area // _PIXELS_IN_GAPS
    # On its side, so that NumPy adds whole rows of memory at a time.
    crossings = np.zeros((right - left + 1, bottom - top), np.uint8)
    ends = np.searchsorted(np.cumsum(counts), np.arange(_CHUNK, total, _CHUNK))
    for edge in np.split(np.arange(len(counts)), ends):
        row, column = _crossings(edges[..., edge], first[edge], counts[edge], width)
        positions = (column - left) * (bottom - top) + row - top
        np.add.at(crossings.reshape(-1), positions, np.uint8(1))  # beyond 255 it stays odd or even
    np.add.accumulate(crossings, axis=0, out=crossings)
    inside = cv2.transpose(crossings[:-1] & 1)
    mask[top:bottom, left:right][inside.view(np.bool_)] = value
    return area + total * _CROSSING_COST


def _crossings(
    edges: NDArray[np.float64], first: NDArray[np.int64], counts: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns row and first pixel to the right of each crossing of edges with the center lines of pixel rows.

    Args:
        edges: x and y of the upper and the lower ends, `[2, 2, N]`: neighbors round their common edge the same way.
        first: First row that each edge crosses.
        counts: Number of rows that each edge crosses, at least 1.
        width: Columns of the image, to which the result is clipped.
    """
    (x, lower_x), (y, lower_y) = edges
    row = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    slope = np.repeat((lower_x - x) / (lower_y - y), counts)
    crossing = np.repeat(x, counts) + (row + 0.5 - np.repeat(y, counts)) * slope
    return row, np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
