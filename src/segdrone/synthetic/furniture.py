"""Obstacles that stand about, and the odd things that nobody labels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from segdrone.synthetic.canvas import Canvas
from segdrone.synthetic.materials import Colour, deck, hsv, leaf_colour
from segdrone.synthetic.solids import Vector, outline, prism, raised, ring, turned

Rng = np.random.Generator


def _any_colour(rng: Rng) -> Colour:
    return hsv(rng.uniform(0, 360), rng.choice([0.05, 0.3, 0.6]), rng.uniform(45, 190))


def waste_bin(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a wheeled bin with a coloured lid."""
    body, lid = hsv(210, 0.1, rng.uniform(40, 90)), _any_colour(rng)
    prism(canvas, outline(at, (0.65, 0.6), yaw), 0.0, 1.0, body, "obstacle")
    prism(canvas, outline(at, (0.72, 0.66), yaw), 1.0, 1.08, lid, "obstacle", shadow=False)
    canvas.polygon(raised(turned([[0.2, -0.2], [0.3, -0.2], [0.3, 0.2], [0.2, 0.2]], at, yaw), 1.1),
                   np.multiply(lid, 0.6), "obstacle")  # fmt: skip


def table(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a table with chairs around it."""
    wood = deck(rng)
    colour = _any_colour(rng)
    for x, y in ((-0.45, 0.75), (0.45, 0.75), (-0.45, -0.75), (0.45, -0.75)):
        spot = turned([[x, y]], at, yaw)[0] + rng.uniform(-0.08, 0.08, 2)
        turn = yaw + rng.uniform(-0.2, 0.2)
        prism(canvas, outline(spot, (0.46, 0.46), turn), 0.38, 0.45, colour, "obstacle")
        back = turned([[0.0, 0.22 * np.sign(y)]], spot, turn)[0]
        prism(canvas, outline(back, (0.46, 0.06), turn), 0.45, 0.9, np.multiply(colour, 0.85), "obstacle")
    prism(canvas, outline(at, (1.7, 0.9), yaw), 0.7, 0.75, wood, "obstacle")


def parasol(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws an open parasol of eight cloths, some striped."""
    radius, first = rng.uniform(1.1, 1.7), np.array(_any_colour(rng))
    second = first if rng.random() < 0.6 else np.array([225.0, 222.0, 214.0])
    rim, top = raised(ring(at, radius, 8), 2.1), np.array([*at, 2.6])
    canvas.shadow(rim)
    canvas.shadow_capsules([(np.array([*at, 0.0]), top, 0.04)])
    for i in range(8):
        a, b = rim[i], rim[(i + 1) % 8]
        out = ((a + b) / 2 - top)[:2] / radius
        light = 0.5 + 0.5 * canvas.sun.on((out[0] * 0.5, out[1] * 0.5), 0.85)
        canvas.polygon([a, b, top], (first if i % 2 else second) * light, "obstacle")
        canvas.capsules([(a, top, 0.015)], first * 0.6, "obstacle")
    canvas.capsules([(top, top, 0.07)], first * 0.5, "obstacle")


def lounger(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a sun lounger with a raised back."""
    colour = np.array(_any_colour(rng))
    prism(canvas, outline(at, (1.95, 0.65), yaw), 0.28, 0.36, colour * 0.7, "obstacle")
    for x in np.arange(-0.76, 0.5, 0.24):
        slat = outline(turned([[x, 0.0]], at, yaw)[0], (0.18, 0.56), yaw)
        canvas.polygon(raised(slat, 0.4), colour, "obstacle")
    back = turned([[0.45, -0.3], [0.45, 0.3], [0.95, 0.3], [0.95, -0.3]], at, yaw)
    canvas.polygon(np.column_stack([back, [0.4, 0.4, 0.75, 0.75]]), np.minimum(colour * 1.1, 255), "obstacle")


def crates(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a stack of boxes or pallets."""
    for _ in range(rng.integers(2, 5)):
        spot = np.asarray(at) + rng.uniform(-0.7, 0.7, 2)
        size = rng.uniform(0.5, 1.25, 2)
        wood = deck(rng) if rng.random() < 0.6 else np.array(_any_colour(rng))
        prism(
            canvas,
            outline(spot, (size[0], size[1]), yaw + rng.normal(0, 0.2)),
            0.0,
            rng.uniform(0.3, 1.1),
            wood,
            "obstacle",
        )


def drum(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a barrel or a large flower pot."""
    radius, high, colour = rng.uniform(0.28, 0.5), rng.uniform(0.4, 0.9), np.array(_any_colour(rng))
    prism(canvas, ring(at, radius, 16), 0.0, high, colour, "obstacle")
    inside = leaf_colour(rng) if rng.random() < 0.5 else tuple(colour * 0.6)
    canvas.polygon(raised(ring(at, radius * 0.82, 16), high + 0.01), inside, "obstacle")


def trampoline(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a round trampoline with a coloured rim."""
    radius = rng.uniform(1.2, 1.8)
    rim = np.array(_any_colour(rng))
    canvas.shadow(raised(ring(at, radius), 0.8))
    canvas.polygon(raised(ring(at, radius), 0.8), rim, "obstacle")
    canvas.polygon(raised(ring(at, radius * 0.82), 0.8), hsv(220, 0.1, rng.uniform(25, 60)), "obstacle")


def bench(canvas: Canvas, rng: Rng, at: Vector, yaw: float) -> None:
    """Draws a slatted bench."""
    wood = np.array(hsv(rng.uniform(15, 38), rng.uniform(0.1, 0.6), rng.uniform(80, 200)))
    for y in (-0.2, 0.0, 0.2):
        spot = turned([[0.0, y]], at, yaw)[0]
        prism(canvas, outline(spot, (1.7, 0.15), yaw), 0.4, 0.46, wood * (0.9 + 0.5 * abs(y)), "obstacle")
    back = turned([[0.0, 0.32]], at, yaw)[0]
    prism(canvas, outline(back, (1.7, 0.08), yaw), 0.46, 0.9, wood * 0.9, "obstacle")


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
    """Draws a garden hose in loose loops; it bears no label."""
    turn = np.linspace(0, rng.uniform(4, 9), 90)
    radius = 0.25 + 0.12 * turn + 0.02 * np.sin(3 * turn)
    path = np.asarray(at) + (radius * [np.cos(turn), np.sin(turn)]).T + np.outer(turn**2, rng.normal(0, 0.015, 2))
    points = raised(path, 0.03)
    parts = [(a, b, 0.028) for a, b in pairwise(points)]
    canvas.shadow_capsules(parts)
    canvas.capsules(parts, _any_colour(rng), "unlabeled")


def toy(canvas: Canvas, rng: Rng, at: Vector) -> None:
    """Draws a ball or a heap of cloth; it bears no label."""
    colour = np.array(_any_colour(rng))
    radius = rng.uniform(0.14, 0.3)
    wobble = rng.uniform(0.6 if rng.random() < 0.5 else 0.98, 1.0, 16)[:, None]
    blob = np.asarray(at) + (ring((0, 0), radius, 16)) * wobble
    canvas.shadow(raised(blob, radius))
    canvas.polygon(raised(blob, radius), colour * 0.75, "unlabeled")
    towards = np.asarray(canvas.sun.reach) * -0.25 * radius
    canvas.polygon(
        raised(ring(np.asarray(at) + towards, radius * 0.6, 12), radius),
        np.minimum(colour * 1.15, 255),
        "unlabeled",
    )


def lens_edge(canvas: Canvas, rng: Rng) -> None:
    """Draws a blurred leg of the drone that reaches into the picture's edge."""
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
