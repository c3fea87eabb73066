"""Mean values over the cells of a coarse grid, from windows as they come, so that large photographs need no memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size, Window


class CellMeans:
    """Means of values over the cells of a grid that covers an image.

    Where windows overlap, the values of all count.

    Args:
        planes: Number of values of each pixel, K.
        size: Height and width of the image that windows are parts of, in pixels.
        cells: About how many cells to divide it into, at most one for each pixel.

    Attributes:
        shape: Rows and columns of the grid.

    Example:
        >>> cells = CellMeans(1, size=(2, 4), cells=2)
        >>> cells.add(Window(0, 0, 2, 4), np.array([[[1, 3, 0, 0], [1, 3, 0, 8]]], np.float32))
        >>> cells.means().tolist(), cells.mean(Window(0, 2, 2, 2)).tolist()
        ([[[2.0, 2.0]]], [2.0])
    """

    def __init__(self, planes: int, size: Size, cells: int) -> None:
        scale = min(1.0, (cells / (size[0] * size[1])) ** 0.5)
        self.size, self.shape = size, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        self._sums = np.zeros((planes, *self.shape), np.float64)
        self._counts = np.zeros(self.shape, np.float64)

    def add(
        self, window: Window, values: Iterable[NDArray[np.float32]], valid: NDArray[np.bool_] | None = None
    ) -> None:
        """Adds the values of a window.

        Args:
            window: The window.
            values: K planes `[h, w]`, spread evenly over it, at its own size or a lower one.
            valid: Which of them count, bool `[h, w]`; None if all do.
        """
        planes = zip(self._sums, values, strict=True)
        for i, (sums, plane) in enumerate(planes):
            if i == 0:
                rows, first_rows = self._cells(0, window, plane.shape[0])
                columns, first_columns = self._cells(1, window, plane.shape[1])
                place = np.ix_(rows, columns)
                counted = np.ones(plane.shape, np.float32) if valid is None else valid.astype(np.float32)
                self._counts[place] += _add_up(counted, first_rows, first_columns)
            sums[place] += _add_up(plane if valid is None else plane * counted, first_rows, first_columns)

    def means(self) -> NDArray[np.float64]:
        """Returns the mean of each cell, `[K, rows, columns]`; NaN without a valid pixel."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._sums / self._counts)

    def mean(self, part: Window) -> NDArray[np.float64]:
        """Returns the means over the cells of a part of the image, `[K]`; NaN without a valid pixel."""
        chosen = []
        for begin, length, side, cells in zip(part[:2], part[2:], self.size, self.shape, strict=True):
            first = min(int(begin * cells / side), cells - 1)
            chosen.append(slice(first, max(first + 1, round((begin + length) * cells / side))))
        count = self._counts[*chosen].sum()
        sums = self._sums[:, *chosen].sum((1, 2))
        return np.asarray(sums / count if count else np.full(len(sums), np.nan))

    def _cells(self, side: int, window: Window, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns the cells that values along a side of a window lie in, and the first value of each."""
        centers = window[side] + (np.arange(length) + 0.5) * window[side + 2] / length
        cells = np.minimum((centers * self.shape[side] / self.size[side]).astype(np.int64), self.shape[side] - 1)
        found, first = np.unique(cells, return_index=True)
        return found, first.astype(np.int64)


def _add_up(plane: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the sums of a plane from each of `rows` and `columns` to the next one."""
    down = np.add.reduceat(plane, rows, axis=0, dtype=np.float64)
    return np.asarray(np.add.reduceat(down, columns, axis=1), np.float64)
