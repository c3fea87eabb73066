"""Spread the labels of points and scribbles over the superpixels in which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.embedded import EmbeddedImage
from segdrone.annotations.orientation import MaskFrame
from segdrone.annotations.photographs import Annotated
from segdrone.annotations.sparse import only_strokes
from segdrone.annotations.tiles import draw_mask, missing_pixels
from segdrone.classic.clusters import Slic
from segdrone.classic.libraries import library
from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from segdrone.raster.header import without_training_options

_MOST_PIXELS = 3_000_000  # of the photograph that is divided, which takes seconds; 24 megapixels take minutes


@dataclass
class Superpixels:
    """Spreads labels, photograph by photograph.

    A superpixel with labels of one class, one of them a stroke, gets that class where nothing is drawn. One with labels
    of several classes, or of a class and `__ignore__`, keeps them as they are drawn.

    Attributes:
        width: Width of a superpixel, in pixels of the photograph.
        spread: Number of superpixels that got a class.
        mixed: Number of superpixels of several classes.

    Raises:
        ConfigError: scikit-image is missing, the extra `classic`.
    """

    width: int
    spread: int = 0
    mixed: int = 0

    def __post_init__(self) -> None:
        library("skimage.segmentation")

    def __call__(self, one: Annotated, frame: MaskFrame, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the mask of a photograph, uint8 `[H, W]`, with its labels spread.

        Raises:
            DataError: The photograph cannot be decoded.
        """
        value = {shape.label: 1 for shape in one.shapes}
        images = one.annotated, only_strokes(one.annotated)
        drawn, strokes = (frame.turn(draw_mask(image, frame.size, value, 0, 1)) > 0 for image in images)
        if (missing := missing_pixels(one.annotated, frame.size)) is not None:  # nobody has seen them, and they stay
            drawn, strokes = drawn & ~missing, strokes & ~missing
        if not strokes.any():
            return mask
        try:
            photograph = _read(one.photograph)
        except DataError as error:
            raise DataError(without_training_options(str(error))) from None
        segments = divide(photograph, self.width)
        labeled, spread, mixed = spread_labels(mask, drawn, strokes, segments)
        self.spread += spread
        self.mixed += mixed
        return labeled if missing is None else np.where(missing, mask, labeled)

    def notes(self) -> list[str]:
        """Returns what to tell."""
        notes = [f"spread: the labels of {self.spread} superpixels, about {self.width} pixels wide"]
        if self.mixed:
            notes.append(f"not spread: {self.mixed} superpixels with labels of several classes, which stay as drawn")
        return notes


def divide(image: NDArray[np.uint8], width: int) -> NDArray[np.int32]:
    """Returns the superpixel of each pixel (SLIC), int32 `[H, W]`; a large image is divided at a smaller size.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        width: Width of a superpixel in pixels.
    """
    height, columns = image.shape[:2]
    scale = min(1.0, (_MOST_PIXELS / (height * columns)) ** 0.5)
    if scale == 1:
        return Slic(spacing=width)(image)
    size = max(1, round(height * scale)), max(1, round(columns * scale))
    small = np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    found = Slic(spacing=max(4, round(width * scale)))(small)
    rows, places = (
        (np.arange(length) + 0.5) * part // length for length, part in zip((height, columns), size, strict=True)
    )
    return np.asarray(found[rows.astype(np.intp)[:, None], places.astype(np.intp)], np.int32)


def spread_labels(
    mask: NDArray[np.uint8], drawn: NDArray[np.bool_], strokes: NDArray[np.bool_], segments: NDArray[np.int32]
) -> tuple[NDArray[np.uint8], int, int]:
    """Spreads labels over segments.

    Args:
        mask: Class ids, and the ignored id, uint8 `[H, W]`.
        drawn: Which pixels a shape covers, bool `[H, W]`.
        strokes: Which pixels a stroke covers, bool `[H, W]`.
        segments: Number of each pixel's segment from 0 on, int32 `[H, W]`.

    Returns:
        The mask, the number of segments that were spread over, and of those with labels of several classes.

    Example:
        >>> mask, segments = np.array([[255, 3, 255, 255, 7]], np.uint8), np.array([[0, 0, 0, 1, 1]], np.int32)
        >>> spread_labels(mask, mask < 255, mask == 3, segments)[0].tolist()
        [[3, 3, 3, 255, 7]]
    """
    count = int(segments.max()) + 1
    found = np.unique(segments[drawn].astype(np.int64) << 8 | mask[drawn])
    classes = np.bincount(found >> 8, minlength=count)
    has_stroke = np.zeros(count, bool)
    has_stroke[segments[strokes]] = True
    is_spread = has_stroke & (classes == 1)
    value = np.zeros(count, np.uint8)
    value[found >> 8] = found & 255
    spread = np.where(is_spread[segments] & ~drawn, value[segments], mask)
    return spread, int(is_spread.sum()), int((has_stroke & (classes > 1)).sum())


def _read(photograph: Path | EmbeddedImage) -> NDArray[np.uint8]:
    if isinstance(photograph, Path):
        return read_image(photograph)
    with TemporaryDirectory() as folder:
        file = Path(folder, f"photograph{photograph.suffix}")
        file.write_bytes(photograph.read())
        return read_image(file)
