"""The plan of a scene in meters: grounds, objects, and where there is space for more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike

from segdrone.synthetic import materials
from segdrone.synthetic.canvas import Canvas, Points, View
from segdrone.synthetic.materials import Material
from segdrone.synthetic.regions import REGIONS, RegionStyle
from segdrone.synthetic.solids import Vector

Rng = np.random.Generator
Draw = Callable[[Canvas, Rng], None]

GROUNDS: dict[str, Callable[[Rng], Material]] = {
    "paved-area": materials.paving,
    "grass": materials.grass,
    "dirt": materials.dirt,
    "gravel": materials.gravel,
    "water": materials.water,
    "pool": materials.pool,
    "vegetation": materials.groundcover,
}


@dataclass(frozen=True)
class Region:
    """A polygon of ground: its class, its outline `[N, 2]` in meters, and its material."""

    label: str
    outline: Points
    material: Material


@dataclass(frozen=True)
class Line:
    """A curb or a painted line on the ground, `[N, 2]`, with its width, all in meters; it does not change the class."""

    path: Points
    width: float
    color: materials.Color


@dataclass
class Plan:
    """A scene before it is drawn. It does not depend on the image size in pixels.

    Args:
        view: The camera.
        rng: Random generator for all choices.
        style: How the region looks.
        style_rng: Random generator for that.
        grounds: Polygons and lines, from bottom to top.
        items: Objects: height in meters, drawing function, and the random generator it is given.
        occupied: Discs that objects occupy: center and radius in meters.
        blocked: Outlines `[N, 2]` of buildings and boundaries in meters.
    """

    view: View
    rng: Rng
    style: RegionStyle = REGIONS["temperate"]
    style_rng: Rng = field(default_factory=np.random.default_rng)
    grounds: list[Region | Line] = field(default_factory=list)
    items: list[tuple[float, Draw, Rng]] = field(default_factory=list)
    occupied: list[tuple[Points, float]] = field(default_factory=list)
    blocked: list[Points] = field(default_factory=list)

    def ground(self, label: str, shape: ArrayLike, material: Material | None = None) -> Points:
        """Adds a ground on top of the earlier ones and returns its outline."""
        points = np.asarray(shape, np.float64)
        material = material or GROUNDS[label](self.rng)
        self.grounds.append(Region(label, points, self.style.ground(label, material, self.style_rng)))
        return points

    def line(self, points: ArrayLike, width: float, color: materials.Color) -> None:
        """Adds a curb or a painted line `[N, 2]`, which does not change the class of the ground."""
        self.grounds.append(Line(np.asarray(points, np.float64), width, color))

    def add(self, height: float, draw: Draw) -> None:
        """Adds an object; lower ones are drawn first."""
        self.items.append((height, draw, self.rng.spawn(1)[0]))

    def block(self, shape: ArrayLike) -> None:
        """Keeps scattered objects out of a polygon `[N, 2]`."""
        self.blocked.append(np.asarray(shape, np.float64))

    def ground_at(self, point: ArrayLike) -> str:
        """Returns the class of the ground at a point, or "" inside a blocked polygon."""
        if any(_inside(shape, point) for shape in self.blocked):
            return ""
        regions = (ground for ground in reversed(self.grounds) if isinstance(ground, Region))
        return next((region.label for region in regions if _inside(region.outline, point)), "")

    def longest_clear_part(self, start: Vector, end: Vector, on: Collection[str]) -> tuple[Vector, Vector] | None:
        """Returns the longest part of a line that crosses only the grounds `on`; None if it is below about 1 m."""
        path = np.linspace(start, end, 1 + max(2, int(np.hypot(*np.subtract(end, start)) / 0.4)))
        best: tuple[int, int] = (0, 0)
        first = 0
        for i, point in enumerate(path):
            if self.ground_at(point) not in on:
                first = i + 1
            elif i - first > best[1] - best[0]:
                best = (first, i)
        if best[1] - best[0] < 3:
            return None
        (x0, y0), (x1, y1) = path[list(best)].tolist()
        return (x0, y0), (x1, y1)

    def free_spot(self, radius: float, on: Collection[str], margin: float = 0.0) -> Vector | None:
        """Returns a free position in view with `radius` meters of the grounds `on` around it, or None."""
        limits = np.array([self.view.width / self.view.height, 1.0]) * self.view.height / 2 * (1 - margin)
        center = np.array([self.view.width, self.view.height]) / 2
        found: Vector | None = None
        for pixel in center + self.rng.uniform(-1, 1, (24, 2)) * limits:
            point = self.view.ground([pixel])[0]
            rim = point + radius * 0.8 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
            clear = all(np.hypot(*(point - p)) > radius + r for p, r in self.occupied)
            if found is None and clear and all(self.ground_at(p) in on for p in rim):
                found = (float(point[0]), float(point[1]))
        if found is not None:
            self.occupied.append((np.asarray(found), radius))
        return found


def _inside(shape: Points, point: ArrayLike) -> bool:
    x, y = np.asarray(point, np.float64).tolist()
    return cv2.pointPolygonTest(shape.astype(np.float32), (x, y), False) >= 0


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Returns a rectangle, float64 `[4, 2]`."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def blob(rng: Rng, at: Vector, radius: float, stretch: float = 1.0, wobble: float = 0.25) -> Points:
    """Returns a smooth, irregular, roundish outline, float64 `[96, 2]`."""
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    reach = np.ones(96)
    for k in range(2, 6):
        reach += wobble / k * rng.normal() * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    reach = np.clip(reach, 0.4, 1.7) * radius
    yaw = rng.uniform(0, np.pi)
    x, y = stretch * reach * np.cos(angle), reach * np.sin(angle)
    return np.stack([x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)], 1) + at


def strip(points: ArrayLike, width: float) -> Points:
    """Returns the outline of a band of `width` meters along a path `[N, 2]`."""
    path = np.asarray(points, np.float64)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.stack([-along[:, 1], along[:, 0]], 1) * width / 2
    return np.vstack([path + side, (path - side)[::-1]])


def winding_path(rng: Rng, length: float, y: float, sway: float) -> Points:
    """Returns a path, float64 `[60, 2]`, that winds along x through (0, y)."""
    x = np.linspace(-length, length, 60)
    a, b = rng.uniform(0, 2 * np.pi, 2)
    swing = np.sin(x / length * rng.uniform(2, 4) + a) + 0.4 * np.sin(x / length * 7 + b)
    return np.stack([x, y + sway * swing], 1)


def fray(rng: Rng, shape: Points, depth: float) -> Points:
    """Returns an outline with an irregular edge, like that of turf or earth."""
    edges = np.roll(shape, -1, axis=0) - shape
    steps = np.maximum(1, (np.hypot(edges[:, 0], edges[:, 1]) / 0.35).astype(int))
    dense = np.vstack([a + e * np.arange(n)[:, None] / n for a, e, n in zip(shape, edges, steps, strict=True)])
    jitter = rng.normal(0, depth, dense.shape)
    smooth = (jitter + np.roll(jitter, 1, 0) + np.roll(jitter, 2, 0)) / 1.7
    return np.asarray(dense + smooth)
