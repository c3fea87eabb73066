"""Lay out the kinds of scenes: garden, street, park, poolside, work yard, plaza."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segdrone.synthetic import place
from segdrone.synthetic.materials import asphalt, deck, paving, stone_color
from segdrone.synthetic.plan import Plan, blob, box, fray, strip, winding_path


def garden(plan: Plan) -> None:
    """Lays out a house with terrace, lawn, path and beds inside a fence or hedge."""
    rng, s = plan.rng, plan.view.span
    plan.ground("grass", box(-3 * s, -3 * s, 3 * s, 3 * s))
    front = rng.uniform(0.1, 0.3) * s
    place.house(plan, (rng.uniform(-0.25, 0.25) * s, front))
    if rng.random() < 0.7:
        plan.ground("gravel", box(-3 * s, front - rng.uniform(0.5, 0.9), 3 * s, front + 1))
    left, deep = rng.uniform(-0.6, -0.1) * s, rng.uniform(2.5, 4.5)
    place.paved(plan, box(left, front - deep, left + rng.uniform(0.5, 0.9) * s, front))
    x, wide = rng.uniform(-0.5, 0.5) * s, rng.uniform(1.2, 3.4)
    place.paved(plan, box(x, -3 * s, x + wide, front))
    edge = -rng.uniform(0.28, 0.42) * s
    place.bed(plan, box(-2 * s, edge - 0.2, 2 * s, edge + rng.uniform(0.9, 1.8)), rng.uniform(0.7, 1.5))
    place.paved(plan, box(x, -3 * s, x + wide, edge + 2))
    place.boundary(plan, (-1.2 * s, edge), (x - 0.3, edge))
    place.boundary(plan, (x + wide + 0.3, edge), (1.2 * s, edge))
    place.road(plan, box(-3 * s, -3 * s, 3 * s, edge - rng.uniform(0.3, 1.2)))
    side = rng.choice([-1, 1]) * rng.uniform(0.5, 0.75) * s
    place.boundary(plan, (side, edge), (side, front))
    place.obstacles(plan, ["table", "parasol", "trampoline", "lounger", "bin", "drum", "bench"], 4)
    place.vegetation(plan, trees=1, bald=0.3, shrubs=7)
    place.scatter_things(plan, people=2.5, dogs=0.6, bikes=0.7, cars=0.7, markers=0.35, rocks=2)


def street(plan: Plan) -> None:
    """Lays out a road with sidewalks, parked cars and front gardens on both sides."""
    rng, s = plan.rng, plan.view.span
    plan.ground("grass", box(-3 * s, -3 * s, 3 * s, 3 * s))
    y, half = rng.uniform(-0.2, 0.05) * s, rng.uniform(2.4, 3.3)
    walk = rng.uniform(1.2, 2.0)
    place.paved(plan, box(-3 * s, y - half - walk, 3 * s, y + half + walk))
    place.road(plan, box(-3 * s, y - half, 3 * s, y + half))
    if rng.random() < 0.6:
        for x in np.arange(-2 * s, 2 * s, 3.0):
            plan.line([[x, y], [x + 1.5, y]], 0.12, (225, 225, 220))
    top = y + half + walk
    garden_depth = rng.uniform(1.5, 4.0)
    place.bed(plan, box(-2 * s, top, 2 * s, top + rng.uniform(0.6, 1.3)), 0.8)
    x = rng.uniform(-0.4, 0.3) * s
    if rng.random() < 0.6:
        plan.ground("gravel", box(-3 * s, top + garden_depth - 0.8, 3 * s, top + garden_depth + 2))
    place.paved(plan, box(x, top - 0.1, x + rng.uniform(2.4, 3.6), top + garden_depth))
    place.boundary(plan, (-1.3 * s, top + 0.15), (x - 0.2, top + 0.15))
    place.house(plan, (x + rng.uniform(-0.2, 0.2) * s, top + garden_depth))
    low = y - half - walk
    if rng.random() < 0.5:
        plan.ground("gravel", fray(rng, box(-3 * s, low - rng.uniform(0.8, 2.2), 3 * s, low), 0.05))
    place.boundary(plan, (-1.3 * s, low - 0.5), (rng.uniform(0, 1.3) * s, low - 0.5))
    for x in np.arange(-1.2 * s, 1.2 * s, 5.4):
        if rng.random() < 0.55:
            side = rng.choice([-1, 1])
            place.parked(plan, (x + rng.uniform(-0.3, 0.3), y + side * (half - 1.05)), 0.0 if side < 0 else np.pi)
    place.obstacles(plan, ["bin", "bin", "drum"], 2)
    place.vegetation(plan, trees=1, bald=0.5, shrubs=4)
    place.scatter_things(plan, people=3.5, dogs=0.5, bikes=1.2, cars=0.0, markers=0.2, rocks=1)


def park(plan: Plan) -> None:
    """Lays out a meadow with a path, often a pond, and trees."""
    rng, s = plan.rng, plan.view.span
    plan.ground("grass", box(-3 * s, -3 * s, 3 * s, 3 * s))
    for _ in range(rng.integers(1, 4)):
        at = tuple(rng.uniform(-0.6, 0.6, 2) * s)
        plan.ground("dirt", fray(rng, blob(rng, at, rng.uniform(0.05, 0.14) * s, 1.5), 0.12))
    path = strip(
        winding_path(rng, 2 * s, rng.uniform(-0.35, 0.35) * s, rng.uniform(0.05, 0.15) * s), rng.uniform(1.4, 3.0)
    )
    kind = str(rng.choice(["paved-area", "gravel", "dirt"], p=[0.55, 0.3, 0.15]))
    plan.ground(kind, fray(rng, path, 0.04))
    if rng.random() < 0.9:
        place.pond(plan, tuple(rng.uniform(-0.35, 0.35, 2) * s), rng.uniform(0.12, 0.26) * s)
    if rng.random() < 0.5:
        at = tuple(rng.uniform(-0.6, 0.6, 2) * s)
        place.bed(plan, blob(rng, at, rng.uniform(0.1, 0.2) * s, 1.5), 1.2)
    if rng.random() < 0.5:
        edge = rng.uniform(0.3, 0.5) * s
        place.boundary(plan, (-1.2 * s, edge), (1.2 * s, edge))
    place.obstacles(plan, ["bench", "bench", "drum", "crates"], 2)
    place.vegetation(plan, trees=2, bald=0.9, shrubs=4)
    place.scatter_things(plan, people=2.5, dogs=0.9, bikes=0.6, cars=0.0, markers=0.35, rocks=3)


def poolside(plan: Plan) -> None:
    """Lays out a pool in a paving or deck, with loungers, lawn, hedge and house."""
    rng, s = plan.rng, plan.view.span
    plan.ground("grass", box(-3 * s, -3 * s, 3 * s, 3 * s))
    at = rng.uniform(-0.15, 0.15, 2) * s
    half = rng.uniform([2.2, 1.3], [4.0, 2.2])
    margin = rng.uniform(0.9, 3.0, 4)
    low, high = at - half - margin[:2], at + half + margin[2:]
    front = high[1] + rng.uniform(0.0, 2.0)
    if rng.random() < 0.7:
        place.house(plan, (at[0] + rng.uniform(-0.2, 0.2) * s, front))
        plan.ground("gravel", box(-3 * s, front - 0.6, 3 * s, front + 1))
        high[1] = front
    around = deck(rng) if rng.random() < 0.35 else paving(rng)
    plan.ground("paved-area", box(low[0], low[1], high[0], high[1]), around)
    shape = box(*(at - half), *(at + half))
    if rng.random() < 0.3:
        shape = blob(rng, (float(at[0]), float(at[1])), half[1] * 1.1, 1.5, 0.15)
    rim = stone_color(rng, 150, 230)
    plan.line(np.vstack([shape, shape[:1]]), 0.5, rim)
    plan.ground("pool", shape)
    edge = low[1] - rng.uniform(0.6, 0.2 * s)
    if rng.random() < 0.6:
        place.bed(plan, box(-2 * s, edge - 0.3, 2 * s, edge + rng.uniform(0.6, 1.4)), 1.2)
    place.boundary(plan, (-1.2 * s, edge), (1.2 * s, edge))
    place.paved(plan, box(-3 * s, -3 * s, 3 * s, edge - 0.4))
    place.obstacles(plan, ["lounger", "lounger", "parasol", "table", "drum"], 6)
    place.vegetation(plan, trees=0.7, bald=0.2, shrubs=5)
    place.scatter_things(plan, people=3.0, dogs=0.4, bikes=0.4, cars=0.2, markers=0.2, rocks=2)


def workyard(plan: Plan) -> None:
    """Lays out a yard of gravel or earth with stacks, boulders, cars and a shed."""
    rng, s = plan.rng, plan.view.span
    base = str(rng.choice(["gravel", "dirt", "paved-area"], p=[0.35, 0.25, 0.4]))
    plan.ground(base, box(-3 * s, -3 * s, 3 * s, 3 * s))
    for label in rng.permutation(["dirt", "gravel", "grass", "paved-area", "paved-area"])[:4]:
        at = rng.uniform(-0.6, 0.6, 2) * s
        if label == "paved-area":
            size = rng.uniform(0.2, 0.5, 2) * s
            place.paved(plan, box(*(at - size), *(at + size)))
        else:
            plan.ground(str(label), fray(rng, blob(rng, tuple(at), rng.uniform(0.12, 0.3) * s, 1.5), 0.1))
    if rng.random() < 0.4:
        plan.ground("water", blob(rng, tuple(rng.uniform(-0.3, 0.3, 2) * s), rng.uniform(0.05, 0.1) * s, 1.6))
    if rng.random() < 0.6:
        place.house(plan, (rng.uniform(-0.4, 0.4) * s, rng.uniform(0.15, 0.35) * s))
    edge = -rng.uniform(0.25, 0.42) * s
    place.boundary(plan, (-1.2 * s, edge), (1.2 * s, edge))
    place.obstacles(plan, ["crates", "crates", "crates", "drum", "bin"], 6)
    place.vegetation(plan, trees=0.4, bald=0.7, shrubs=3)
    place.scatter_things(plan, people=2.5, dogs=0.35, bikes=0.6, cars=1.2, markers=1.0, rocks=5)


def plaza(plan: Plan) -> None:
    """Lays out a wide paved square with people, parked cars and a planted island."""
    rng, s = plan.rng, plan.view.span
    plan.ground("paved-area", box(-3 * s, -3 * s, 3 * s, 3 * s), asphalt(rng))
    if rng.random() < 0.7:
        x, y = rng.uniform(-0.5, 0.2, 2) * s
        place.paved(plan, box(x, y, x + rng.uniform(0.4, 1.5) * s, y + rng.uniform(0.3, 1.0) * s))
    row = rng.uniform(-0.3, 0.3) * s
    bays = np.arange(-0.5 * s, 0.5 * s, 2.7)
    for x in bays:
        plan.line([[x, row - 2.4], [x, row + 2.4]], 0.1, (222, 222, 218))
    heading = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(0.42, 0.62) * s
    center = (float(away * np.cos(heading)), float(away * np.sin(heading)))
    size = rng.uniform(0.25, 0.42) * s
    form = rng.integers(2**32)
    rings = ((size, "gravel"), (size - 0.7, "vegetation"), (size - 1.3, "grass"))
    for reach, label in rings:
        plan.ground(label, blob(np.random.default_rng(form), center, max(reach, 0.5), 1.4, 0.2))
    if rng.random() < 0.45:
        place.house(plan, (rng.uniform(-0.3, 0.3) * s, rng.uniform(0.2, 0.4) * s))
    if rng.random() < 0.5:
        edge = -rng.uniform(0.3, 0.45) * s
        plan.ground("grass", box(-3 * s, -3 * s, 3 * s, edge - 0.1))
        place.boundary(plan, (-1.2 * s, edge), (1.2 * s, edge))
    for x in bays:
        if rng.random() < 0.3:
            place.parked(plan, (x + 1.35, row + rng.uniform(-0.3, 0.3)), np.pi / 2)
    place.obstacles(plan, ["bin", "bench", "drum", "crates", "table"], 3)
    place.vegetation(plan, trees=0.7, bald=0.4, shrubs=4)
    place.scatter_things(plan, people=6.0, dogs=0.6, bikes=1.4, cars=0.0, markers=0.9, rocks=1)


SCENE_LAYOUTS: dict[str, tuple[Callable[[Plan], None], float]] = {  # and how often each is drawn
    "garden": (garden, 0.19),
    "street": (street, 0.18),
    "park": (park, 0.16),
    "poolside": (poolside, 0.18),
    "workyard": (workyard, 0.11),
    "plaza": (plaza, 0.18),
}
