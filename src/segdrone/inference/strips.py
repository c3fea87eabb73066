"""Predict the mask of an image in strips of its whole width, which may begin anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.inference.predictor import Predictor, Progress
from segdrone.raster import ImageSource
from segdrone.windows import Size


class Strip(NamedTuple):
    """Part of a mask, of the whole width of the image.

    Attributes:
        top: Its first row.
        classes: Class ids, uint8 `[h, W]`; the ignored id where the image has no data.
        confidence: Probability of the class, uint8 `[h, W]`, 0 to 255 for 0 to 1; 0 where the image has no data.
    """

    top: int
    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]


def strip_ends(predictor: Predictor, size: Size) -> list[int]:
    """Returns the row after the last one of each strip of an image of `size`: one for each row of windows."""
    return [span.tail.begin for span in predictor.spans(size)[0]]


def predict_strips(
    predictor: Predictor, source: ImageSource, first: int = 0, progress: Progress | None = None
) -> Iterator[Strip]:
    """Yields the mask of an image strip by strip, from top to bottom.

    The arrays of a strip are those of the next one, too: copy what is kept.

    Args:
        predictor: The model.
        source: The image, as `Predictor.open` returns it.
        first: Number of the first strip; those before are not computed. The strips are the same for any.
        progress: As for a call of the predictor.

    Raises:
        DataError: The source cannot be read.
        ConfigError: The device's memory is too small for a single window.
    """
    highest = max(bottom - top for top, bottom in pairwise([0, *strip_ends(predictor, source.size)]))
    classes, confidence = np.empty((2, highest, source.size[1]), np.uint8)
    for span, tiles in predictor.rows(source, first, progress):
        top, bottom = span.lead.begin, span.tail.begin
        strip = Strip(top, classes[: bottom - top], confidence[: bottom - top])
        for tile in tiles:
            height, width = tile.classes.shape
            place = slice(tile.top - top, tile.top - top + height), slice(tile.left, tile.left + width)
            strip.classes[place] = tile.classes
            strip.confidence[place] = np.rint(tile.confidence * 255)
        yield strip
