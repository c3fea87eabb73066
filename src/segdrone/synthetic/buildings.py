"""Draw houses: walls with windows and doors, and roofs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segdrone.synthetic.canvas import Canvas, Points
from segdrone.synthetic.materials import Color, Material, hsv, plaster, ramp, roofing, stone_color
from segdrone.synthetic.solids import Vector, lift, prism, rectangle, vertical_rectangle, visible_sides


@dataclass(frozen=True)
class House:
    """A house on a rectangle; its ridge runs along x.

    Args:
        at: Center of the rectangle in meters.
        size: Extent along x and y in meters.
        eaves: Height of the walls in meters.
        rise: Height of the ridge above the eaves in meters; 0 for a flat roof.
    """

    at: Vector
    size: Vector
    eaves: float
    rise: float


@dataclass(frozen=True)
class _Facade:
    """Materials and colors of the walls of a house."""

    plaster: Material
    glass: Material
    frame: Color
    door: Color


def house(canvas: Canvas, rng: np.random.Generator, plan: House) -> None:
    """Draws a house: its shadow, the walls facing the camera, and the roof."""
    base = rectangle(plan.at, plan.size, 0.0)
    overhang = rng.uniform(0.2, 0.45)
    eaves = lift(rectangle(plan.at, np.add(plan.size, 2 * overhang), 0.0), plan.eaves)
    ends = np.array([eaves[[0, 3]].mean(0), eaves[[1, 2]].mean(0)])
    ridge = np.add(ends, (0, 0, plan.rise))
    hipped = plan.rise > 0 and rng.random() < 0.35
    if hipped:
        hip = min(plan.size[1] / 2, plan.size[0] / 2.5)
        ridge += [[hip, 0, 0], [-hip, 0, 0]]
    facade = _Facade(
        plaster=plaster(rng),
        glass=_glass(rng),
        frame=(228, 228, 224) if rng.random() < 0.7 else hsv(25, 0.5, 90),
        door=hsv(rng.uniform(0, 360), rng.uniform(0.05, 0.5), rng.uniform(60, 200)),
    )
    canvas.shadow(np.vstack([lift(base, 0.0), eaves, ridge]))
    seeds = {wall: rng.spawn(1)[0] for wall in ((0, -1), (1, 0), (0, 1), (-1, 0))}
    for foot, normal in visible_sides(canvas, base):
        _wall(canvas, seeds[round(normal[0]), round(normal[1])], foot, normal, plan.eaves, facade)
    _roof(canvas, rng, eaves, ridge, hipped, facade)
    if rng.random() < 0.8:
        _chimney(canvas, rng, plan)


def _glass(rng: np.random.Generator) -> Material:
    """Returns the material of windows, from dark rooms to a reflected bright sky."""
    base = hsv(rng.uniform(190, 230), rng.uniform(0.08, 0.35), rng.uniform(45, 150))
    return Material((plaster(rng).layers[1],), ramp(base, 0.3, tip=(215, 225, 235)))


def _wall(
    canvas: Canvas, rng: np.random.Generator, foot: Points, normal: Vector, height: float, facade: _Facade
) -> None:
    """Draws a wall with windows and a door; `foot` is its line on the ground, float64 `[2, 2]`."""
    length = float(np.hypot(*(foot[1] - foot[0])))
    along = (foot[1] - foot[0]) / length
    light = canvas.sun.light_on(normal)
    frame, door = np.multiply(facade.frame, light), np.multiply(facade.door, light)
    places = np.arange(1.0, length - 1.8, rng.uniform(1.9, 2.7))
    entrance = places[rng.integers(len(places))]

    def part(left: float, right: float, low: float, high: float) -> Points:
        return vertical_rectangle(foot[0] + np.array([[left], [right]]) * along, low, high)

    canvas.plane(vertical_rectangle(foot, 0.0, height), facade.plaster.shaded(light), "wall")
    for floor in np.arange(max(1, int(height / 2.6))) * 2.7:
        for x in places:
            chance = rng.random()
            if floor == 0 and x == entrance:
                canvas.polygon(part(x - 0.1, x + 1.3, 0, 2.25), frame, "wall")
                canvas.polygon(part(x, x + 1.2, 0, 2.15), door, "door")
                canvas.polygon(part(x + 0.2, x + 1.0, 1.3, 1.9), door * 0.6, "door")
            elif chance < 0.8:
                low, high = floor + (0.15 if chance < 0.25 and floor == 0 else 0.9), floor + 2.2
                canvas.polygon(part(x - 0.08, x + 1.38, low - 0.08, high + 0.08), frame, "window")
                canvas.plane(part(x, x + 1.3, low, high), facade.glass, "window")
                canvas.polygon(part(x + 0.61, x + 0.69, low, high), frame, None)


def _roof(
    canvas: Canvas, rng: np.random.Generator, eaves: Points, ridge: Points, hipped: bool, facade: _Facade
) -> None:
    """Draws the slopes from the eaves `[4, 3]` up to the ridge `[2, 3]`, the gables, and skylights."""
    tiles = canvas.style.roofing(roofing(rng), rng)
    tops = ridge[[0, 1, 1, 0]]
    if ridge[0, 2] == eaves[0, 2]:
        canvas.plane(eaves, tiles, "roof")
    else:
        for i in range(4):
            a, b, top_b, top_a = eaves[i], eaves[(i + 1) % 4], tops[(i + 1) % 4], tops[i]
            along = (b - a) / np.linalg.norm(b - a)
            climb = (top_a - a) - along * ((top_a - a) @ along)
            normal, tilt = np.array([along[1], -along[0]]), climb[2] / np.linalg.norm(climb)
            if i % 2 and not hipped:
                if (canvas.view.nadir - a[:2]) @ normal > 0:
                    light = canvas.sun.light_on((normal[0], normal[1]))
                    canvas.plane([a, b, b + climb, a + climb], facade.plaster.shaded(light), "wall", [a, b, top_a])
                continue
            light = canvas.sun.light_on((normal[0] * tilt, normal[1] * tilt), float(np.sqrt(1 - tilt**2)))
            lit = tiles.shaded(0.35 + 0.65 * light)
            canvas.plane([a, b, b + climb, a + climb], lit, "roof", [a, b, top_b, top_a])
            if i % 2 == 0:
                _skylights(canvas, rng, a, b, climb, facade.glass)
        canvas.capsules([(ridge[0], ridge[1], 0.11)], tiles.ramp[160], "roof")
    gutter = [(eaves[i], eaves[(i + 1) % 4], 0.06) for i in range(4)]
    canvas.capsules(gutter, stone_color(rng, 60, 150), "roof")


def _skylights(canvas: Canvas, rng: np.random.Generator, a: Points, b: Points, climb: Points, glass: Material) -> None:
    """Draws windows in the roof slope above the eaves from `a` to `b`."""
    for _ in range(rng.integers(2)):
        u, v, wide, tall = rng.uniform([0.25, 0.3, 0.8, 0.2], [0.65, 0.5, 1.3, 0.28])
        right, up = (b - a) / np.linalg.norm(b - a) * wide, climb * tall
        corner = a + (b - a) * u + climb * v
        pane = np.array([corner, corner + right, corner + right + up, corner + up])
        canvas.polygon(pane.mean(0) + (pane - pane.mean(0)) * 1.18, (70, 72, 76), "window")
        canvas.plane(pane, glass, "window")


def _chimney(canvas: Canvas, rng: np.random.Generator, plan: House) -> None:
    at = plan.at + rng.uniform(-0.3, 0.3, 2) * plan.size
    foot = plan.eaves + plan.rise * (1 - 2 * abs(at[1] - plan.at[1]) / plan.size[1])
    color = stone_color(rng)
    prism(canvas, rectangle(at, (0.6, 0.6), 0.0), foot - 0.2, foot + 0.9, color, "obstacle", shadow=False)
    canvas.polygon(lift(rectangle(at, (0.35, 0.35), 0.0), foot + 0.9), (35, 33, 32), "obstacle")
