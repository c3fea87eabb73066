"""Textured materials: sums of gray patterns, colored by a ramp.

Colors are random in every scene and overlap between classes: roofs, paving and gravel can all be gray. Color alone does
not separate the classes; pattern, shape and context do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.synthetic.noise import sample

Image = NDArray[np.uint8]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """One pattern of a material.

    Args:
        tile: The pattern, a key of `noise.TILES`.
        meters: Size of one repeat along x and y in meters.
        weight: Its amplitude in gray levels.
        angle: Its rotation in radians.
        offset: Its shift along x and y in repeats.
    """

    tile: str
    meters: tuple[float, float]
    weight: float
    angle: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)

    def tone(self, to_meters: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float32]:
        """Returns the weighted pattern, float32 `shape`; `to_meters` maps pixels to meters."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]]) / np.array(self.meters)[:, None]
        to_tile = turn @ to_meters
        to_tile[:, 2] += self.offset
        field = sample(self.tile, to_tile, shape)
        return np.multiply(field, np.float32(self.weight), out=field)


@dataclass(frozen=True)
class Material:
    """A textured material.

    Args:
        layers: Patterns that are added to tone 128.
        ramp: Color by tone, uint8 `[256, 3]`, RGB.
    """

    layers: tuple[Layer, ...]
    ramp: Image

    def texture(self, to_meters: NDArray[np.float64], shape: tuple[int, int]) -> Image:
        """Returns the material's colors, uint8 `[height, width, 3]`.

        Args:
            to_meters: Affine map, float64 `[2, 3]`, from a pixel (x, y, 1) to meters on the surface.
            shape: Height and width in pixels.
        """
        tone = self.layers[0].tone(to_meters, shape)
        for layer in self.layers[1:]:
            tone += layer.tone(to_meters, shape)
        return colorize(np.clip(tone + np.float32(128), 0, 255).astype(np.uint8), self.ramp)

    def shaded(self, factor: float) -> Material:
        """Returns the material with its colors multiplied by `factor`."""
        return Material(self.layers, np.clip(self.ramp * factor, 0, 255).astype(np.uint8))


def colorize(tone: NDArray[np.uint8], ramp: Image) -> Image:
    """Returns the ramp's color of each pixel: uint8 `[H, W]` to uint8 `[H, W, 3]`."""
    return np.asarray(cv2.applyColorMap(np.ascontiguousarray(tone), ramp.reshape(256, 1, 3)))


def ramp(base: Color, dark: float = 0.4, light: float = 1.6, tip: Color | None = None) -> Image:
    """Returns a ramp, uint8 `[256, 3]`, from `dark * base` via `base` (at 128) to `light * base` or to `tip`."""
    stops = np.array([np.multiply(base, dark), base, np.multiply(base, light) if tip is None else tip])
    steps = np.arange(256)
    channels = [np.interp(steps, [0, 128, 255], stops[:, c]) for c in range(3)]
    return np.asarray(np.clip(np.stack(channels, 1), 0, 255), np.uint8)


def hsv(hue: float, saturation: float, value: float) -> Color:
    """Returns the RGB color, 0 to 255, of a hue in degrees, a saturation from 0 to 1 and a value from 0 to 255."""
    k = (np.array([5.0, 3.0, 1.0]) + hue / 60.0) % 6
    red, green, blue = value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1)
    return float(red), float(green), float(blue)


def stone_color(rng: np.random.Generator, low: float = 85, high: float = 205) -> Color:
    """Returns a random color of stone, concrete or plaster: gray, beige, brownish or bluish."""
    hue = rng.choice([30.0, 38.0, 18.0, 215.0], p=[0.35, 0.25, 0.15, 0.25])
    return hsv(hue, rng.beta(1.2, 3.0) * (0.14 if hue > 200 else 0.3), rng.uniform(low, high))


def leaf_color(rng: np.random.Generator) -> Color:
    """Returns a random color of leaves: mostly green, sometimes wine red, ocher or olive."""
    if rng.random() < 0.14:
        return hsv(rng.uniform(-15, 25), rng.uniform(0.3, 0.55), rng.uniform(70, 120))
    return hsv(rng.uniform(58, 118), rng.uniform(0.22, 0.55), rng.uniform(62, 128))


def _material(rng: np.random.Generator, colors: Image, *layers: tuple[str, float, float]) -> Material:
    """Returns a material of layers (tile, meters per repeat, weight), each randomly shifted and turned."""
    placed = [
        Layer(tile, (size, size), weight, float(rng.choice([0.0, 0.5]) * np.pi), tuple(rng.random(2)))
        for tile, size, weight in layers
    ]
    return Material(tuple(placed), colors)


def asphalt(rng: np.random.Generator) -> Material:
    """Returns asphalt or concrete: fine grain and large stains."""
    colors = ramp(stone_color(rng, 75, 160), 0.5, 1.45)
    return _material(rng, colors, ("grain", 5.3, 44), ("clouds", 11.0, 24))


def bond(rng: np.random.Generator) -> Material:
    """Returns paving stones in running bond."""
    colors = ramp(stone_color(rng, 95, 185), 0.5, 1.4)
    size = rng.uniform(2.4, 4.2)
    return _material(rng, colors, ("bond", size, 52), ("grain", 2.3, 15), ("clouds", 13.0, 16))


def slabs(rng: np.random.Generator) -> Material:
    """Returns square paving slabs."""
    colors = ramp(stone_color(rng, 105, 195), 0.5, 1.35)
    size = rng.uniform(3.0, 5.4)
    return _material(rng, colors, ("slabs", size, 46), ("grain", 2.7, 14), ("clouds", 11.0, 14))


def paving(rng: np.random.Generator) -> Material:
    """Returns a random paving of paths, terraces and yards."""
    makers: list[Callable[[np.random.Generator], Material]] = [asphalt, asphalt, bond, slabs]
    return makers[rng.integers(len(makers))](rng)


def deck(rng: np.random.Generator) -> Material:
    """Returns wooden boards."""
    colors = ramp(hsv(rng.uniform(18, 38), rng.uniform(0.1, 0.45), rng.uniform(90, 180)), 0.4, 1.4)
    return _material(rng, colors, ("planks", 2.2, 55), ("clouds", 6.0, 18))


def grass(rng: np.random.Generator) -> Material:
    """Returns a lawn or meadow, from lush to dry."""
    dryness = rng.beta(1.1, 1.6)
    base = hsv(88 - 48 * dryness + rng.normal(0, 6), rng.uniform(0.22, 0.48), rng.uniform(105, 160))
    straw = hsv(46, rng.uniform(0.2, 0.45), rng.uniform(170, 215))
    size = rng.uniform(2.6, 4.5)
    layers = (("blades", size, 60), ("blades", 2.7 * size, 46), ("clouds", 6.3, 32), ("clouds", 27.0, 26))
    return _material(rng, ramp(base, 0.35, tip=straw), *layers)


def dirt(rng: np.random.Generator) -> Material:
    """Returns bare earth, sand or mulch: clods and damp stains."""
    base = hsv(rng.uniform(18, 38), rng.uniform(0.2, 0.5), rng.uniform(75, 165))
    layers = (("clouds", 6.7, 36), ("grain", 4.3, 50), ("stones", 6.1, 24))
    return _material(rng, ramp(base, 0.35, 1.55), *layers)


def gravel(rng: np.random.Generator) -> Material:
    """Returns loose stones of 5 to 11 cm."""
    size = rng.uniform(2.4, 4.6)
    colors = ramp(stone_color(rng, 95, 190), 0.28, 1.55)
    return _material(rng, colors, ("stones", size, 92), ("grain", 1.1, 16), ("clouds", 11.0, 14))


def water(rng: np.random.Generator) -> Material:
    """Returns the surface of a pond: dark, with lighter streaks of reflected sky."""
    base = hsv(rng.uniform(35, 215), rng.uniform(0.12, 0.5), rng.uniform(40, 115))
    sky = hsv(210, 0.08, rng.uniform(130, 205))
    layers = (("clouds", 13.0, 44), ("ripples", 7.0, 20))
    return _material(rng, ramp(base, 0.6, tip=sky), *layers)


def pool(rng: np.random.Generator) -> Material:
    """Returns clear pool water: a net of bright caustics over a colored floor."""
    hue, depth = (rng.uniform(168, 208), 0.6) if rng.random() < 0.7 else (rng.uniform(200, 230), 0.3)
    base = hsv(hue, rng.uniform(0.2, depth), rng.uniform(110, 205))
    layers = (("ripples", rng.uniform(3.5, 6.5), 60), ("clouds", 7.0, 18))
    return _material(rng, ramp(base, 0.65, 1.4), *layers)


def groundcover(rng: np.random.Generator) -> Material:
    """Returns low plants that cover the ground."""
    base = leaf_color(rng)
    layers = (("leaves", rng.uniform(2.4, 4.2), 78), ("clouds", 2.1, 34), ("clouds", 9.0, 20))
    return _material(rng, ramp(base, 0.22, 1.9), *layers)


def plaster(rng: np.random.Generator) -> Material:
    """Returns a rendered, boarded or brick wall; x runs along the wall and y up it."""
    pattern = rng.choice(["grain", "planks", "bond"], p=[0.6, 0.2, 0.2])
    colors = ramp(stone_color(rng, 110, 240), 0.5, 1.25)
    size = {"grain": 2.0, "planks": 2.4, "bond": 2.2}[pattern]
    weight = {"grain": 10.0, "planks": 36.0, "bond": 34.0}[pattern]
    return Material((Layer(pattern, (size, size), weight), Layer("clouds", (5.0, 5.0), 16.0)), colors)


def roofing(rng: np.random.Generator) -> Material:
    """Returns roof tiles or seamed metal; x runs along the eaves and y up the slope."""
    hue, saturation = (rng.uniform(4, 24), rng.uniform(0.25, 0.6)) if rng.random() < 0.5 else (215, 0.1)
    colors = ramp(hsv(hue, saturation, rng.uniform(70, 165)), 0.35, 1.5)
    weather = Layer("clouds", (9.0, 9.0), 20.0, offset=tuple(rng.random(2)))
    if rng.random() < 0.2:
        return Material((Layer("seams", (5.5, 5.5), 55.0), weather), colors)
    width = rng.uniform(4.8, 6.4)
    rows = Layer("rooftiles", (width, width * 1.05), 62.0, offset=tuple(rng.random(2)))
    return Material((rows, weather, Layer("grain", (2.1, 2.1), 12.0)), colors)
