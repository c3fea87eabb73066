"""Connected regions of a class in a mask, and their holes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Window

Contour = NDArray[np.int32]


class Component(NamedTuple):
    """Pixels of one class that hang together over sides and corners.

    Fences, poles and bicycles are a pixel or two wide: if only sides counted, slanted ones would fall
    into crumbs. Its holes, then, hang together over sides alone (Rosenfeld, "Connectivity in digital
    pictures", 1970).

    Contours run over pixels of the region, from each to one of its 8 neighbours and back to the first:
    int32 `[N, 1, 2]`, column and row in the mask. They take memory by the length of the borders, where
    an image of labels takes 4 bytes for every pixel of the mask.

    Args:
        outline: The contour around it.
        holes: A contour around each hole.
    """

    outline: Contour
    holes: list[Contour]

    @property
    def window(self) -> Window:
        """The rectangle around its pixels."""
        left, top, width, height = cv2.boundingRect(self.outline)
        return Window(top, left, height, width)

    @property
    def area(self) -> int:
        """How many pixels it has, without those in its holes."""
        return enclosed_area(self.outline) + len(self.outline) - sum(map(enclosed_area, self.holes))

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """Its pixels in its window, bool `[window.height, window.width]`."""
        top, left, height, width = self.window
        canvas = np.zeros((height, width), np.uint8)
        self.draw(canvas, 1, top, left)
        return canvas.view(bool)

    def draw(self, canvas: NDArray[np.uint8], value: int, top: int = 0, left: int = 0) -> None:
        """Gives its pixels a value on a canvas that begins at this row and column of the mask."""
        cv2.drawContours(canvas, [self.outline, *self.holes], -1, value, cv2.FILLED, offset=(-left, -top))


def connected_components(mask: NDArray[np.uint8], class_id: int) -> Iterator[Component]:
    """Yields the regions of a class in a mask, uint8 `[H, W]`."""
    found = (mask == class_id).view(np.uint8)
    left, top, width, height = cv2.boundingRect(found)
    if not width:
        return
    found = found[top : top + height, left : left + width]
    contours, (tree,) = cv2.findContours(found, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(left, top))
    parents = tree[:, 3].tolist()  # -1 for an outline
    holes: list[list[Contour]] = [[] for _ in contours]
    for contour, parent in zip(contours, parents, strict=True):
        if parent >= 0:
            holes[parent].append(contour)
    for contour, parent, inner in zip(contours, parents, holes, strict=True):
        if parent < 0:
            yield Component(contour, inner)


def enclosed_area(contour: Contour) -> int:
    """Returns how many pixels lie within a contour, not on it (Pick's theorem).

    Where a contour runs the same way there and back, those pixels count as -1: with the length of the
    contour added, each counts once.
    """
    return int(cv2.contourArea(contour) - len(contour) / 2 + 1)
