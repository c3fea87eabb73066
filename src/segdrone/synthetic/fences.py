"""Draw fences with their poles, and garden walls."""

from __future__ import annotations

import numpy as np

from segdrone.synthetic.canvas import Canvas
from segdrone.synthetic.materials import hsv, plaster
from segdrone.synthetic.solids import Vector, lift, prism, rectangle, vertical_rectangle, visible_sides


def fence(canvas: Canvas, rng: np.random.Generator, start: Vector, end: Vector, height: float) -> None:
    """Draws a fence of pickets, boards or wire between poles."""
    a, b = np.asarray(start), np.asarray(end)
    length = float(np.hypot(*(b - a)))
    along = (b - a) / length
    kind = rng.choice(["pickets", "boards", "wire"])
    color = np.asarray(hsv(rng.uniform(15, 45), rng.uniform(0, 0.5), rng.uniform(80, 235)))
    pole = np.asarray(hsv(rng.uniform(15, 60), rng.uniform(0, 0.35), rng.uniform(50, 220)))
    light = 0.3 + 0.7 * canvas.sun.light_on((float(along[1]), float(-along[0])))
    feet = np.array([a, b])
    panel = vertical_rectangle(feet, 0.08, height)
    if kind == "boards":
        canvas.shadow(panel)
        canvas.polygon(panel, color * light * 0.9, "fence")
    step = {"pickets": 0.22, "boards": 0.4, "wire": 0.5}[kind]
    bars = a + along * np.arange(0.1, length, step)[:, None]
    thick = 0.05 if kind == "pickets" else 0.02
    slats = [(np.array([*p, 0.05]), np.array([*p, height]), thick) for p in bars]
    rails = [(np.array([*a, z]), np.array([*b, z]), 0.045) for z in (0.3, height)]
    canvas.shadow_capsules(slats + rails)
    canvas.capsules(slats, color * light, "fence")
    canvas.capsules(rails, color, "fence")
    for x in np.linspace(0, length, max(2, round(length / 2.2) + 1)):
        prism(canvas, rectangle(a + along * x, (0.15, 0.15), float(np.arctan2(along[1], along[0]))),
              0.0, height + 0.14, pole, "fence-pole", shadow=False)  # fmt: skip


def low_wall(canvas: Canvas, rng: np.random.Generator, start: Vector, end: Vector, height: float) -> None:
    """Draws a garden wall of plaster or blocks."""
    along = np.subtract(end, start)
    size = (float(np.hypot(*along)), rng.uniform(0.22, 0.4))
    base = rectangle(np.add(start, end) / 2, size, float(np.arctan2(along[1], along[0])))
    stone = plaster(rng)
    canvas.shadow(np.vstack([lift(base, 0.0), lift(base, height)]))
    for foot, normal in visible_sides(canvas, base):
        canvas.plane(vertical_rectangle(foot, 0.0, height), stone.shaded(canvas.sun.light_on(normal)), "wall")
    canvas.plane(lift(base, height), stone, "wall")
