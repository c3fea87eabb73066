"""Lay out and render one scene."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.synthetic import place
from segdrone.synthetic.canvas import Canvas, View
from segdrone.synthetic.layouts import SCENE_LAYOUTS
from segdrone.synthetic.light import sample_sun, simulate_camera
from segdrone.synthetic.plan import Plan, Region
from segdrone.synthetic.regions import REGIONS, RegionStyle
from segdrone.synthetic.solids import lift

SMALLEST, LARGEST = 64, 12000


def check_size(height: int, width: int) -> None:
    """Checks that a scene can be rendered at this size in pixels.

    Raises:
        DataError: A side is out of range.
    """
    if not (SMALLEST <= height <= LARGEST and SMALLEST <= width <= LARGEST):
        raise DataError(
            f"sample scenes cannot be {height} x {width} pixels (height x width): "
            f"choose sides from {SMALLEST} to {LARGEST}"
        )


def find_style(region: str) -> RegionStyle:
    """Returns how scenes of a region look.

    Raises:
        DataError: The region is unknown.
    """
    if region not in REGIONS:
        raise DataError(f"sample scenes have no region {region!a}: choose {', '.join(REGIONS)}")
    return REGIONS[region]


class Scene(NamedTuple):
    """A rendered scene.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        mask: Class ids 0 to 22 of `segdrone.classes.DRONE`, uint8 `[H, W]`.
        instances: Number of each person, dog, car, bicycle, tree and marker, uint16 `[H, W]`; 0 elsewhere. The visible
            parts of a thing have one number, also where another one covers what joins them.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    instances: NDArray[np.uint16]


def render_scene(height: int, width: int, seed: int, *, crowded: bool = False, region: str = "temperate") -> Scene:
    """Renders a suburban scene as a low-flying drone would photograph it, its mask, and its things.

    The scene is laid out in meters: at another size of the same proportions, a seed gives the same scene in more or
    less detail.

    Args:
        height: Image height in pixels, 64 to 12000.
        width: Image width in pixels, 64 to 12000.
        seed: An integer of 0 or more.
        crowded: Add people, cars, bicycles and trees in groups that touch or cover one another.
        region: One of `REGIONS`, which decides colors, textures and light, and which trees are bald; the layout is
            the same in all.

    Raises:
        DataError: A side or the seed is out of range, or the region is unknown.
    """
    check_size(height, width)
    if seed < 0:
        raise DataError(f"the seed of a sample scene is {seed}: choose 0 or more")
    style = find_style(region)
    layout_rng, light_rng, camera_rng, style_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(4))
    span = float(np.exp(layout_rng.uniform(np.log(8.5), np.log(21.0))))
    nadir = layout_rng.uniform([-0.25, -0.5], [0.25, 0.05]) * span
    view = View(
        height=height,
        width=width,
        span=span,
        angle=float(layout_rng.uniform(0, 2 * np.pi)),
        nadir=(float(nadir[0]), float(nadir[1])),
        altitude=span * 0.9 + 8.0,
    )
    makers, weights = zip(*SCENE_LAYOUTS.values(), strict=True)
    plan = Plan(view, layout_rng, style, style_rng)
    makers[layout_rng.choice(len(makers), p=np.array(weights) / sum(weights))](plan)
    if crowded:
        place.crowds(plan)

    canvas = Canvas(view, style.sun(sample_sun(light_rng), style_rng), style)
    for ground in plan.grounds:
        if isinstance(ground, Region):
            canvas.polygon(ground.outline, ground.material, ground.label)
        else:
            path = lift(ground.path, 0.0)
            parts = [(a, b, ground.width / 2) for a, b in pairwise(path)]
            canvas.capsules(parts, ground.color, None)
    for number, (_, draw, rng) in enumerate(sorted(plan.items, key=lambda item: item[0]), 1):
        canvas.thing = number
        draw(canvas, rng)
    image = simulate_camera(canvas.image, canvas.shade, canvas.sun, camera_rng)
    return Scene(image, canvas.mask, canvas.instances)
