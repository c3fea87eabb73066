"""Light a scene, and simulate the camera that takes the photograph."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_STRIP = 256


@dataclass(frozen=True)
class Sun:
    """The light of a scene.

    Args:
        shadow_offset: Offset (x, y) in meters of the shadow of a point at 1 m above the ground.
        direct: Share of the light that comes from the sun, 0 to 1; the rest comes from the sky.
        penumbra: Softness of a shadow's edge, in meters per meter of height.
        tint: Color of the sunlight: a factor of about 1 per channel.
        exposure: Overall brightness: a factor of about 1.
    """

    shadow_offset: tuple[float, float]
    direct: float
    penumbra: float
    tint: tuple[float, float, float]
    exposure: float

    def light_on(self, normal: tuple[float, float], rise: float = 0.0) -> float:
        """Returns the light on a surface relative to level ground, 0.3 to 1.15.

        Args:
            normal: Horizontal part (x, y) of the surface's outward normal.
            rise: Vertical part of the normal: 0 for a wall, 1 for level ground.
        """
        length = float(np.hypot(*self.shadow_offset))
        facing = -(normal[0] * self.shadow_offset[0] + normal[1] * self.shadow_offset[1])
        lit = max(0.0, facing + rise) / max(1.0, length)
        sky = 0.72 + 0.28 * rise
        return float(np.clip(self.direct * lit + (1 - self.direct) * sky, 0.3, 1.15))


def sample_sun(rng: np.random.Generator) -> Sun:
    """Returns random light: mostly direct sun, sometimes overcast, from yellowish to bluish."""
    overcast = rng.random() < 0.3
    heading, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 1.35)
    warmth = rng.uniform(-0.04, 0.07)
    return Sun(
        shadow_offset=(float(length * np.cos(heading)), float(length * np.sin(heading))),
        direct=float(rng.uniform(0.15, 0.3) if overcast else rng.uniform(0.45, 0.66)),
        penumbra=float(rng.uniform(0.12, 0.25) if overcast else rng.uniform(0.008, 0.03)),
        tint=(1.0 + warmth, 1.0, 1.0 - warmth),
        exposure=float(rng.uniform(1.0, 1.3)),
    )


def simulate_camera(
    image: NDArray[np.uint8], shade: NDArray[np.uint8], sun: Sun, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Applies light and shadows, then blur, vignetting, contrast and noise of a lens and a sensor.

    Args:
        image: uint8 `[H, W, 3]`, colors in full light.
        shade: uint8 `[H, W]`, share of the sunlight that is blocked, 0 to 255.
        sun: The scene's light.
        rng: Random generator for the camera's properties and its noise.

    Returns:
        The photograph, uint8 `[H, W, 3]`, RGB.
    """
    height, width = shade.shape
    sharpness, falloff, contrast, grain = rng.uniform([0.25, 0.03, 0.9, 1.2], [0.6, 0.2, 1.2, 4.5])
    noise = rng.standard_normal((_STRIP, 1024, 3), np.float32)
    noise *= (np.array([1.0, 0.8, 1.2]) * grain).astype(np.float32)
    noise = np.tile(noise, (1, -(-width // 1024), 1))[:, :width]
    blurred = cv2.GaussianBlur(image, (0, 0), sharpness * float(np.clip(height / 704, 0.6, 2.0)))
    sky = (np.array([0.96, 1.0, 1.06]) * (1 - sun.direct) * sun.exposure).astype(np.float32)
    direct = (np.array(sun.tint) * sun.direct * sun.exposure).astype(np.float32)
    across = np.linspace(-1, 1, width, dtype=np.float32) ** 2 * np.float32(width / np.hypot(width, height)) ** 2
    down = np.linspace(-1, 1, height, dtype=np.float32) ** 2 * np.float32(height / np.hypot(width, height)) ** 2
    out = np.empty_like(image)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        sunlit = 1 - shade[rows].astype(np.float32) / 255
        lens = 1 - np.float32(falloff) * (across[None, :] + down[rows, None])
        light = (sky + direct * sunlit[..., None]) * lens[..., None]
        exposed = (blurred[rows].astype(np.float32) * light - 110) * np.float32(contrast) + 110
        exposed += np.roll(noise, rng.integers(1024), axis=1)[: len(exposed)]
        out[rows] = np.clip(exposed, 0, 255)
    return out
