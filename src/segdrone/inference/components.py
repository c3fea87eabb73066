"""Find connected components of a class in a mask, and their holes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Window

Contour = NDArray[np.int32]


class Component(NamedTuple):
    """An 8-connected component: pixels of one class that touch at sides or corners.

    Fences, poles and bicycles are a pixel or two wide: with 4-connectivity, slanted ones would fall apart. Holes are
    4-connected (Rosenfeld, "Connectivity in digital pictures", 1970).

    Contours run over pixels of the component, from each to one of its 8 neighbors and back to the first: int32
    `[N, 1, 2]`, column and row in the mask. Their memory depends on the length of the borders, while a label image
    takes 4 bytes per pixel of the mask.

    Attributes:
        outline: The outer contour.
        holes: A contour around each hole.
    """

    outline: Contour
    holes: list[Contour]

    @property
    def window(self) -> Window:
        """The bounding box."""
        left, top, width, height = cv2.boundingRect(self.outline)
        return Window(top, left, height, width)

    @property
    def area(self) -> int:
        """Number of pixels, without holes."""
        return enclosed_area(self.outline) + len(self.outline) - sum(map(enclosed_area, self.holes))

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """The pixels in the bounding box, bool `[window.height, window.width]`."""
        top, left, height, width = self.window
        canvas = np.zeros((height, width), np.uint8)
        self.draw(canvas, 1, top, left)
        return canvas.view(bool)

    def draw(self, canvas: NDArray[np.uint8], value: int, top: int = 0, left: int = 0) -> None:
        """Sets the pixels to a value on a canvas whose first row and column in the mask are `top` and `left`."""
        cv2.drawContours(canvas, [self.outline, *self.holes], -1, value, cv2.FILLED, offset=(-left, -top))


def connected_components(mask: NDArray[np.uint8], class_id: int, window: Window | None = None) -> Iterator[Component]:
    """Yields the connected components of a class in a mask.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        class_id: The class.
        window: A window that has all its pixels, if known, which saves a search in the whole mask.

    Example:
        >>> mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], np.uint8)
        >>> sorted(component.area for component in connected_components(mask, class_id=1))
        [1, 2]
    """
    if window is None:
        left, top, width, height = cv2.boundingRect((mask == class_id).view(np.uint8))
        window = Window(top, left, height, width)
    binary = (mask[window.rows, window.columns] == class_id).view(np.uint8)
    if not binary.any():
        return
    contours, (tree,) = cv2.findContours(
        binary, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(window.left, window.top)
    )
    parents = tree[:, 3].tolist()  # -1 for an outline
    holes: list[list[Contour]] = [[] for _ in contours]
    for contour, parent in zip(contours, parents, strict=True):
        if parent >= 0:
            holes[parent].append(contour)
    for contour, parent, own_holes in zip(contours, parents, holes, strict=True):
        if parent < 0:
            yield Component(contour, own_holes)


def enclosed_area(contour: Contour) -> int:
    """Returns the number of pixels inside a contour, without those on it (Pick's theorem).

    Where a contour runs back over its own pixels, these count as -1, so that the area plus the contour's length counts
    each pixel once.
    """
    return int(cv2.contourArea(contour) - len(contour) / 2 + 1)
