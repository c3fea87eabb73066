"""Write masks tile by tile, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.encode import write_gray_png
from segdrone.windows import Size


class MaskWriter(Protocol):
    """Writes a mask file from tiles, inside a `with` statement.

        with PngMaskWriter(path, (height, width)) as writer:
            for tile in tiles:
                writer.write(tile.top, tile.left, tile.classes)

    The file appears at the end of the statement. If its body fails or is killed, a former file stays as it was.
    Tiles cover every pixel once. They should come strip by strip, from top to bottom: a writer may need this to keep
    its memory small.

    Attributes:
        suffix: Suffix of the files it writes, e.g. `.png`.
    """

    suffix: ClassVar[str]

    def write(self, top: int, left: int, classes: NDArray[np.uint8]) -> None:
        """Adds a finished tile.

        Args:
            top: Its first row.
            left: Its first column.
            classes: Class ids, uint8 `[h, w]`.

        Raises:
            ValueError: The tile is not inside the mask, or is not uint8 `[h, w]`.
            OSError: The file cannot be written.
        """

    @staticmethod
    def is_complete(path: Path) -> bool:
        """Whether `path` exists and a writer has finished it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the file, or discards what has been written if the body failed.

        Raises:
            ValueError: Tiles are missing.
            OSError: The file cannot be written.
        """


class TileCollector:
    """Joins tiles to one array, for steps that need the whole mask, e.g. clean-up.

    Args:
        size: Height and width in pixels.

    Example:
        >>> collector = TileCollector((2, 4))
        >>> collector.write(0, 2, np.full((2, 2), 1, np.uint8))
        >>> collector.write(0, 0, np.full((2, 2), 5, np.uint8))
        >>> collector.result().tolist()
        [[5, 5, 1, 1], [5, 5, 1, 1]]
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self._values = np.zeros(size, np.uint8)
        self._missing = size[0] * size[1]

    def write(self, top: int, left: int, tile: NDArray[np.uint8]) -> None:
        """Adds a tile, uint8 `[h, w]`, whose first row and column are `top` and `left`.

        Raises:
            ValueError: The tile is not inside the array, or is not uint8 `[h, w]`.
        """
        if tile.dtype != np.uint8 or tile.ndim != 2:
            raise ValueError(f"a tile of {tile.dtype} {list(tile.shape)} is not uint8 [h, w]")
        bottom, right = top + tile.shape[0], left + tile.shape[1]
        if min(top, left) < 0 or bottom > self.size[0] or right > self.size[1]:
            raise ValueError(
                f"a tile of rows {top} to {bottom} and columns {left} to {right} is not inside a mask of "
                f"{self.size[0]} x {self.size[1]} pixels"
            )
        self._values[top:bottom, left:right] = tile
        self._missing -= tile.size

    def result(self) -> NDArray[np.uint8]:
        """Returns the joined array, uint8 `[H, W]`.

        Raises:
            ValueError: The tiles do not cover every pixel once.
        """
        if self._missing:
            raise ValueError(
                f"the tiles do not cover a mask of {self.size[0]} x {self.size[1]} pixels once: {abs(self._missing)} "
                f"pixels are {'missing' if self._missing > 0 else 'written twice'}"
            )
        return self._values


class PngMaskWriter:
    """A `MaskWriter` of 8-bit gray PNG files; it holds one byte per pixel until the end.

    Args:
        path: The file; its folder is created if needed.
        size: Height and width of the mask in pixels.
    """

    suffix: ClassVar[str] = ".png"

    def __init__(self, path: Path, size: Size) -> None:
        self.path = path
        self._tiles = TileCollector(size)

    def write(self, top: int, left: int, classes: NDArray[np.uint8]) -> None:
        """Adds a finished tile, uint8 `[h, w]`, whose first row and column are `top` and `left`.

        Raises:
            ValueError: The tile is not inside the mask, or is not uint8 `[h, w]`.
        """
        self._tiles.write(top, left, classes)

    @staticmethod
    def is_complete(path: Path) -> bool:
        """Whether `path` exists: files are written whole, so any file is complete."""
        return path.is_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the file, unless the body failed.

        Raises:
            ValueError: The tiles do not cover every pixel once.
            OSError: The file cannot be written.
        """
        if kind is None:
            write_gray_png(self._tiles.result(), self.path)
