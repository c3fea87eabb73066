"""Draw movable obstacles, and small objects that are unlabeled."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from segdrone.synthetic.canvas import Canvas
from segdrone.synthetic.materials import Color, deck, hsv, leaf_color
from segdrone.synthetic.solids import Vector, lift, prism, rectangle, regular_polygon, rotate

Rng = np.random.Generator


def _any_color(rng: Rng) -> Color:
    return hsv(rng.uniform(0, 360), rng.choice([0.05, 0.3, 0.6]), rng.uniform(45, 190))


def waste_bin(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a wheeled bin with a colored lid."""
    body, lid = hsv(210, 0.1, rng.uniform(40, 90)), _any_color(rng)
    prism(canvas, rectangle(at, (0.65, 0.6), yaw), 0.0, 1.0, body, "obstacle")
    prism(canvas, rectangle(at, (0.72, 0.66), yaw), 1.0, 1.08, lid, "obstacle", shadow=False)
    canvas.polygon(lift(rotate([[0.2, -0.2], [0.3, -0.2], [0.3, 0.2], [0.2, 0.2]], at, yaw), 1.1),
                   np.multiply(lid, 0.6), "obstacle")  # fmt: skip


def table(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a table with chairs around it."""
    wood = deck(rng)
    color = _any_color(rng)
    for x, y in ((-0.45, 0.75), (0.45, 0.75), (-0.45, -0.75), (0.45, -0.75)):
        spot = rotate([[x, y]], at, yaw)[0] + rng.uniform(-0.08, 0.08, 2)
        turn = yaw + rng.uniform(-0.2, 0.2)
        prism(canvas, rectangle(spot, (0.46, 0.46), turn), 0.38, 0.45, color, "obstacle")
        back = rotate([[0.0, 0.22 * np.sign(y)]], spot, turn)[0]
        prism(canvas, rectangle(back, (0.46, 0.06), turn), 0.45, 0.9, np.multiply(color, 0.85), "obstacle")
    prism(canvas, rectangle(at, (1.7, 0.9), yaw), 0.7, 0.75, wood, "obstacle")


def parasol(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws an open parasol of eight panels, some striped."""
    radius, first = rng.uniform(1.1, 1.7), np.array(_any_color(rng))
    second = first if rng.random() < 0.6 else np.array([225.0, 222.0, 214.0])
    rim, top = lift(regular_polygon(at, radius, 8), 2.1), np.array([*at, 2.6])
    canvas.shadow(rim)
    canvas.shadow_capsules([(np.array([*at, 0.0]), top, 0.04)])
    for i in range(8):
        a, b = rim[i], rim[(i + 1) % 8]
        out = ((a + b) / 2 - top)[:2] / radius
        light = 0.5 + 0.5 * canvas.sun.light_on((out[0] * 0.5, out[1] * 0.5), 0.85)
        canvas.polygon([a, b, top], (first if i % 2 else second) * light, "obstacle")
        canvas.capsules([(a, top, 0.015)], first * 0.6, "obstacle")
    canvas.capsules([(top, top, 0.07)], first * 0.5, "obstacle")


def lounger(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a sun lounger with a raised back."""
    color = np.array(_any_color(rng))
    prism(canvas, rectangle(at, (1.95, 0.65), yaw), 0.28, 0.36, color * 0.7, "obstacle")
    for x in np.arange(-0.76, 0.5, 0.24):
        slat = rectangle(rotate([[x, 0.0]], at, yaw)[0], (0.18, 0.56), yaw)
        canvas.polygon(lift(slat, 0.4), color, "obstacle")
    back = rotate([[0.45, -0.3], [0.45, 0.3], [0.95, 0.3], [0.95, -0.3]], at, yaw)
    canvas.polygon(np.column_stack([back, [0.4, 0.4, 0.75, 0.75]]), np.minimum(color * 1.1, 255), "obstacle")


def crates(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a stack of boxes or pallets."""
    for _ in range(rng.integers(2, 5)):
        spot = np.asarray(at) + rng.uniform(-0.7, 0.7, 2)
        size = rng.uniform(0.5, 1.25, 2)
        wood = deck(rng) if rng.random() < 0.6 else np.array(_any_color(rng))
        prism(
            canvas,
            rectangle(spot, (size[0], size[1]), yaw + rng.normal(0, 0.2)),
            0.0,
            rng.uniform(0.3, 1.1),
            wood,
            "obstacle",
        )


def drum(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a barrel or a large flower pot."""
    radius, high, color = rng.uniform(0.28, 0.5), rng.uniform(0.4, 0.9), np.array(_any_color(rng))
    prism(canvas, regular_polygon(at, radius, 16), 0.0, high, color, "obstacle")
    inside = leaf_color(rng) if rng.random() < 0.5 else tuple(color * 0.6)
    canvas.polygon(lift(regular_polygon(at, radius * 0.82, 16), high + 0.01), inside, "obstacle")


def trampoline(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a round trampoline with a colored rim."""
    radius = rng.uniform(1.2, 1.8)
    rim = np.array(_any_color(rng))
    canvas.shadow(lift(regular_polygon(at, radius), 0.8))
    canvas.polygon(lift(regular_polygon(at, radius), 0.8), rim, "obstacle")
    canvas.polygon(lift(regular_polygon(at, radius * 0.82), 0.8), hsv(220, 0.1, rng.uniform(25, 60)), "obstacle")


def bench(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a slatted bench."""
    wood = np.array(hsv(rng.uniform(15, 38), rng.uniform(0.1, 0.6), rng.uniform(80, 200)))
    for y in (-0.2, 0.0, 0.2):
        spot = rotate([[0.0, y]], at, yaw)[0]
        prism(canvas, rectangle(spot, (1.7, 0.15), yaw), 0.4, 0.46, wood * (0.9 + 0.5 * abs(y)), "obstacle")
    back = rotate([[0.0, 0.32]], at, yaw)[0]
    prism(canvas, rectangle(back, (1.7, 0.08), yaw), 0.46, 0.9, wood * 0.9, "obstacle")


OBSTACLES: dict[str, Callable[[Canvas, Rng, Vector, float], None]] = {
    "bin": waste_bin,
    "table": table,
    "parasol": parasol,
    "lounger": lounger,
    "crates": crates,
    "drum": drum,
    "trampoline": trampoline,
    "bench": bench,
}


def hose(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws a garden hose in loose loops; it is unlabeled."""
    turn = np.linspace(0, rng.uniform(4, 9), 90)
    radius = 0.25 + 0.12 * turn + 0.02 * np.sin(3 * turn)
    path = np.asarray(at) + (radius * [np.cos(turn), np.sin(turn)]).T + np.outer(turn**2, rng.normal(0, 0.015, 2))
    points = lift(path, 0.03)
    parts = [(a, b, 0.028) for a, b in pairwise(points)]
    canvas.shadow_capsules(parts)
    canvas.capsules(parts, _any_color(rng), "unlabeled")


def toy(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws a ball or a heap of cloth; it is unlabeled."""
    color = np.array(_any_color(rng))
    radius = rng.uniform(0.14, 0.3)
    wobble = rng.uniform(0.6 if rng.random() < 0.5 else 0.98, 1.0, 16)[:, None]
    blob = np.asarray(at) + (regular_polygon((0, 0), radius, 16)) * wobble
    canvas.shadow(lift(blob, radius))
    canvas.polygon(lift(blob, radius), color * 0.75, "unlabeled")
    towards = np.asarray(canvas.sun.shadow_offset) * -0.25 * radius
    canvas.polygon(
        lift(regular_polygon(np.asarray(at) + towards, radius * 0.6, 12), radius),
        np.minimum(color * 1.15, 255),
        "unlabeled",
    )


def drone_leg(canvas: Canvas, rng: Rng) -> None:
    """Draws a blurred leg of the drone at an edge of the image; it is unlabeled."""
    view = canvas.view
    side = rng.integers(4)
    along, reach, wide = rng.uniform([0.1, 0.08, 0.012], [0.9, 0.22, 0.03])
    width, height = view.width, view.height
    edge = np.array([[along * width, 0], [along * width, height], [0, along * height], [width, along * height]])[side]
    inward = np.array([[0.2, 1], [0.2, -1], [1, 0.2], [-1, 0.2]])[side] * reach * height
    patch = canvas.patch(np.array([edge - inward, edge + inward]), wide * height * 1.6)
    patch.stroke(edge - inward, edge + inward, wide * height)
    blurred = cv2.GaussianBlur(patch.cover, (0, 0), 0.012 * height)
    patch.cover[:] = blurred
    canvas.paint(patch, hsv(210, 0.05, rng.uniform(20, 60)), "unlabeled")
