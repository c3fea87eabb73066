"""Clean a predicted mask: small regions, holes, and borders beside the edges of the photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.components import connected_components, enclosed_area
from segdrone.inference.fill import fill_from_nearest
from segdrone.inference.watershed import watershed_refine

_FARTHEST = 64  # pixels that a border may move: farther it follows texture, and blocks would hold the photograph


@dataclass(frozen=True)
class Cleanup:
    """What is cleaned; each of the three is off at 0, and they work in this order.

    1. Holes come first, so that an object counts with all of its area in the second step.
    2. Small regions go before the borders move, where they would hold their ground.
    3. Borders move last, those of the regions that remain.

    Pixels that are of no class of the table, such as ignored ones, stay as they are.

    Args:
        fill_holes: Pixels. A hole of at most this area, wholly inside one region of a class, takes
            this class, whatever is in it. What touches the border of the photograph is no hole.
        min_area: Pixels, for all classes or by class name (others: 0). Connected regions smaller than
            this take the class of what is nearest. If nothing is left that they could take, they stay.
        refine: Pixels. How far a border may move to follow the edges of the photograph.
    """

    min_area: Mapping[str, int] | int = 0
    fill_holes: int = 0
    refine: int = 0

    def __call__(self, mask: NDArray[np.uint8], image: NDArray[np.uint8], table: ClassTable) -> NDArray[np.uint8]:
        """Returns the cleaned mask, uint8 `[H, W]`, or the same mask where everything is off.

        Args:
            mask: uint8 `[H, W]`, class ids; is not changed.
            image: The photograph, uint8 `[H, W, 3]`, RGB; only `refine` looks at it.
            table: The classes.

        Raises:
            ConfigError: As `check`.
        """
        self.check(table)
        areas = self._areas(table)
        cleaned = mask
        if self.fill_holes:
            cleaned = fill_holes(cleaned, self.fill_holes, len(table))
        if any(areas):
            cleaned = drop_small(cleaned, areas)
        if self.refine:
            cleaned = watershed_refine(cleaned, image, self.refine, len(table))
        return cleaned

    def check(self, table: ClassTable) -> None:
        """Makes sure that the settings fit the classes.

        Raises:
            ConfigError: `min_area` names a class that the table lacks, or a number is negative.
        """
        by_name = {} if isinstance(self.min_area, int) else self.min_area
        unknown = [name for name in by_name if name not in table.names]
        if unknown:
            raise ConfigError(
                f"min_area names {', '.join(unknown)}, not in the class table ({', '.join(table.names)}): mend the name"
            )
        given = {"fill_holes": self.fill_holes, "refine": self.refine}
        given |= {f"min_area of {name}": by_name[name] for name in by_name} or {"min_area": min(self._areas(table))}
        for setting, pixels in given.items():
            if pixels < 0:
                raise ConfigError(f"{setting} is {pixels}: give a number of pixels, or 0 for none")
        if self.refine > _FARTHEST:
            raise ConfigError(f"refine is {self.refine}: borders move by {_FARTHEST} pixels at most")

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain int, str and dict."""
        min_area = self.min_area if isinstance(self.min_area, int) else dict(self.min_area)
        return {"min_area": min_area, "fill_holes": self.fill_holes, "refine": self.refine}

    def _areas(self, table: ClassTable) -> list[int]:
        if isinstance(self.min_area, int):
            return [self.min_area] * len(table)
        return [self.min_area.get(name, 0) for name in table.names]


def drop_small(mask: NDArray[np.uint8], areas: Sequence[int]) -> NDArray[np.uint8]:
    """Returns the mask without regions smaller than `areas` says, in pixels by class id."""
    small = np.zeros(mask.shape, np.uint8)
    for class_id, area in enumerate(areas):
        for region in connected_components(mask, class_id) if area > 1 else ():
            if region.area < area:
                region.draw(small, 1)
    return fill_from_nearest(mask, small.view(bool), len(areas))


def fill_holes(mask: NDArray[np.uint8], area: int, classes: int) -> NDArray[np.uint8]:
    """Returns the mask with holes of at most `area` pixels filled; of nested ones the outermost counts."""
    holes = []
    for class_id in range(classes):
        for hole in (hole for region in connected_components(mask, class_id) for hole in region.holes):
            if (size := enclosed_area(hole)) <= area:
                holes.append((size, class_id, hole))
    filled = mask.copy()
    for _, class_id, hole in sorted(holes, key=lambda hole: hole[0]):
        cv2.drawContours(filled, [hole], -1, class_id, cv2.FILLED)
    np.copyto(filled, mask, where=mask >= classes)
    return filled
