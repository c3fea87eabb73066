"""Find shapes that overlap on one layer, of tools that do not keep which of them is on top."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.shapes import AnnotatedImage

log = logging.getLogger(__name__)


@dataclass
class UnorderedShapes:
    """Pixels of masks whose class depends on the order of shapes of one layer.

    Attributes:
        pixels: Their number, by name of the photograph.
    """

    pixels: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        name: str,
        image: AnnotatedImage,
        mask: NDArray[np.uint8],
        draw: Callable[[AnnotatedImage], NDArray[np.uint8]],
    ) -> None:
        """Counts those of a photograph.

        Args:
            name: Its name.
            image: Its annotation.
            mask: What `draw` makes of it, uint8 `[H, W]`.
            draw: Draws an annotation.

        Raises:
            DataError: As `draw`.
        """
        if len({shape.label for shape in image.shapes}) < 2:
            return
        if count := int(np.count_nonzero(draw(_turn_order(image)) != mask)):
            self.pixels[name] = self.pixels.get(name, 0) + count

    def warn(self) -> None:
        """Warns of them, if there are any."""
        if self.pixels:
            log.warning(
                "%d photographs, %s first, have shapes of other labels that overlap on one layer (z_order), in %d "
                "pixels: CVAT does not keep which of them is on top, and the later one in the file is taken; send to "
                "the foreground there what is on top, or remove underlying pixels, and export again",
                len(self.pixels), next(iter(self.pixels)), sum(self.pixels.values()),
            )  # fmt: skip


def _turn_order(image: AnnotatedImage) -> AnnotatedImage:
    """Returns an annotation whose shapes of one layer are drawn in the opposite order."""
    tiles = {place: _turn_order(tile) for place, tile in image.tiles.items()}
    return replace(image, shapes=image.shapes[::-1], tiles=tiles)
