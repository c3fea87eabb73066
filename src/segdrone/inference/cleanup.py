"""Clean a predicted mask: small components, holes, and borders that miss the edges of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.components import Contour, connected_components, enclosed_area
from segdrone.inference.fill import fill_from_nearest
from segdrone.inference.watershed import watershed_refine

_MAX_REFINE = 64  # pixels: farther, borders follow texture, and blocks with their context need too much memory


def parse_min_area(text: str, option: str) -> dict[str, int] | int:
    """Returns `Cleanup.min_area` of a text.

    Args:
        text: Pixels, such as `64`, or pixels per class, such as `car=200,person=30`.
        option: Name of the option, for the error.

    Raises:
        ConfigError: It is neither.

    Example:
        >>> parse_min_area("car=200, person=30", "--min-area")
        {'car': 200, 'person': 30}
    """
    if text.isdecimal() and len(text) < 12:
        return int(text)
    pairs = [part.partition("=")[::2] for part in text.split(",")]
    areas = {name.strip(): area for name, area in pairs}
    if len(areas) < len(pairs) or not all(name and area.isdecimal() and len(area) < 12 for name, area in areas.items()):
        raise ConfigError(
            f"{option} {text} must be pixels, such as 64, or per class, such as car=200,person=30, each class once"
        )
    return {name: int(area) for name, area in areas.items()}


@dataclass(frozen=True)
class Cleanup:
    """Up to three steps, in this order; each is off at 0.

    1. Holes are filled first, so that an object counts with its full area in the second step.
    2. Small components are removed before borders move, as they would keep their pixels there.
    3. Borders of the remaining components are refined.

    Pixels of ids that are not in the table, such as ignored ones, stay as they are.

    Args:
        fill_holes: Pixels. A hole of at most this area, inside one component of a class, gets this class, even if it
            contains several; pixels without a class do not count. Areas at the border of the image are not holes.
        min_area: Pixels, for all classes or by class name (0 for the others). Smaller connected components get the
            class of the nearest pixels. If no other class is left, they stay.
        refine: Pixels. How far a border may move to follow the edges of the image.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> image = np.zeros((1, 6, 3), np.uint8)
        >>> Cleanup(min_area={"car": 2})(np.array([[0, 1, 0, 0, 1, 1]], np.uint8), image, table).tolist()
        [[0, 0, 0, 0, 1, 1]]
    """

    min_area: Mapping[str, int] | int = 0
    fill_holes: int = 0
    refine: int = 0

    def __call__(self, mask: NDArray[np.uint8], image: NDArray[np.uint8], table: ClassTable) -> NDArray[np.uint8]:
        """Returns the cleaned mask, uint8 `[H, W]`, or the same mask if all steps are off.

        Args:
            mask: uint8 `[H, W]`, class ids; is not changed.
            image: uint8 `[H, W, 3]`, RGB; only used by `refine`.
            table: The classes.

        Raises:
            ConfigError: As for `check`.
        """
        self.check(table)
        min_areas = self._min_areas(table)
        cleaned = mask
        if self.fill_holes:
            cleaned = fill_holes(cleaned, self.fill_holes, len(table))
        if any(min_areas):
            cleaned = drop_small(cleaned, min_areas)
        if self.refine:
            cleaned = watershed_refine(cleaned, image, self.refine, len(table))
        return cleaned

    def check(self, table: ClassTable) -> None:
        """Checks that the settings fit the classes.

        Raises:
            ConfigError: `min_area` names an unknown class, or a number is negative or too large.
        """
        by_name = {} if isinstance(self.min_area, int) else self.min_area
        unknown = [name for name in by_name if name not in table.names]
        if unknown:
            raise ConfigError(
                f"min_area names {', '.join(unknown)}, not in the class table ({', '.join(table.names)}): fix the name"
            )
        values = {"fill_holes": self.fill_holes, "refine": self.refine}
        values |= {f"min_area of {name}": by_name[name] for name in by_name} or {
            "min_area": min(self._min_areas(table))
        }
        for setting, pixels in values.items():
            if pixels < 0:
                raise ConfigError(f"{setting} is {pixels}: give a number of pixels, or 0 for none")
        if self.refine > _MAX_REFINE:
            raise ConfigError(f"refine is {self.refine}: borders move by {_MAX_REFINE} pixels at most")

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain int, str and dict."""
        min_area = self.min_area if isinstance(self.min_area, int) else dict(self.min_area)
        return {"min_area": min_area, "fill_holes": self.fill_holes, "refine": self.refine}

    def _min_areas(self, table: ClassTable) -> list[int]:
        if isinstance(self.min_area, int):
            return [self.min_area] * len(table)
        return [self.min_area.get(name, 0) for name in table.names]


def drop_small(mask: NDArray[np.uint8], min_areas: Sequence[int]) -> NDArray[np.uint8]:
    """Returns the mask without components smaller than `min_areas`, in pixels by class id."""
    small = np.zeros(mask.shape, np.uint8)
    for class_id, min_area in enumerate(min_areas):
        for component in connected_components(mask, class_id) if min_area > 1 else ():
            if component.area < min_area:
                component.draw(small, 1)
    return fill_from_nearest(mask, small.view(bool), len(min_areas))


def fill_holes(mask: NDArray[np.uint8], max_area: int, classes: int) -> NDArray[np.uint8]:
    """Returns the mask with holes of at most `max_area` pixels filled; the outermost of nested holes decides."""
    ignored, holes = mask >= classes, []
    for class_id in range(classes):
        for hole in (hole for component in connected_components(mask, class_id) for hole in component.holes):
            if (area := enclosed_area(hole)) - _count_inside(ignored, hole) <= max_area:
                holes.append((area, class_id, hole))
    filled = mask.copy()
    for _, class_id, hole in sorted(holes, key=lambda hole: hole[0]):
        cv2.drawContours(filled, [hole], -1, class_id, cv2.FILLED)
    np.copyto(filled, mask, where=ignored)
    return filled


def _count_inside(pixels: NDArray[np.bool_], contour: Contour) -> int:
    """Returns the number of pixels that are set, inside a contour of pixels that are not."""
    left, top, width, height = cv2.boundingRect(contour)
    part = pixels[top : top + height, left : left + width]
    if not part.any():
        return 0
    inside = cv2.drawContours(np.zeros(part.shape, np.uint8), [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
    return int(np.count_nonzero(part & inside.view(bool)))
