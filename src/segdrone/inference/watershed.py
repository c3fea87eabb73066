"""Move the borders of a mask onto the edges of the image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.inference.components import connected_components
from segdrone.inference.fill import fill_from_nearest
from segdrone.windows import Window, grid

_BLOCK = 1024  # pixels: side of the blocks that are flooded one by one
_CONTEXT = 16  # times the reach: blocks then gave the result of the whole image, also on 24 megapixels; 8 did not
_SMOOTHING = 1.0  # pixels, standard deviation: noise would count as edges


def watershed_refine(mask: NDArray[np.uint8], image: NDArray[np.uint8], reach: int, classes: int) -> NDArray[np.uint8]:
    """Returns the mask with its borders on the nearest edges of the image.

    The marker-based watershed of Meyer ("Color image segmentation", 1992; `cv2.watershed`). Markers are the pixels
    farther than `reach` from every border, and all pixels of components that have no such pixels. From the markers,
    classes flood the other pixels, across the smallest color differences first. No class appears, vanishes, or moves
    farther than `reach`. Where classes differ in texture rather than in color, a long reach does more harm than good.

    Args:
        mask: uint8 `[H, W]`, class ids; pixels of ids from `classes` on stay as they are.
        image: uint8 `[H, W, 3]`.
        reach: How far a border may move, in pixels, diagonal steps counting 1.
        classes: Number of classes.
    """
    markers = _find_markers(mask, reach, classes)
    refined = mask.copy()
    context = _CONTEXT * reach
    for block in grid((mask.shape[0], mask.shape[1]), (_BLOCK, _BLOCK), (_BLOCK, _BLOCK)):
        if markers[block.rows, block.columns].all():
            continue
        top, left = max(block.top - context, 0), max(block.left - context, 0)
        outer = Window(top, left, block.top - top + _BLOCK + context, block.left - left + _BLOCK + context)
        part = (outer.rows, outer.columns)
        flooded = _flood(mask[part], markers[part], image[part], reach, classes)
        refined[block.rows, block.columns] = flooded[block.top - top :, block.left - left :][:_BLOCK, :_BLOCK]
    np.copyto(refined, mask, where=mask >= classes)
    return refined


def _find_markers(mask: NDArray[np.uint8], reach: int, classes: int) -> NDArray[np.bool_]:
    """Returns the pixels that keep their class, bool `[H, W]`."""
    square = _square(reach)
    inner: NDArray[np.bool_] = cv2.erode(mask, square) == cv2.dilate(mask, square)
    markers = inner.astype(np.uint8)
    for class_id in range(classes):
        for component in connected_components(mask, class_id):
            window = component.window
            if not inner[window.rows, window.columns][component.pixels].any():
                component.draw(markers, 1)
    markers[mask >= classes] = 0
    return markers.view(bool)


def _flood(
    mask: NDArray[np.uint8], markers: NDArray[np.bool_], image: NDArray[np.uint8], reach: int, classes: int
) -> NDArray[np.uint8]:
    labels = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.int32)  # OpenCV does not flood the frame's pixels
    inner = labels[1:-1, 1:-1]
    np.add(mask, 1, out=inner, where=markers, dtype=np.int32)
    framed = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    cv2.watershed(cv2.GaussianBlur(framed, (0, 0), _SMOOTHING), labels)
    unflooded = inner < 1  # lines where two classes met, and what is enclosed by them
    flooded = fill_from_nearest(np.where(unflooded, mask, inner - 1).astype(np.uint8), unflooded, classes)
    square = _square(reach)
    for class_id in np.unique(flooded[flooded != mask]):  # along a border, a class may come from far away
        near = cv2.dilate((mask == class_id).view(np.uint8), square)
        np.copyto(flooded, mask, where=(flooded == class_id) & (near == 0))
    return flooded


def _square(reach: int) -> NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
