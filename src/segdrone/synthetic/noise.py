"""Seamless gray patterns from which all textures are made.

A tile is a square, float32 of about -1 to 1, that repeats without a seam. Each process makes it once, from a fixed
seed, and samples it through an affine map: a texture shows the same stones and blades at every image size. Where a
pixel covers many texels, a coarser copy is sampled (mipmapping).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 1024
Gray = NDArray[np.float32]


def sample(name: str, to_tile: NDArray[np.float64], shape: tuple[int, int]) -> Gray:
    """Samples a tile at the pixels of a rectangle.

    Args:
        name: A key of `TILES`.
        to_tile: Affine map, float64 `[2, 3]`, from a pixel (x, y, 1) to tile coordinates, where 1.0 is one repeat.
        shape: Height and width of the result in pixels.

    Returns:
        float32 `[height, width]`, about -1 to 1; the smoother, the more texels a pixel covers.
    """
    texels_per_pixel = np.sqrt(abs(np.linalg.det(to_tile[:, :2]))) * TILE
    level = int(np.clip(np.ceil(np.log2(texels_per_pixel + 1e-9) - 0.25), 0, 8))
    source = _pyramid(name)[level]
    affine = to_tile.copy()
    affine[:, 2] %= 1.0
    return np.asarray(
        cv2.warpAffine(
            source,
            affine * len(source),
            shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        ),
        np.float32,
    )


@cache
def _pyramid(name: str) -> list[Gray]:
    levels = [TILES[name](np.random.default_rng(list(TILES).index(name))).astype(np.float32)]
    for _ in range(8):
        size = len(levels[-1]) // 2
        levels.append(np.asarray(cv2.resize(levels[-1], (size, size), interpolation=cv2.INTER_AREA)))
    return levels


def _spectral(rng: np.random.Generator, power: float, low: float = 1.0, high: float = TILE) -> Gray:
    """Returns noise of amplitude frequency ** -power between two frequencies, in cycles per tile."""
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE, 1 / TILE), np.fft.rfftfreq(TILE, 1 / TILE), indexing="ij")
    frequency = np.hypot(fx, fy)
    band = (frequency >= low) & (frequency <= high)
    field = np.fft.irfft2(spectrum * np.where(band, np.maximum(frequency, 1.0) ** -power, 0.0))
    return np.asarray(field / (2.5 * field.std()), np.float32)


def _clouds(rng: np.random.Generator) -> Gray:
    return _spectral(rng, 1.7)


def _grain(rng: np.random.Generator) -> Gray:
    return _spectral(rng, 0.45)


def _copies(points: Gray) -> list[Gray]:
    """Returns a shape and, where it crosses an edge, its copies on the other side: the tile repeats without a seam."""
    low, high = points.min(axis=0), points.max(axis=0)
    steps = [(-TILE, 0, TILE) if low[i] < 0 or high[i] >= TILE else (0,) for i in (0, 1)]
    return [np.add(points, (dx, dy), dtype=np.float32) for dx in steps[0] for dy in steps[1]]


def _blades(rng: np.random.Generator) -> Gray:
    field = np.full((TILE, TILE), -0.4, np.float32)
    count = 26000
    start = rng.uniform(0, TILE, (count, 2))
    angle, length = rng.uniform(0, 2 * np.pi, count), rng.uniform(8, 26, count)
    tips = start + length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    tones = rng.normal(0.0, 0.45, count) + 0.2 * np.linspace(-1, 1, count)
    for a, b, tone in zip(start, tips, tones, strict=True):
        for line in _copies(np.array([a, b], np.float32)):
            (x0, y0), (x1, y1) = line.astype(int).tolist()
            cv2.line(field, (x0, y0), (x1, y1), float(tone), 2)
    return field


def _leaves(rng: np.random.Generator) -> Gray:
    field = np.full((TILE, TILE), -1.0, np.float32)
    count = 5200
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for i in range(count):
        long, angle = rng.uniform(9, 19), rng.uniform(0, np.pi)
        x, y = long * np.cos(turn), 0.55 * long * np.sin(turn)
        leaf = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], 1)
        tone = -0.85 + 1.3 * i / count + rng.normal(0, 0.22)
        for points in _copies((leaf + rng.uniform(0, TILE, 2)).astype(np.float32)):
            cv2.fillConvexPoly(field, points.astype(np.int32), tone)
    return field


def _stones(rng: np.random.Generator) -> Gray:
    n, pad = 44, 128
    grid = np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2)
    centers = (((grid + rng.uniform(0, 0.95, grid.shape)) * TILE / n).astype(int)) % TILE
    seeds = np.ones((TILE, TILE), np.uint8)
    seeds[centers[:, 1], centers[:, 0]] = 0
    around = np.pad(seeds, pad, mode="wrap")
    _, labels = cv2.distanceTransformWithLabels(around, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    middle = np.zeros(int(labels.max()) + 1, np.int64)
    place = np.pad(np.arange(TILE * TILE).reshape(TILE, TILE), pad, mode="wrap")
    middle[labels[around == 0]] = place[around == 0]
    stone = middle[labels]
    joint = (stone != np.roll(stone, 1, 0)) | (stone != np.roll(stone, 1, 1))
    depth = np.clip(np.asarray(cv2.distanceTransform((~joint).astype(np.uint8), cv2.DIST_L2, 5)) / 9.0, 0, 1)
    tone = rng.normal(0.0, 0.5, TILE * TILE)[stone]
    return np.asarray(((tone + 0.5) * depth**0.6 - 0.9 * (1 - depth))[pad:-pad, pad:-pad], np.float32)


def _blocks(rng: np.random.Generator, columns: int, rows: int, shift: float) -> Gray:
    """Returns rows of rectangular blocks, every other row shifted by `shift` blocks."""
    y, x = np.mgrid[0:TILE, 0:TILE] / TILE
    row = (y * rows).astype(int)
    along = (x * columns + shift * (row % 2)) % columns
    tone = rng.normal(0.1, 0.33, (rows, columns))[row, along.astype(int)]
    edge = np.minimum(
        np.minimum(along % 1, 1 - along % 1) / columns,
        np.minimum(y * rows % 1, 1 - y * rows % 1) / rows,
    )
    return np.where(edge * TILE < 2.6, -1.0, tone).astype(np.float32)


def _bond(rng: np.random.Generator) -> Gray:
    return _blocks(rng, 10, 20, 0.5)


def _slabs(rng: np.random.Generator) -> Gray:
    return _blocks(rng, 6, 6, 0.0) * np.float32(0.8)


def _planks(rng: np.random.Generator) -> Gray:
    streaks = np.asarray(cv2.resize(_spectral(rng, 0.6)[:, :64], (TILE, TILE)))
    return _blocks(rng, 2, 16, 0.37) * np.float32(0.8) + 0.35 * streaks


def _rooftiles(rng: np.random.Generator) -> Gray:
    y, x = np.mgrid[0:TILE, 0:TILE] / TILE
    columns, rows = 18, 16
    row, column = (y * rows).astype(int), (x * columns).astype(int)
    tone = rng.normal(0.0, 0.22, (rows, columns))[row, column]
    lap, swell = y * rows % 1, np.cos(2 * np.pi * (x * columns % 1))
    return np.asarray(tone + 0.45 * lap - 0.25 - 0.3 * swell - 1.0 * (lap < 0.14), np.float32)


def _seams(rng: np.random.Generator) -> Gray:
    x = np.arange(TILE) / TILE * 10
    profile = rng.normal(0, 0.1, 10)[x.astype(int)] + 0.9 * (x % 1 < 0.06) - 0.9 * ((x % 1) > 0.9)
    return np.tile(profile.astype(np.float32), (TILE, 1))


def _ripples(rng: np.random.Generator) -> Gray:
    waves = _spectral(rng, 0.8, low=6, high=40)
    return np.asarray(1.6 * np.exp(-(np.abs(waves) * 5.0)) - 0.6, np.float32)


TILES: dict[str, Callable[[np.random.Generator], Gray]] = {
    "clouds": _clouds,
    "grain": _grain,
    "blades": _blades,
    "leaves": _leaves,
    "stones": _stones,
    "bond": _bond,
    "slabs": _slabs,
    "planks": _planks,
    "rooftiles": _rooftiles,
    "seams": _seams,
    "ripples": _ripples,
}
