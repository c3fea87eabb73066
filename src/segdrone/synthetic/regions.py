"""Change how a scene looks by region and season: grounds, roofs, leaves and light, not the layout or the classes.

A region changes the colors that a temperate scene of the same seed has drawn, with a random generator of its own, so
that the seed gives the same place in every region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from segdrone.synthetic.light import Sun
from segdrone.synthetic.materials import Color, Image, Layer, Material, hsv, ramp

Rng = np.random.Generator
Limits = tuple[float, float]


@dataclass(frozen=True)
class Cover:
    """What lies over the color of a material, such as dust or snow; each value is drawn between two limits.

    Args:
        hue: Hue of its color in degrees.
        saturation: Saturation of its color, 0 to 1.
        value: Value of its color, 0 to 255.
        share: Share of its color in the mixture with that of the material, 0 to 1.
        snow: Share of the material that lies under patches of snow, 0 to 1.
        rock: Whether stones are strewn over it.
    """

    hue: Limits = (0.0, 0.0)
    saturation: Limits = (0.0, 0.0)
    value: Limits = (0.0, 0.0)
    share: Limits = (0.0, 0.0)
    snow: Limits = (0.0, 0.0)
    rock: bool = False

    def color(self, color: Color, rng: Rng) -> Color:
        """Returns a color mixed with that of the cover."""
        share = rng.uniform(*self.share)
        own = hsv(*(float(rng.uniform(*limits)) for limits in (self.hue, self.saturation, self.value)))
        red, green, blue = np.add(np.multiply(color, 1 - share), np.multiply(own, share)).tolist()
        return red, green, blue

    def material(self, material: Material, rng: Rng) -> Material:
        """Returns a material under the cover: its pattern in mixed colors, with stones and patches of snow."""
        middle = np.maximum(material.ramp[128].astype(np.float64), 1.0)
        colors = np.clip(material.ramp * (np.array(self.color(tuple(middle.tolist()), rng)) / middle), 0, 255)
        layers = material.layers
        if self.rock:
            layers = (*layers, _patches("stones", rng.uniform(4.0, 9.0), 60.0, rng))
        snow = rng.uniform(*self.snow)
        if snow > 0:
            layers = (*layers, *(_patches("clouds", meters, 46.0, rng) for meters in (7.0, 19.0)))
            line = 255 * (1 - snow) + np.array([-14.0, 14.0])  # tone at which snow begins, and covers all
            depth = np.interp(np.arange(256), line, [0, 1])[:, None]
            white = np.linspace(0.86, 1.0, 256)[:, None] * np.array([236.0, 241.0, 250.0])
            colors = colors * (1 - depth) + white * depth
        return Material(layers, colors.astype(np.uint8))


def _patches(tile: str, meters: float, weight: float, rng: Rng) -> Layer:
    return Layer(tile, (meters, meters), weight, offset=tuple(rng.random(2)))


@dataclass(frozen=True)
class RegionStyle:
    """How scenes of a region and season look.

    Args:
        grounds: What covers the grounds, by their class; others look as in temperate scenes.
        roof: What covers roofs.
        leaves: What covers leaves.
        frost: Brightness of the outermost leaves, as a factor of the usual one.
        bare: Share of trees without leaves.
        direct: Share of the light that comes from the sun; None for that of temperate scenes.
        shadow: Length of the shadow of a point at 1 m above the ground in meters, likewise.
        tint: Factors of the sunlight in red, green and blue.
        exposure: Factor of the brightness.
    """

    grounds: Mapping[str, Cover] = field(default_factory=dict)
    roof: Cover | None = None
    leaves: Cover | None = None
    frost: float = 1.0
    bare: float = 0.0
    direct: Limits | None = None
    shadow: Limits | None = None
    tint: Color = (1.0, 1.0, 1.0)
    exposure: float = 1.0

    def sun(self, sun: Sun, rng: Rng) -> Sun:
        """Returns the light of the region instead of that of a temperate scene, from the same direction."""
        if self.direct is None or self.shadow is None:
            return sun
        length = rng.uniform(*self.shadow) / float(np.hypot(*sun.shadow_offset))
        red, green, blue = np.multiply(sun.tint, self.tint).tolist()
        return replace(
            sun,
            shadow_offset=(sun.shadow_offset[0] * length, sun.shadow_offset[1] * length),
            direct=float(rng.uniform(*self.direct)),
            penumbra=min(sun.penumbra, 0.03),
            tint=(red, green, blue),
            exposure=sun.exposure * self.exposure,
        )

    def ground(self, label: str, material: Material, rng: Rng) -> Material:
        """Returns the material of a ground of a class."""
        return self.grounds[label].material(material, rng) if label in self.grounds else material

    def roofing(self, material: Material, rng: Rng) -> Material:
        """Returns the material of a roof."""
        return material if self.roof is None else self.roof.material(material, rng)

    def foliage(self, color: Color, dark: float, light: float, rng: Rng) -> Image:
        """Returns the ramp, uint8 `[256, 3]`, of leaves that have a color in temperate scenes."""
        color = color if self.leaves is None else self.leaves.color(color, rng)
        return ramp(color, dark, light * self.frost)


_DUST = Cover(hue=(24, 36), saturation=(0.25, 0.4), value=(170, 215), share=(0.25, 0.55))
_STRAW = Cover(hue=(36, 48), saturation=(0.3, 0.5), value=(150, 205), share=(0.6, 0.9))
_SAND = Cover(hue=(16, 34), saturation=(0.3, 0.5), value=(165, 225), share=(0.55, 0.85))
_SLUSH = Cover(hue=(205, 225), saturation=(0.04, 0.12), value=(95, 140), share=(0.2, 0.5), snow=(0.1, 0.4))

REGIONS: dict[str, RegionStyle] = {
    "temperate": RegionStyle(),
    "dry": RegionStyle(
        grounds={
            "grass": _STRAW,
            "dirt": replace(_SAND, rock=True),
            "gravel": _SAND,
            "paved-area": _DUST,
            "vegetation": replace(_STRAW, share=(0.4, 0.7)),
            "water": Cover(hue=(38, 75), saturation=(0.25, 0.45), value=(90, 140), share=(0.5, 0.8)),
        },
        roof=Cover(hue=(8, 36), saturation=(0.08, 0.45), value=(185, 235), share=(0.55, 0.9)),
        leaves=Cover(hue=(48, 78), saturation=(0.2, 0.36), value=(105, 140), share=(0.4, 0.8)),
        bare=0.15,
        direct=(0.66, 0.78),
        shadow=(0.3, 0.7),
        tint=(1.05, 1.0, 0.92),
        exposure=1.05,
    ),
    "winter": RegionStyle(
        grounds={
            "grass": Cover((40, 60), (0.15, 0.3), (95, 130), share=(0.5, 0.8), snow=(0.35, 0.75)),
            "dirt": replace(_SLUSH, snow=(0.3, 0.6)),
            "gravel": replace(_SLUSH, snow=(0.2, 0.5)),
            "paved-area": _SLUSH,
            "vegetation": Cover((28, 48), (0.15, 0.3), (80, 115), share=(0.5, 0.8), snow=(0.3, 0.6)),
            "water": Cover((200, 215), (0.05, 0.15), (140, 190), share=(0.4, 0.7)),
            "pool": Cover((195, 210), (0.1, 0.25), (120, 170), share=(0.3, 0.6)),
        },
        roof=replace(_SLUSH, snow=(0.3, 0.8)),
        leaves=Cover((24, 60), (0.12, 0.3), (70, 105), share=(0.5, 0.85)),
        frost=1.5,
        bare=0.85,
        direct=(0.4, 0.6),
        shadow=(1.7, 2.8),
        tint=(1.06, 0.98, 0.9),
        exposure=0.82,
    ),
}
"""How scenes of each region look. `temperate` changes nothing."""
