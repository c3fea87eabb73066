"""Name the tiles of photographs, so that their place and their photograph are known again when a tool returns them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from segdrone.windows import Size, Window, part_starts

_DIGITS = 8  # of the digest, in hex
_NUMBER = r"0|[1-9][0-9]{0,6}"
_TILE = re.compile(
    rf"__tile_x(?P<left>{_NUMBER})_y(?P<top>{_NUMBER})_of_(?P<columns>[1-9][0-9]{{0,3}})x(?P<rows>[1-9][0-9]{{0,3}})"
    rf"_(?P<digest>[0-9a-f]{{{_DIGITS}}})"
)


class TilePlace(NamedTuple):
    """Which part of which photograph a tile is.

    The sides of a photograph are divided into parts of equal length, or of one pixel more, without overlap.

    Attributes:
        left: First column, in pixels of the photograph as displayed.
        top: First row.
        columns: Number of tiles beside each other.
        rows: Number of tiles one above the other.
        digest: First eight digits of the SHA-256 of the photograph's file.
    """

    left: int
    top: int
    columns: int
    rows: int
    digest: str

    def name(self, photograph: str) -> str:
        """Returns the tile's name, given the path of its photograph, both without suffix.

        Example:
            >>> TilePlace(2048, 0, 3, 2, "3f9a1c2b").name("flight1/DJI_0001")
            'flight1/DJI_0001__tile_x2048_y0_of_3x2_3f9a1c2b'
        """
        return f"{photograph}__tile_x{self.left}_y{self.top}_of_{self.columns}x{self.rows}_{self.digest}"

    def window(self, size: Size) -> Window | None:
        """Returns the pixels of the tile in a photograph of `size`; None if such a photograph has no such tile."""
        if self.rows > size[0] or self.columns > size[1]:
            return None
        tops, lefts = self.starts(size)
        if self.top not in tops or self.left not in lefts:
            return None
        tops, lefts = [*tops, size[0]], [*lefts, size[1]]
        bottom, right = tops[tops.index(self.top) + 1], lefts[lefts.index(self.left) + 1]
        return Window(self.top, self.left, bottom - self.top, right - self.left)

    def all(self, size: Size) -> Iterator[TilePlace]:
        """Yields all tiles of a photograph of `size`, row by row."""
        tops, lefts = self.starts(size)
        for top in tops:
            yield from (self._replace(left=left, top=top) for left in lefts)

    def starts(self, size: Size) -> tuple[list[int], list[int]]:
        """Returns the first rows and the first columns of the tiles of a photograph of `size`."""
        return part_starts(size[0], self.rows), part_starts(size[1], self.columns)


def tile_places(size: Size, tile: Size, digest: str) -> list[TilePlace]:
    """Returns the tiles of a photograph, row by row: the windows of `divide`.

    Args:
        size: Height and width of the photograph as displayed.
        tile: Largest height and width of a tile.
        digest: SHA-256 of its file, in hex.

    Example:
        >>> [(place.left, place.top) for place in tile_places((4, 10), (4, 4), "3f9a1c2b")]
        [(0, 0), (3, 0), (6, 0)]
    """
    rows, columns = (-(-length // most) for length, most in zip(size, tile, strict=True))
    return [*TilePlace(0, 0, columns, rows, digest[:_DIGITS]).all(size)]


def parse_tile_name(name: str) -> tuple[str, TilePlace] | None:
    """Returns the photograph and the place of a tile, given its name or path without suffix; None for other names.

    Example:
        >>> parse_tile_name("flight1/DJI_0001__tile_x2048_y0_of_3x2_3f9a1c2b")
        ('flight1/DJI_0001', TilePlace(left=2048, top=0, columns=3, rows=2, digest='3f9a1c2b'))
    """
    match = next((found for found in _TILE.finditer(name) if found.end() == len(name)), None)
    if match is None or not name[: match.start()].rpartition("/")[2]:
        return None
    left, top, columns, rows = (int(match[key]) for key in ("left", "top", "columns", "rows"))
    return name[: match.start()], TilePlace(left, top, columns, rows, match["digest"])


def has_tile_name(name: str) -> bool:
    """Whether the name of a tile is a part of a name, as in those that a tool changed."""
    return _TILE.search(name) is not None
