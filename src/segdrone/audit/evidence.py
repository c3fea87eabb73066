"""Compute what a model says of a photograph's regions, and what surrounds them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.audit.regions import Grid, Region, middles
from segdrone.classes import ClassTable
from segdrone.inference import Predictor
from segdrone.raster import ImageSource
from segdrone.windows import Size

_MOST_VALUES = 1 << 27  # of the probabilities of a photograph: 256 MB in half precision
_LEAST = 1e-4  # probability: below it, networks of half precision say nothing
_INSIDE = 3  # cells from the border at which a pixel has its full weight
_MOST_CELLS = 20_000  # of a region that are looked at, evenly
_RING = 2  # cells around a region that are its surroundings


class Evidence(NamedTuple):
    """What is known of a region besides its label.

    Attributes:
        log_probabilities: Mean of the logarithm of each class's probability inside of it, float32 `[C]`.
        context: Share of each class among the labels around it, and its size and shape, float32 `[C + 5]`.
    """

    log_probabilities: NDArray[np.float32]
    context: NDArray[np.float32]


def grid_of(predictors: Sequence[Predictor], size: Size) -> Grid:
    """Returns the grid on which a photograph of `size` is judged: that of the finest network, within the memory."""
    height, width = max((predictor.network_size(size) for predictor in predictors), key=math.prod)
    factor = min(1.0, math.sqrt(_MOST_VALUES / (len(predictors[0].table) * height * width)))
    return Grid(size, (max(1, int(height * factor)), max(1, int(width * factor))))


def log_probabilities(
    predictors: Sequence[Predictor], table: ClassTable, sources: Sequence[ImageSource], grid: Grid
) -> NDArray[np.float16]:
    """Returns the logarithm of the mean probability that models give each class in each cell: float16 `[C, h, w]`.

    Args:
        predictors: The models.
        table: Their classes, in the order of the result.
        sources: The photograph as each model reads it, with its own bands and stretch.
        grid: The cells.

    Raises:
        DataError: The photograph cannot be read.
        ConfigError: The device's memory is too small for a single window.
    """
    total = np.zeros((len(table), *grid.size), np.float16)
    for predictor, source in zip(predictors, sources, strict=True):
        ids = [table.names.index(name) for name in predictor.table.names]
        network_size = predictor.network_size(source.size)
        rows, columns = (
            middles(count, length) for count, length in zip(grid.size, network_size, strict=True)
        )  # of the network's pixels that the cells show
        windows = predictor.windows(source.size)
        cuts = [_cuts(sorted({window[side] for window in windows}), windows[0][side + 2]) for side in (0, 1)]
        for window, probabilities in predictor.probabilities(source):
            (top, bottom), (left, right) = (cuts[side][window[side]] for side in (0, 1))
            down = slice(*np.searchsorted(rows, (top, bottom)).tolist())
            across = slice(*np.searchsorted(columns, (left, right)).tolist())
            places = np.ix_(rows[down] - window.top, columns[across] - window.left)
            for class_id, plane in zip(ids, probabilities, strict=True):
                total[class_id, down, across] += plane[places].astype(np.float16)
    for plane in total:
        plane[:] = np.log(plane.astype(np.float32) / len(predictors) + _LEAST)
    return total


def _cuts(starts: list[int], length: int) -> dict[int, tuple[int, int]]:
    """Returns the part of a side that each window decides, by its start: they meet in the middle of overlaps."""
    middle = [(first + length + second) // 2 for first, second in pairwise(starts)]
    return dict(zip(starts, pairwise([starts[0], *middle, starts[-1] + length]), strict=True))


def gather_evidence(region: Region, grid: Grid, logs: NDArray[np.float16], labels: NDArray[np.uint8]) -> Evidence:
    """Returns what a model says of a region, its inside first, and what is around it.

    Args:
        region: The region.
        grid: The cells of its photograph.
        logs: Of `log_probabilities`.
        labels: Labels in the cells, uint8 `[h, w]`, class ids and the ignored id.
    """
    window, cells = grid.cells(region)
    padded = np.pad(cells, 1).view(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    places = np.nonzero(cells)
    rows, columns = (side[:: len(side) // _MOST_CELLS + 1] for side in places)
    weights = np.square(np.minimum(distance[rows, columns], _INSIDE))
    means = logs[:, window.top + rows, window.left + columns].astype(np.float32) @ (weights / weights.sum())
    around = _around(window.top, window.left, cells, labels)
    counts = np.bincount(labels[around], minlength=256)[: len(logs)]
    height, width = region.window.height, region.window.width
    at_border = (
        min(region.window[:2]) == 0
        or region.window.top + height == grid.image_size[0]
        or region.window.left + width == grid.image_size[1]
    )
    shape = [
        math.log(region.area / math.prod(grid.image_size)),
        math.log(height * width / region.area),
        math.log(height / width),
        math.log(float(distance.max()) ** 2 / len(places[0])),
        float(at_border),
    ]
    return Evidence(means, np.array([*(counts / max(1, counts.sum())), *shape], np.float32))


def _around(top: int, left: int, cells: NDArray[np.bool_], labels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], ...]:
    """Returns the rows and columns of the cells around a region."""
    padded = np.pad(cells, _RING).view(np.uint8)
    ring = cv2.dilate(padded, np.ones((2 * _RING + 1, 2 * _RING + 1), np.uint8)) > padded
    rows, columns = (places + start - _RING for places, start in zip(np.nonzero(ring), (top, left), strict=True))
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    return rows[inside], columns[inside]
