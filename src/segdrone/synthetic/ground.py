"""Draw marks on the ground that do not change its class: manholes, cracks, repairs, fallen leaves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from segdrone.synthetic.canvas import Canvas
from segdrone.synthetic.materials import asphalt, hsv
from segdrone.synthetic.solids import Vector, lift, rectangle, regular_polygon

Rng = np.random.Generator


def manhole(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws a manhole cover of iron with its frame."""
    iron = np.array(hsv(25, rng.uniform(0.0, 0.3), rng.uniform(70, 120)))
    canvas.polygon(regular_polygon(at, 0.4), iron * 0.65, None)
    canvas.polygon(regular_polygon(at, 0.36), iron, None)
    for x in np.linspace(-0.24, 0.24, 5):
        reach = 0.8 * np.sqrt(0.36**2 - x**2)
        bar = lift([[at[0] + x, at[1] - reach], [at[0] + x, at[1] + reach]], 0.0)
        canvas.capsules([(bar[0], bar[1], 0.018)], iron * 0.7, None)


def crack(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws a crack, sometimes sealed with a broad band of tar."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.25, 14)) + rng.normal(0, 0.4, 14)
    path = np.asarray(at) + np.cumsum(0.11 * np.stack([np.cos(heading), np.sin(heading)], 1), axis=0)
    points = lift(path, 0.0)
    wide = 0.02 if rng.random() < 0.3 else 0.007
    parts = [(a, b, wide) for a, b in pairwise(points)]
    canvas.darken(parts, rng.uniform(0.45, 0.7))


def repair(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws a rectangle of newer asphalt with a dark seam."""
    shape = rectangle(at, tuple(rng.uniform([0.8, 0.6], [3.0, 1.4])), rng.choice([0.0, np.pi / 2]))
    canvas.polygon(shape, asphalt(rng), None)
    points = lift(shape, 0.0)
    canvas.darken([(points[i], points[(i + 1) % 4], 0.02) for i in range(4)], 0.7)


def fallen_leaves(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws scattered dry leaves."""
    count = rng.integers(20, 90)
    spots = lift(np.asarray(at) + rng.normal(0, rng.uniform(0.5, 1.5), (count, 2)), 0.0)
    color = hsv(rng.uniform(18, 48), rng.uniform(0.3, 0.7), rng.uniform(90, 190))
    tips = spots + np.column_stack([rng.normal(0, 0.035, (count, 2)), np.zeros(count)])
    canvas.capsules([(p, q, rng.uniform(0.012, 0.03)) for p, q in zip(spots, tips, strict=True)], color, None)


def stain(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Darkens the ground unevenly, like damp or oil."""
    spots = lift(np.asarray(at) + rng.normal(0, 0.5, (14, 2)), 0.0)
    canvas.darken([(p, p, rng.uniform(0.15, 0.5)) for p in spots], rng.uniform(0.84, 0.95), soft=0.22)
