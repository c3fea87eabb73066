"""The camera and the sheet it is drawn on.

World coordinates are metres: x and y on the ground, z up. Things are painted from low to high; each
throws its shadow over all that was painted before it.
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

Points = NDArray[np.float64]
IDS = {name: i for i, name in enumerate(DRONE.names)}
_SHIFT = 4


@dataclass(frozen=True)
class View:
    """A camera that looks straight down; what stands off its nadir leans outwards.

    Args:
        height: Picture height in pixels.
        width: Picture width in pixels.
        span: Metres of ground that the picture's height covers.
        angle: The camera's heading in radians.
        nadir: The ground point below the camera in metres; the picture's centre is (0, 0).
        altitude: The camera's height above ground in metres.
    """

    height: int
    width: int
    span: float
    angle: float
    nadir: tuple[float, float]
    altitude: float

    @property
    def scale(self) -> float:
        """Pixels per metre on the ground."""
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
        """Returns the ground points, float64 `[N, 2]`, seen at pixels `[N, 2]`."""
        centred = np.asarray(pixels, np.float64) - (self.width / 2 - 0.5, self.height / 2 - 0.5)
        return centred / self.scale @ self._turn()

    def to_ground(self, x0: int, y0: int) -> Points:
        """Returns the affine map, float64 `[2, 3]`, from pixels of a window at (x0, y0) to metres."""
        linear = self._turn().T / self.scale
        return np.column_stack([linear, self.ground([[x0, y0]])[0]])


@dataclass(frozen=True)
class Patch:
    """A window of the picture with a coverage that shapes are drawn into: uint8 `[h, w]`, 0 to 255."""

    x0: int
    y0: int
    cover: NDArray[np.uint8]

    def fixed(self, points: Points) -> NDArray[np.int32]:
        """Returns pixels as the fixed-point numbers of this window that OpenCV draws with."""
        scaled = (points - (self.x0, self.y0)) * (1 << _SHIFT)
        return np.clip(np.round(scaled), -(2**24), 2**24).astype(np.int32)

    def polygon(self, points: Points, value: float = 255) -> None:
        """Fills a polygon of pixels `[N, 2]`."""
        cv2.fillPoly(self.cover, [self.fixed(points)], value, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: Points, radius: float, value: float = 255) -> None:
        """Fills a disc; `radius` in pixels."""
        x, y = self.fixed(centre).tolist()
        cv2.circle(self.cover, (x, y), max(round(radius * (1 << _SHIFT)), 8), value, -1, cv2.LINE_AA, _SHIFT)

    def stroke(self, start: Points, end: Points, radius: float, value: float = 255) -> None:
        """Draws a line with round ends; `radius` in pixels."""
        along = end - start
        length = float(np.hypot(*along))
        if length > 0.5:
            side = np.array([-along[1], along[0]]) / length * radius
            self.polygon(np.array([start + side, end + side, end - side, start - side]), value)
        if radius > 1.2 or length <= 0.5:
            self.disc(start, radius, value)
            self.disc(end, radius, value)


def blurred(cover: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Returns a coverage blurred by two box filters that together have the deviation `sigma`."""
    side = int(np.sqrt(6 * sigma**2 + 1) / 2) * 2 + 1
    once = cv2.blur(cover, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.blur(once, (side, side), borderType=cv2.BORDER_REPLICATE))


@dataclass
class Canvas:
    """The picture in the making: colours under full light, class ids, and the share of sun blocked."""

    view: View
    sun: Sun
    image: NDArray[np.uint8] = field(init=False)
    mask: NDArray[np.uint8] = field(init=False)
    shade: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        """Starts with an empty sheet in full light."""
        shape = (self.view.height, self.view.width)
        self.image = np.zeros((*shape, 3), np.uint8)
        self.mask = np.zeros(shape, np.uint8)
        self.shade = np.zeros(shape, np.uint8)

    def patch(self, pixels: Points, margin: float = 1.0) -> Patch:
        """Returns an empty patch, at least one pixel large, around the pixels `[N, 2]`."""
        limits = np.array([self.view.width, self.view.height])
        low = np.clip(np.floor(pixels.min(axis=0) - margin - 1), 0, limits - 1).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0) + margin + 2), low + 1, limits).astype(int)
        return Patch(int(low[0]), int(low[1]), np.zeros((high - low)[::-1], np.uint8))

    def paint(self, patch: Patch, colour: ArrayLike | Material, label: str | None, least: int = 128) -> None:
        """Paints a patch over the picture; its class is `label`, or stays as it was with None.

        Args:
            patch: Where, and how densely.
            colour: One RGB colour, an RGB image of the patch's size, or a material of the ground.
            label: A class name of the drone table.
            least: Coverage from which on a pixel belongs to the class.
        """
        cover = patch.cover
        if not cover.any():
            return
        rows = slice(patch.y0, patch.y0 + cover.shape[0])
        columns = slice(patch.x0, patch.x0 + cover.shape[1])
        if isinstance(colour, Material):
            colour = colour.texture(self.view.to_ground(patch.x0, patch.y0), (cover.shape[0], cover.shape[1]))
        image = self.image[rows, columns]
        texture = np.broadcast_to(np.clip(colour, 0, 255).astype(np.uint8), image.shape)
        partly = (cover > 0) & (cover < 255)
        share = cover[partly][:, None].astype(np.float32) / 255
        mixed = image[partly] * (1 - share) + texture[partly] * share
        cv2.copyTo(np.ascontiguousarray(texture), (cover == 255).astype(np.uint8), image)
        image[partly] = mixed.astype(np.uint8)
        if label is not None:
            solid = cover >= least
            self.mask[rows, columns][solid] = IDS[label]
            self.shade[rows, columns][solid] = 0

    def polygon(self, points: ArrayLike, colour: ArrayLike | Material, label: str | None) -> None:
        """Paints a polygon of world points `[N, 2]` or `[N, 3]`."""
        pixels = self.view.project(points)
        patch = self.patch(pixels)
        patch.polygon(pixels)
        self.paint(patch, colour, label)

    def plane(self, corners: ArrayLike, material: Material, label: str, shape: ArrayLike | None = None) -> None:
        """Paints a flat surface in space with its own texture.

        Args:
            corners: The parallelogram `[4, 3]` that carries the texture: x runs from the first corner
                to the second, y from the first to the last.
            material: The texture.
            label: Its class.
            shape: World points `[N, 3]` of the part to paint, if it is not the whole.
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
            to_metres = np.column_stack([inverse, -inverse @ origin])
            self.paint(patch, material.texture(to_metres, patch.cover.shape[:2]), label)

    def capsules(
        self, parts: Sequence[tuple[ArrayLike, ArrayLike, float]], colour: ArrayLike, label: str | None
    ) -> None:
        """Paints round bars, each from a world point `[3]` to another with a radius in metres."""
        ends = self.view.project(np.array([[a, b] for a, b, _ in parts], np.float64).reshape(-1, 3))
        radii = [max(r * self.view.scale, 0.55) for _, _, r in parts]
        patch = self.patch(ends, max(radii))
        for i, radius in enumerate(radii):
            patch.stroke(ends[2 * i], ends[2 * i + 1], radius)
        self.paint(patch, colour, label)

    def stain(self, parts: Sequence[tuple[ArrayLike, ArrayLike, float]], factor: float, soft: float = 0.0) -> None:
        """Multiplies the colours under round bars by `factor`; `soft` metres blur the edge."""
        ends = self.view.project(np.array([[a, b] for a, b, _ in parts], np.float64).reshape(-1, 3))
        radii = [max(r * self.view.scale, 0.4) for _, _, r in parts]
        patch = self.patch(ends, max(radii) + 3 * soft * self.view.scale)
        for i, radius in enumerate(radii):
            patch.stroke(ends[2 * i], ends[2 * i + 1], radius)
        cover = blurred(patch.cover, soft * self.view.scale)
        image = self.image[patch.y0 : patch.y0 + cover.shape[0], patch.x0 : patch.x0 + cover.shape[1]]
        light = 1 - cover[..., None] * np.float32((1 - factor) / 255)
        image[:] = (image * light).astype(np.uint8)

    def cast(self, patch: Patch, height: float) -> None:
        """Adds a patch to the shadows; their edges are the softer the higher the thing that casts them."""
        cover = blurred(patch.cover, self.sun.penumbra * height * self.view.scale)
        rows = slice(patch.y0, patch.y0 + cover.shape[0])
        columns = slice(patch.x0, patch.x0 + cover.shape[1])
        np.maximum(self.shade[rows, columns], cover, out=self.shade[rows, columns])

    def fall(self, points: ArrayLike) -> Points:
        """Returns where the shadows of world points `[N, 3]` fall: ground pixels `[N, 2]`."""
        world = np.asarray(points, np.float64)
        return self.view.project(world[:, :2] + world[:, 2:] * self.sun.reach)

    def shadow(self, points: ArrayLike) -> None:
        """Casts the shadow of the convex solid with the world points `[N, 3]`."""
        world = np.asarray(points, np.float64)
        height = float(world[:, 2].max())
        fallen = self.fall(world)
        hull = cv2.convexHull(fallen.astype(np.float32))[:, 0].astype(np.float64)
        patch = self.patch(hull, 3 * self.sun.penumbra * height * self.view.scale)
        patch.polygon(hull)
        self.cast(patch, height)

    def shadow_capsules(self, parts: Sequence[tuple[ArrayLike, ArrayLike, float]]) -> None:
        """Casts the shadows of round bars as `capsules` takes them."""
        world = np.array([[a, b] for a, b, _ in parts], np.float64).reshape(-1, 3)
        fallen = self.fall(world)
        height = float(world[:, 2].max())
        patch = self.patch(fallen, (0.3 + 3 * self.sun.penumbra * height) * self.view.scale)
        for i, (_, _, radius) in enumerate(parts):
            patch.stroke(fallen[2 * i], fallen[2 * i + 1], max(radius * self.view.scale, 0.5))
        self.cast(patch, height)
