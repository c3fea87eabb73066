"""Draw trees, bald trees, shrubs and hedges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.synthetic.canvas import Canvas, Points
from segdrone.synthetic.materials import colorize, hsv, leaf_color

Vector = tuple[float, float]
_LEAF = np.stack([[1.0, 0.45, -0.45, -1.0, -0.45, 0.45], [0.0, 0.5, 0.5, 0.0, -0.5, -0.5]], 1)


def _foliage(
    canvas: Canvas,
    leaves: Points,
    tones: NDArray[np.float64],
    size: float,
    colors: NDArray[np.uint8],
    label: str,
    rng: np.random.Generator,
) -> None:
    """Draws the shadow of leaves, then the leaves from low to high.

    Args:
        canvas: The canvas.
        leaves: World points, float64 `[N, 3]`.
        tones: Position of each leaf on the ramp, float64 `[N]`, 0 to 1.
        size: Half the length of a leaf in meters.
        colors: The ramp, uint8 `[256, 3]`.
        label: `tree` or `vegetation`.
        rng: Random generator for the directions of the leaves.
    """
    scale = canvas.view.scale
    frame = np.array([canvas.view.width, canvas.view.height])
    beyond = np.abs(canvas.view.project(leaves) - frame / 2) - frame / 2
    near = (beyond < 3.0 * scale).all(axis=1)
    if not near.any():
        return
    leaves, tones = leaves[near], tones[near]
    height = float(leaves[:, 2].max())
    radius = max(size * scale, 0.8)
    fallen = canvas.project_shadow(leaves)
    shadow = canvas.patch(fallen, radius * 2 + 3 * canvas.sun.penumbra * height * scale)
    for center in shadow.to_fixed_point(fallen[::2]).tolist():
        cv2.circle(shadow.cover, center, max(int(radius * 18), 8), 255, -1, cv2.LINE_8, 4)
    canvas.cast_shadow(shadow, height)

    order = np.argsort(leaves[:, 2])
    pixels = canvas.view.project(leaves)[order]
    angle = rng.uniform(0, np.pi, len(pixels))
    axes = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    grown = radius * rng.uniform(0.7, 1.4, (len(pixels), 1, 1))
    patch = canvas.patch(pixels, radius * 2)
    shapes = patch.to_fixed_point(pixels[:, None] + (_LEAF @ axes) * grown)
    grays = np.clip(tones[order] * 255, 1, 255).astype(int).tolist()
    tone = patch.cover
    for shape, gray in zip(shapes, grays, strict=True):
        cv2.fillConvexPoly(tone, shape, gray, cv2.LINE_8, 4)
    texture = colorize(tone, colors)
    tone[tone > 0] = 255
    canvas.paint(patch, texture, label)


def _clump(
    canvas: Canvas, at: Vector, radius: float, low: float, high: float, size: float, rng: np.random.Generator
) -> tuple[Points, NDArray[np.float64]]:
    """Returns leaves, float64 `[N, 3]`, on a dome made of smaller domes, and their tones, float64 `[N]`."""
    boughs = int(np.clip(6 + 9 * radius, 8, 40))
    spread = np.sqrt(rng.uniform(0, 1, boughs)) * radius * 0.72
    heading = rng.uniform(0, 2 * np.pi, boughs)
    centers = np.stack([spread * np.cos(heading), spread * np.sin(heading)], 1)
    sizes = radius * rng.uniform(0.24, 0.42, boughs)
    lift = np.sqrt(np.clip(1 - (spread / radius) ** 2, 0, 1))

    count = int(np.clip(5.5 * (radius / size) ** 2, 30, 2600))
    bough = rng.integers(boughs, size=count)
    out, turn = np.sqrt(rng.uniform(0, 1, count)), rng.uniform(0, 2 * np.pi, count)
    offset = np.stack([out * np.cos(turn), out * np.sin(turn)], 1)
    dome = np.sqrt(1 - out**2)
    flat = np.asarray(at) + centers[bough] + offset * sizes[bough, None]
    rise = 0.6 * lift[bough] + 0.4 * dome * sizes[bough] / sizes.max()
    leaves = np.column_stack([flat, low + (high - low) * rise])
    sunwards = -(offset + centers[bough] / radius) @ np.asarray(canvas.sun.shadow_offset)
    tones = 0.12 + 0.3 * dome + 0.16 * lift[bough] + 0.2 * canvas.sun.direct * sunwards
    return leaves, np.clip(tones + rng.normal(0, 0.075, count), 0.02, 1)


def tree(canvas: Canvas, rng: np.random.Generator, at: Vector, radius: float, height: float) -> None:
    """Draws a tree: a crown of many leafy domes on a trunk; where trees lose their leaves, often a bald one."""
    if canvas.style.bare and rng.random() < canvas.style.bare:
        return bald_tree(canvas, rng, at, radius, height)
    base, top = np.array([*at, 0.0]), np.array([*at, height * 0.6])
    canvas.shadow_capsules([(base, top, 0.06 * radius)])
    canvas.capsules([(base, top, 0.07 * radius)], hsv(28, 0.35, 80), "tree")
    size = rng.uniform(0.085, 0.13)
    leaves, tones = _clump(canvas, at, radius, height * 0.45, height, size, rng)
    _foliage(canvas, leaves, tones, size, canvas.style.foliage(leaf_color(rng), 0.16, 1.9, rng), "tree", rng)


def shrub(canvas: Canvas, rng: np.random.Generator, at: Vector, radius: float) -> None:
    """Draws a low shrub, sometimes with flowers."""
    size = rng.uniform(0.05, 0.08)
    leaves, tones = _clump(canvas, at, radius, 0.0, radius * rng.uniform(0.7, 1.3), size, rng)
    colors = canvas.style.foliage(leaf_color(rng), 0.2, 2.0, rng)
    if rng.random() < 0.2:
        colors[200:] = hsv(rng.choice([50.0, 300.0, 340.0, 270.0]), rng.uniform(0.1, 0.6), 225)
    _foliage(canvas, leaves, tones, size, colors, "vegetation", rng)


def hedge(canvas: Canvas, rng: np.random.Generator, start: Vector, end: Vector, width: float, height: float) -> None:
    """Draws a clipped hedge from `start` to `end`."""
    along = np.subtract(end, start)
    length = float(np.hypot(*along))
    side = np.array([-along[1], along[0]]) / length
    size = 0.09
    count = int(np.clip(1.1 * length * width / size**2, 60, 6000))
    where = rng.uniform(0, 1, count)
    across = rng.uniform(-0.5, 0.5, count) * width * rng.uniform(0.9, 1.1, count)
    up = np.where(rng.random(count) < 0.3, rng.uniform(0.2, 1, count), 1.0) * height
    flat = np.asarray(start) + where[:, None] * along + across[:, None] * side
    leaves = np.column_stack([flat, up + rng.normal(0, 0.04, count)])
    tones = 0.15 + 0.33 * up / height + rng.normal(0, 0.12, count)
    colors = canvas.style.foliage(leaf_color(rng), 0.16, 1.8, rng)
    _foliage(canvas, leaves, np.clip(tones, 0.02, 1), size, colors, "vegetation", rng)


def bald_tree(canvas: Canvas, rng: np.random.Generator, at: Vector, radius: float, height: float) -> None:
    """Draws a leafless tree: forking branches, with the ground visible between them."""
    base = np.array([*at, 0.0])
    fork = np.array([*at, height * 0.4])
    parts: list[tuple[Points, Points, float]] = [(base, fork, 0.05 * radius)]
    boughs = rng.integers(7, 11)
    for i in range(boughs):
        heading = 2 * np.pi * (i + rng.uniform(-0.3, 0.3)) / boughs
        _branch(parts, rng, fork, heading, radius * rng.uniform(0.4, 0.52), height * 0.22, 0.035 * radius, 3)
    canvas.shadow_capsules(parts)
    bark = hsv(rng.uniform(20, 40), rng.uniform(0.05, 0.3), rng.uniform(75, 170))
    canvas.capsules(parts, bark, "bald-tree")
    lit = [(a, b, r * 0.4) for a, b, r in parts if r > 0.03]
    canvas.capsules(lit, np.multiply(bark, 1.3), None)


def _branch(
    parts: list[tuple[Points, Points, float]],
    rng: np.random.Generator,
    start: Points,
    heading: float,
    length: float,
    rise: float,
    radius: float,
    depth: int,
) -> None:
    end = np.add(start, (length * np.cos(heading), length * np.sin(heading), rise))
    parts.append((start, end, radius))
    if depth == 0:
        return
    for turn in (-1, 1, 1 if depth % 2 else -1):
        bend = heading + turn * rng.uniform(0.15, 0.75)
        fork = start + (end - start) * rng.uniform(0.45, 1.0)
        _branch(parts, rng, fork, bend, length * rng.uniform(0.5, 0.72), rise * 0.7, radius * 0.6, depth - 1)
