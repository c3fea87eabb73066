"""Draw solids with lit sides, of which objects and buildings are made, and compute their corners."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from segdrone.synthetic.canvas import Canvas, Points
from segdrone.synthetic.materials import Material

Vector = tuple[float, float]


def rectangle(at: ArrayLike, size: ArrayLike, yaw: float) -> Points:
    """Returns the corners, float64 `[4, 2]`, of a rectangle of `size` meters around `at`, rotated by `yaw` radians."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.divide(size, 2)
    return rotate(half, at, yaw)


def regular_polygon(at: ArrayLike, radius: float, sides: int = 20) -> Points:
    """Returns the corners, float64 `[sides, 2]`, of a regular polygon."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(np.asarray(at) + radius * circle, np.float64)


def rotate(points: ArrayLike, at: ArrayLike, yaw: float) -> Points:
    """Returns points `[N, 2]` rotated by `yaw` radians around the origin and moved to `at`."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    own = np.asarray(points, np.float64)
    return np.asarray(own @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(at)[:2], np.float64)


def lift(points: ArrayLike, height: float) -> Points:
    """Returns points `[N, 2]` as world points `[N, 3]` at a height in meters."""
    flat = np.asarray(points, np.float64)
    return np.column_stack([flat, np.full(len(flat), height)])


def visible_sides(canvas: Canvas, base: Points) -> Iterator[tuple[Points, Vector]]:
    """Yields the sides of a vertical prism that face the camera.

    Args:
        canvas: The canvas.
        base: Its corners `[N, 2]`, convex and counter-clockwise in x and y.

    Yields:
        The line of the side on the ground, float64 `[2, 2]`, and its outward normal.
    """
    for a, b in zip(base, np.roll(base, -1, axis=0), strict=True):
        along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
        normal = (float(along[1]), float(-along[0]))
        if (canvas.view.nadir - a) @ normal > 0:
            yield np.array([a, b]), normal


def vertical_rectangle(foot: Points, low: float, high: float) -> Points:
    """Returns the corners, float64 `[4, 3]`, of a vertical rectangle above the line `foot`, `[2, 2]`."""
    return np.vstack([lift(foot, low), lift(foot[::-1], high)])


def prism(
    canvas: Canvas,
    base: Points,
    low: float,
    high: float,
    color: ArrayLike | Material,
    label: str | None,
    *,
    shadow: bool = True,
) -> None:
    """Draws a vertical prism above a convex polygon.

    Args:
        canvas: The canvas.
        base: Corners `[N, 2]` in meters, counter-clockwise in x and y.
        low: Height of its bottom in meters.
        high: Height of its top in meters.
        color: RGB color, or the material of the top, whose middle color the sides have.
        label: Its class.
        shadow: Whether it casts a shadow.
    """
    if shadow:
        canvas.shadow(np.vstack([lift(base, low), lift(base, high)]))
    side = np.array(color.ramp[128] if isinstance(color, Material) else color, np.float64)
    for foot, normal in visible_sides(canvas, base):
        canvas.polygon(vertical_rectangle(foot, low, high), side * canvas.sun.light_on(normal), label)
    canvas.polygon(lift(base, high), color, label)
