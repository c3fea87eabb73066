"""The camera, and the canvas that a scene is painted on.

World coordinates are in meters: x and y on the ground, z up. Objects are painted from low to high. Each casts its
shadow on everything painted before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from segdrone.classes import DRONE
from segdrone.synthetic.light import Sun
from segdrone.synthetic.materials import Material
from segdrone.synthetic.regions import REGIONS, RegionStyle

Points = NDArray[np.float64]
IDS = {name: i for i, name in enumerate(DRONE.names)}
COUNTED = ("person", "dog", "car", "bicycle", "tree", "bald-tree", "ar-marker")
"""Classes whose things are numbered."""

_SHIFT = 4  # fractional bits of the fixed-point coordinates that OpenCV draws with


@dataclass(frozen=True)
class View:
    """A camera that looks straight down; objects away from its nadir lean outwards.

    Args:
        height: Image height in pixels.
        width: Image width in pixels.
        span: Meters of ground that the image height covers.
        angle: Heading of the camera in radians.
        nadir: Ground point below the camera in meters; the image center is (0, 0).
        altitude: Height of the camera above ground in meters.
    """

    height: int
    width: int
    span: float
    angle: float
    nadir: tuple[float, float]
    altitude: float

    @property
    def scale(self) -> float:
        """Pixels per meter on the ground."""
        return self.height / self.span

    def _turn(self) -> Points:
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def project(self, points: ArrayLike) -> Points:
        """Returns the pixels, float64 `[N, 2]`, of world points `[N, 2]` (on the ground) or `[N, 3]`."""
        world = np.asarray(points, np.float64)
        flat = world[:, :2]
        if world.shape[1] == 3:
            lean = self.altitude / (self.altitude - world[:, 2:])
            flat = self.nadir + (flat - self.nadir) * lean
        return flat @ self._turn().T * self.scale + (self.width / 2 - 0.5, self.height / 2 - 0.5)

    def ground(self, pixels: ArrayLike) -> Points:
        """Returns the ground points, float64 `[N, 2]`, of pixels `[N, 2]`."""
        centered = np.asarray(pixels, np.float64) - (self.width / 2 - 0.5, self.height / 2 - 0.5)
        return centered / self.scale @ self._turn()

    def to_ground(self, x0: int, y0: int) -> Points:
        """Returns the affine map, float64 `[2, 3]`, from pixels of a window at (x0, y0) to ground points in meters."""
        linear = self._turn().T / self.scale
        return np.column_stack([linear, self.ground([[x0, y0]])[0]])


@dataclass(frozen=True)
class Patch:
    """A window of the image, and the coverage of its pixels by shapes: uint8 `[h, w]`, 0 to 255."""

    x0: int
    y0: int
    cover: NDArray[np.uint8]

    def to_fixed_point(self, points: Points) -> NDArray[np.int32]:
        """Returns pixels relative to this window, as OpenCV's fixed-point numbers."""
        scaled = (points - (self.x0, self.y0)) * (1 << _SHIFT)
        return np.clip(np.round(scaled), -(2**24), 2**24).astype(np.int32)

    def polygon(self, points: Points, value: float = 255) -> None:
        """Fills a polygon of pixels `[N, 2]`."""
        cv2.fillPoly(self.cover, [self.to_fixed_point(points)], value, cv2.LINE_AA, _SHIFT)

    def disc(self, center: Points, radius: float) -> None:
        """Fills a disc; `radius` in pixels."""
        x, y = self.to_fixed_point(center).tolist()
        cv2.circle(self.cover, (x, y), max(round(radius * (1 << _SHIFT)), 8), 255, -1, cv2.LINE_AA, _SHIFT)

    def stroke(self, start: Points, end: Points, radius: float) -> None:
        """Draws a line with round ends; `radius` in pixels."""
        along = end - start
        length = float(np.hypot(*along))
        if length > 0.5:
            side = np.array([-along[1], along[0]]) / length * radius
            self.polygon(np.array([start + side, end + side, end - side, start - side]))
        if radius > 1.2 or length <= 0.5:
            self.disc(start, radius)
            self.disc(end, radius)


def blur(cover: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blurs a coverage by two box filters, together of the standard deviation `sigma` in pixels."""
    side = int(np.sqrt(6 * sigma**2 + 1) / 2) * 2 + 1
    once = cv2.blur(cover, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.blur(once, (side, side), borderType=cv2.BORDER_REPLICATE))


@dataclass
class Canvas:
    """A scene being painted.

    Args:
        view: The camera.
        sun: The light.
        style: How the region looks.
        image: Colors in full light, uint8 `[H, W, 3]`, RGB.
        mask: Class ids, uint8 `[H, W]`.
        instances: Number of the thing that a pixel shows, uint16 `[H, W]`; 0 where its class is not `COUNTED`.
        thing: Number of the thing that is painted.
        shade: Share of the sunlight that is blocked, uint8 `[H, W]`, 0 to 255.
    """

    view: View
    sun: Sun
    style: RegionStyle = REGIONS["temperate"]
    image: NDArray[np.uint8] = field(init=False)
    mask: NDArray[np.uint8] = field(init=False)
    instances: NDArray[np.uint16] = field(init=False)
    thing: int = field(init=False, default=0)
    shade: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        """Starts with an empty canvas in full light."""
        shape = (self.view.height, self.view.width)
        self.image = np.zeros((*shape, 3), np.uint8)
        self.mask = np.zeros(shape, np.uint8)
        self.instances = np.zeros(shape, np.uint16)
        self.shade = np.zeros(shape, np.uint8)

    def patch(self, pixels: Points, margin: float = 1.0) -> Patch:
        """Returns an empty patch, of at least one pixel, around the pixels `[N, 2]`."""
        limits = np.array([self.view.width, self.view.height])
        low = np.clip(np.floor(pixels.min(axis=0) - margin - 1), 0, limits - 1).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0) + margin + 2), low + 1, limits).astype(int)
        return Patch(int(low[0]), int(low[1]), np.zeros((high - low)[::-1], np.uint8))

    def paint(self, patch: Patch, color: ArrayLike | Material, label: str | None, min_cover: int = 128) -> None:
        """Paints a patch.

        Args:
            patch: The window and its coverage.
            color: An RGB color, an RGB image of the patch's size, or a material of the ground.
            label: Class name of the drone table; None keeps the class.
            min_cover: Smallest coverage at which a pixel gets the class.
        """
        cover = patch.cover
        if not cover.any():
            return
        rows = slice(patch.y0, patch.y0 + cover.shape[0])
        columns = slice(patch.x0, patch.x0 + cover.shape[1])
        if isinstance(color, Material):
            color = color.texture(self.view.to_ground(patch.x0, patch.y0), (cover.shape[0], cover.shape[1]))
        image = self.image[rows, columns]
        texture = np.broadcast_to(np.clip(color, 0, 255).astype(np.uint8), image.shape)
        partly = (cover > 0) & (cover < 255)
        share = cover[partly][:, None].astype(np.float32) / 255
        mixed = image[partly] * (1 - share) + texture[partly] * share
        cv2.copyTo(np.ascontiguousarray(texture), (cover == 255).astype(np.uint8), image)
        image[partly] = mixed.astype(np.uint8)
        if label is not None:
            solid = cover >= min_cover
            self.mask[rows, columns][solid] = IDS[label]
            self.instances[rows, columns][solid] = self.thing if label in COUNTED else 0
            self.shade[rows, columns][solid] = 0

    def polygon(self, points: ArrayLike, color: ArrayLike | Material, label: str | None) -> None:
        """Paints a polygon of world points `[N, 2]` or `[N, 3]`."""
        pixels = self.view.project(points)
        patch = self.patch(pixels)
        patch.polygon(pixels)
        self.paint(patch, color, label)

    def plane(self, corners: ArrayLike, material: Material, label: str, shape: ArrayLike | None = None) -> None:
        """Paints a textured plane in space.

        Args:
            corners: Parallelogram `[4, 3]`. The texture's x axis runs from the first corner to the second, its y axis
                from the first to the last.
            material: The texture.
            label: Its class.
            shape: Polygon `[N, 3]` in the plane to paint; None is the parallelogram.
        """
        space = np.asarray(corners, np.float64)
        pixels = self.view.project(space if shape is None else shape)
        patch = self.patch(pixels)
        patch.polygon(pixels)
        origin, *ends = self.view.project(space[[0, 1, -1]]) - (patch.x0, patch.y0)
        sizes = np.linalg.norm(space[[1, -1]] - space[0], axis=1)
        edges = ((np.array(ends) - origin) / sizes[:, None]).T
        if patch.cover.any() and abs(np.linalg.det(edges)) > 1e-6:
            inverse = np.linalg.inv(edges)
            to_meters = np.column_stack([inverse, -inverse @ origin])
            self.paint(patch, material.texture(to_meters, patch.cover.shape[:2]), label)

    def capsules(
        self, parts: Sequence[tuple[ArrayLike, ArrayLike, float]], color: ArrayLike, label: str | None
    ) -> None:
        """Paints capsules, i.e. round bars: start and end, world points `[3]`, and radius in meters."""
        ends = self.view.project(np.array([[a, b] for a, b, _ in parts], np.float64).reshape(-1, 3))
        radii = [max(r * self.view.scale, 0.55) for _, _, r in parts]
        patch = self.patch(ends, max(radii))
        for i, radius in enumerate(radii):
            patch.stroke(ends[2 * i], ends[2 * i + 1], radius)
        self.paint(patch, color, label)

    def darken(self, parts: Sequence[tuple[ArrayLike, ArrayLike, float]], factor: float, soft: float = 0.0) -> None:
        """Multiplies the colors under capsules by `factor`; the edge is blurred by `soft` meters."""
        ends = self.view.project(np.array([[a, b] for a, b, _ in parts], np.float64).reshape(-1, 3))
        radii = [max(r * self.view.scale, 0.4) for _, _, r in parts]
        patch = self.patch(ends, max(radii) + 3 * soft * self.view.scale)
        for i, radius in enumerate(radii):
            patch.stroke(ends[2 * i], ends[2 * i + 1], radius)
        cover = blur(patch.cover, soft * self.view.scale)
        image = self.image[patch.y0 : patch.y0 + cover.shape[0], patch.x0 : patch.x0 + cover.shape[1]]
        light = 1 - cover[..., None] * np.float32((1 - factor) / 255)
        image[:] = (image * light).astype(np.uint8)

    def cast_shadow(self, patch: Patch, height: float) -> None:
        """Adds a patch to the shadows; the higher the object, the softer the edge."""
        cover = blur(patch.cover, self.sun.penumbra * height * self.view.scale)
        rows = slice(patch.y0, patch.y0 + cover.shape[0])
        columns = slice(patch.x0, patch.x0 + cover.shape[1])
        np.maximum(self.shade[rows, columns], cover, out=self.shade[rows, columns])

    def project_shadow(self, points: ArrayLike) -> Points:
        """Returns the pixels `[N, 2]` of the shadows of world points `[N, 3]` on the ground."""
        world = np.asarray(points, np.float64)
        return self.view.project(world[:, :2] + world[:, 2:] * self.sun.shadow_offset)

    def shadow(self, points: ArrayLike) -> None:
        """Casts the shadow of the convex hull of world points `[N, 3]`."""
        world = np.asarray(points, np.float64)
        height = float(world[:, 2].max())
        fallen = self.project_shadow(world)
        hull = cv2.convexHull(fallen.astype(np.float32))[:, 0].astype(np.float64)
        patch = self.patch(hull, 3 * self.sun.penumbra * height * self.view.scale)
        patch.polygon(hull)
        self.cast_shadow(patch, height)

    def shadow_capsules(self, parts: Sequence[tuple[ArrayLike, ArrayLike, float]]) -> None:
        """Casts the shadows of capsules, given as in `capsules`."""
        world = np.array([[a, b] for a, b, _ in parts], np.float64).reshape(-1, 3)
        fallen = self.project_shadow(world)
        height = float(world[:, 2].max())
        patch = self.patch(fallen, (0.3 + 3 * self.sun.penumbra * height) * self.view.scale)
        for i, (_, _, radius) in enumerate(parts):
            patch.stroke(fallen[2 * i], fallen[2 * i + 1], max(radius * self.view.scale, 0.5))
        self.cast_shadow(patch, height)
