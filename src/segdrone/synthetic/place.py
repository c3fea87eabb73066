"""Add objects to a plan, at given positions or wherever there is space."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from segdrone.synthetic import buildings, fences, furniture, ground, plants, things
from segdrone.synthetic.buildings import House
from segdrone.synthetic.canvas import Points
from segdrone.synthetic.materials import asphalt, paving, stone_color
from segdrone.synthetic.plan import Plan, blob, box, fray, strip
from segdrone.synthetic.solids import Vector

OPEN = ("paved-area", "grass", "gravel", "dirt")
PAVED = ("paved-area",)
HARD = ("paved-area", "gravel")
SOFT = ("grass", "dirt", "vegetation")


def scatter(
    plan: Plan,
    mean: float,
    height: float,
    draw: Callable[..., None],
    on: Collection[str] = OPEN,
    room: float = 0.5,
    margin: float = 0.06,
) -> None:
    """Adds about `mean` objects at random free positions in view.

    Args:
        plan: The scene.
        mean: Expected number.
        height: Height in meters: lower objects are drawn first.
        draw: Called as `draw(canvas, rng, at=(x, y))`.
        on: Classes of ground that they may stand on.
        room: Radius in meters that each needs.
        margin: Share of the image along its edges that is left out.
    """
    for _ in range(plan.rng.poisson(mean)):
        at = plan.free_spot(room, on, margin)
        if at is not None:
            plan.add(height, partial(draw, at=at))


def paved(plan: Plan, shape: Points) -> None:
    """Adds a paving with a border of another stone."""
    plan.ground("paved-area", shape, paving(plan.rng))
    plan.line(np.vstack([shape, shape[:1]]), plan.rng.uniform(0.08, 0.14), stone_color(plan.rng, 110, 210))


def road(plan: Plan, shape: Points) -> None:
    """Adds asphalt between curbs."""
    plan.ground("paved-area", shape, asphalt(plan.rng))
    plan.line(np.vstack([shape, shape[:1]]), 0.14, stone_color(plan.rng, 130, 215))


def house(plan: Plan, foot: Vector) -> None:
    """Adds a house; `foot` is the middle of its front wall."""
    rng = plan.rng
    wide, deep = rng.uniform([7, 6.5], [12, 9.5])
    eaves = rng.uniform(2.6, 3.2) if rng.random() < 0.6 else rng.uniform(4.6, 5.6)
    rise = 0.0 if rng.random() < 0.15 else rng.uniform(1.4, 2.8)
    left, front = foot[0] - wide / 2, foot[1]
    plan.block(box(left - 0.5, front - 0.4, left + wide + 0.5, front + deep + 0.5))
    spec = House((foot[0], front + deep / 2), (wide, deep), eaves, rise)
    plan.add(6.0, partial(buildings.house, plan=spec))


def boundary(plan: Plan, start: Vector, end: Vector) -> None:
    """Adds a fence, a hedge or a low wall along the longest free part of a line."""
    rng = plan.rng
    kind = rng.choice(["fence", "hedge", "wall"], p=[0.5, 0.28, 0.22])
    wide, high = rng.uniform([0.6, 0.9], [1.1, 1.5])
    run = plan.longest_clear_part(start, end, (*OPEN, "vegetation"))
    if run is None:
        return
    plan.block(strip(run, wide + 0.3))
    if kind == "fence":
        plan.add(1.4, partial(fences.fence, start=run[0], end=run[1], height=high))
    elif kind == "hedge":
        plan.ground("dirt", strip(run, wide + 0.4))
        plan.add(1.4, partial(plants.hedge, start=run[0], end=run[1], width=wide, height=high))
    else:
        plan.add(1.2, partial(fences.low_wall, start=run[0], end=run[1], height=high * 0.6))


def bed(plan: Plan, shape: Points, density: float) -> None:
    """Adds a bed of earth, gravel or low plants, with about `density` shrubs per 3 square meters."""
    rng = plan.rng
    under = str(rng.choice(["dirt", "gravel", "vegetation"], p=[0.45, 0.25, 0.3]))
    plan.ground(under, fray(rng, shape, 0.04))
    reach = 0.9 * plan.view.span
    low, high = np.maximum(shape.min(0), -reach), np.minimum(shape.max(0), reach)
    for _ in range(int(np.clip(density * np.prod(high - low) * 0.35, 3, 26))):
        x, y = rng.uniform(low, high).tolist()
        if plan.ground_at((x, y)) == under:
            plan.add(0.8, partial(plants.shrub, at=(x, y), radius=rng.uniform(0.25, 0.75)))


def pond(plan: Plan, at: Vector, radius: float) -> None:
    """Adds a pond with a bank, boulders and shrubs around it."""
    rng = plan.rng
    shape = blob(rng, at, radius, rng.uniform(1.0, 1.6), 0.3)
    bank = shape.mean(0) + (shape - shape.mean(0)) * 1.15
    plan.ground(str(rng.choice(["gravel", "dirt", "vegetation"])), fray(rng, bank, 0.08))
    plan.ground("water", shape)
    for x, y in (shape[:: rng.integers(2, 6)] + rng.normal(0, 0.08)).tolist():
        if rng.random() < 0.7:
            plan.add(0.3, partial(things.rock, at=(x, y), radius=rng.uniform(0.14, 0.42)))
    for x, y in bank[rng.integers(0, len(bank), 5)].tolist():
        plan.add(0.8, partial(plants.shrub, at=(x, y), radius=rng.uniform(0.3, 0.7)))


def parked(plan: Plan, at: Vector, yaw: float) -> None:
    """Adds a parked car if the ground there is hard."""
    if plan.ground_at(at) in HARD:
        for ahead in (-1.3, 0.0, 1.3):
            plan.occupied.append((np.asarray(at) + ahead * np.array([np.cos(yaw), np.sin(yaw)]), 1.3))
        plan.add(1.6, partial(things.car, at=at, yaw=yaw + plan.rng.normal(0, 0.03)))


def obstacles(plan: Plan, kinds: list[str], most: int) -> None:
    """Adds 1 to `most` obstacles of random `kinds`, roughly aligned to the axes of the layout."""
    rng = plan.rng
    for _ in range(rng.integers(1, most + 1)):
        kind = str(rng.choice(kinds))
        yaw = rng.choice([0.0, np.pi / 2, np.pi]) + rng.normal(0, 0.2)
        at = plan.free_spot(1.5 if kind in ("table", "parasol", "trampoline") else 0.9, OPEN)
        if at is not None:
            draw: Callable[..., None] = furniture.OBSTACLES[kind]
            plan.add(2.6 if kind == "parasol" else 1.0, partial(draw, at=at, yaw=yaw))


def ground_marks(plan: Plan) -> None:
    """Adds small marks of use and weather; objects may be placed on them."""
    taken = list(plan.occupied)
    scatter(plan, 0.4, 0.0, ground.manhole, PAVED, room=1.0)
    scatter(plan, 0.6, 0.0, ground.crack, PAVED, room=1.6)
    scatter(plan, 0.4, 0.0, ground.repair, PAVED, room=1.2)
    scatter(plan, 2.0, 0.0, ground.stain, HARD, room=1.0)
    scatter(plan, 1.2, 0.0, ground.fallen_leaves)
    plan.occupied[:] = taken


def vegetation(plan: Plan, trees: float, bald: float, shrubs: float) -> None:
    """Adds trees, bald trees and shrubs; the arguments are expected numbers."""
    rng = plan.rng
    radius = rng.uniform(1.2, 2.8)
    tree = partial(plants.tree, radius=radius, height=radius * rng.uniform(1.5, 2.2))
    scatter(plan, trees, 7.0 + radius, tree, SOFT, room=radius * 0.6, margin=-0.1)
    radius = rng.uniform(1.2, 2.4)
    bare = partial(plants.bald_tree, radius=radius, height=radius * 1.6)
    scatter(plan, bald, 6.5 + radius, bare, SOFT, room=radius * 0.4, margin=0.1)
    for _ in range(rng.poisson(shrubs)):
        scatter(plan, 1.0, 0.9, partial(plants.shrub, radius=rng.uniform(0.3, 0.9)), SOFT)


def scatter_things(
    plan: Plan, people: float, dogs: float, bikes: float, cars: float, markers: float, rocks: float
) -> None:
    """Adds objects of each kind, and sometimes unlabeled ones; the arguments are expected numbers."""
    rng = plan.rng
    ground_marks(plan)
    for _ in range(rng.poisson(cars)):
        scatter(plan, 1.0, 1.6, partial(things.car, yaw=rng.uniform(0, 2 * np.pi)), HARD, room=2.5)
    scatter(plan, markers, 0.05, things.marker, room=0.7)
    scatter(plan, bikes, 1.0, things.bicycle, room=0.8)
    scatter(plan, people, 1.5, things.person, room=0.4)
    scatter(plan, dogs, 0.5, things.dog)
    scatter(plan, 0.25, 0.06, furniture.hose, room=0.6)
    scatter(plan, 0.4, 0.3, furniture.toy, room=0.4)
    for _ in range(rng.poisson(rocks)):
        radius = rng.uniform(0.2, 0.6)
        scatter(plan, 1.0, 0.3, partial(things.rock, radius=radius), ("dirt", "gravel", "grass"), room=radius)
    if rng.random() < 0.08:
        plan.add(99.0, furniture.drone_leg)


def crowds(plan: Plan) -> None:
    """Adds groups of things that touch or cover one another: people, parked cars, bicycles in a rack, trees."""
    rng = plan.rng
    for _ in range(1 + rng.poisson(1.5)):
        _row(plan, things.person, 1.5, OPEN, room=1.0, most=6, gap=(0.3, 0.55), bend=0.9)
    if rng.random() < 0.7:
        yaw = rng.uniform(0, 2 * np.pi)
        car = partial(things.car, yaw=yaw)
        _row(plan, car, 1.6, HARD, room=2.6, most=4, gap=(1.8, 2.1), bend=0.05, direction=yaw + np.pi / 2)
    if rng.random() < 0.7:
        _row(plan, things.bicycle, 1.0, OPEN, room=1.0, most=5, gap=(0.35, 0.7), bend=0.1)
    if rng.random() < 0.5:
        radius = rng.uniform(1.0, 1.8)
        tree = partial(plants.tree, radius=radius, height=radius * 1.8)
        _row(plan, tree, 7.0 + radius, SOFT, room=radius, most=3, gap=(radius, 1.6 * radius), bend=0.6)


def _row(
    plan: Plan,
    draw: Callable[..., None],
    height: float,
    on: Collection[str],
    *,
    room: float,
    most: int,
    gap: tuple[float, float],
    bend: float,
    direction: float | None = None,
) -> None:
    """Adds 2 to `most` things, each at a distance from the one before, in directions that differ by about `bend`."""
    rng = plan.rng
    at = plan.free_spot(room, on, 0.1)
    if at is None:
        return
    direction = rng.uniform(0, 2 * np.pi) if direction is None else direction
    for _ in range(rng.integers(2, most + 1)):
        plan.add(height, partial(draw, at=at))
        plan.occupied.append((np.asarray(at), room))
        direction += rng.normal(0, bend)
        distance = rng.uniform(*gap)
        at = (at[0] + distance * float(np.cos(direction)), at[1] + distance * float(np.sin(direction)))
        if plan.ground_at(at) not in on:
            return
