"""Boxes, drums and other solids with lit sides, the parts that things and buildings are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from segdrone.synthetic.canvas import Canvas, Points
from segdrone.synthetic.materials import Material

Vector = tuple[float, float]


def outline(at: ArrayLike, size: ArrayLike, yaw: float) -> Points:
    """Returns the corners, float64 `[4, 2]`, of a rectangle of `size` metres turned by `yaw`."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.divide(size, 2)
    return turned(half, at, yaw)


def ring(at: ArrayLike, radius: float, sides: int = 20) -> Points:
    """Returns the corners, float64 `[sides, 2]`, of a regular polygon."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(np.asarray(at) + radius * circle, np.float64)


def turned(points: ArrayLike, at: ArrayLike, yaw: float) -> Points:
    """Returns points `[N, 2]` turned by `yaw` about the origin and moved to `at`."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    own = np.asarray(points, np.float64)
    return np.asarray(own @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(at)[:2], np.float64)


def raised(points: ArrayLike, height: float) -> Points:
    """Returns points `[N, 2]` as points `[N, 3]` at a height."""
    flat = np.asarray(points, np.float64)
    return np.column_stack([flat, np.full(len(flat), height)])


def visible_sides(canvas: Canvas, base: Points) -> Iterator[tuple[Points, Vector]]:
    """Yields those sides of an upright solid that the camera sees.

    Args:
        canvas: The sheet.
        base: Its corners `[N, 2]`, convex and counter-clockwise in x and y.

    Yields:
        The side's foot, float64 `[2, 2]`, and its outward normal.
    """
    for a, b in zip(base, np.roll(base, -1, axis=0), strict=True):
        along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
        normal = (float(along[1]), float(-along[0]))
        if (canvas.view.nadir - a) @ normal > 0:
            yield np.array([a, b]), normal


def upright(foot: Points, low: float, high: float) -> Points:
    """Returns the corners, float64 `[4, 3]`, of an upright rectangle over the line `foot` `[2, 2]`."""
    return np.vstack([raised(foot, low), raised(foot[::-1], high)])


def prism(
    canvas: Canvas,
    base: Points,
    low: float,
    high: float,
    colour: ArrayLike | Material,
    label: str | None,
    *,
    shadow: bool = True,
) -> None:
    """Draws an upright solid over the convex polygon `base` `[N, 2]`, counter-clockwise in x and y.

    Args:
        canvas: The sheet.
        base: Corners in metres.
        low: Height of its underside.
        high: Height of its top.
        colour: RGB, or a material that the top is covered with.
        label: Its class.
        shadow: Whether it casts one.
    """
    if shadow:
        canvas.shadow(np.vstack([raised(base, low), raised(base, high)]))
    side = np.array(colour.ramp[128] if isinstance(colour, Material) else colour, np.float64)
    for foot, normal in visible_sides(canvas, base):
        canvas.polygon(upright(foot, low, high), side * canvas.sun.on(normal), label)
    canvas.polygon(raised(base, high), colour, label)
