"""Move the borders of a mask onto the edges of the photograph."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.inference.components import connected_components
from segdrone.inference.fill import fill_from_nearest
from segdrone.windows import Window, grid

_BLOCK = 1024  # pixels; what is flooded at a time
_SMOOTHING = 1.0  # pixels, standard deviation: noise is no edge


def watershed_refine(mask: NDArray[np.uint8], image: NDArray[np.uint8], reach: int, classes: int) -> NDArray[np.uint8]:
    """Returns the mask with its borders on the nearest edges of the photograph.

    The marker-based watershed of Meyer ("Color image segmentation", 1992; `cv2.watershed`): pixels
    farther than `reach` from every border hold their class, and so do all pixels of regions that have
    none such; from there the classes flood the others, over the smallest differences of colour first.
    No class comes, goes, or moves farther than `reach`. Where classes differ in texture rather than in
    colour, a long reach spoils more than it mends.

    Args:
        mask: uint8 `[H, W]`, class ids; ids from `classes` on stay where they are.
        image: The photograph, uint8 `[H, W, 3]`.
        reach: How far a border may move, in pixels, counted over sides and corners.
        classes: How many there are.
    """
    held = _held(mask, reach, classes)
    refined = mask.copy()
    context = 16 * reach  # with which blocks gave what the whole does, on 24 megapixels too; 8 did not always
    for block in grid((mask.shape[0], mask.shape[1]), (_BLOCK, _BLOCK), (_BLOCK, _BLOCK)):
        top, left = max(block.top - context, 0), max(block.left - context, 0)
        around = Window(top, left, block.top - top + _BLOCK + context, block.left - left + _BLOCK + context)
        where = (around.rows, around.columns)
        if not held[block.rows, block.columns].all():
            flooded = _flood(mask[where], held[where], image[where], reach, classes)
            inner = flooded[block.top - top :, block.left - left :][:_BLOCK, :_BLOCK]
            refined[block.rows, block.columns] = inner
    np.copyto(refined, mask, where=mask >= classes)
    return refined


def _held(mask: NDArray[np.uint8], reach: int, classes: int) -> NDArray[np.bool_]:
    """Returns the pixels that keep their class, bool `[H, W]`."""
    square = _square(reach)
    inside: NDArray[np.bool_] = cv2.erode(mask, square) == cv2.dilate(mask, square)
    held = inside.astype(np.uint8)
    for class_id in range(classes):
        for region in connected_components(mask, class_id):
            window = region.window
            if not inside[window.rows, window.columns][region.pixels].any():
                region.draw(held, 1)
    held[mask >= classes] = 0
    return held.view(bool)


def _flood(
    mask: NDArray[np.uint8], held: NDArray[np.bool_], image: NDArray[np.uint8], reach: int, classes: int
) -> NDArray[np.uint8]:
    markers = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.int32)  # OpenCV floods no pixel of the frame
    inner = markers[1:-1, 1:-1]
    np.add(mask, 1, out=inner, where=held, dtype=np.int32)
    framed = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    cv2.watershed(cv2.GaussianBlur(framed, (0, 0), _SMOOTHING), markers)
    lines = inner < 1  # where two classes met, and what lies behind
    flooded = fill_from_nearest(np.where(lines, mask, inner - 1).astype(np.uint8), lines, classes)
    square = _square(reach)
    for class_id in np.unique(flooded[flooded != mask]):  # along a border one may come from far away
        near = cv2.dilate((mask == class_id).view(np.uint8), square)
        np.copyto(flooded, mask, where=(flooded == class_id) & (near == 0))
    return flooded


def _square(reach: int) -> NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
