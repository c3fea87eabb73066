"""Divide the ground into square blocks, and rasters into tiles that each lie in one block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segdrone.data.maps.places import inverse_transform, outline
from segdrone.data.maps.polygons import Grid
from segdrone.errors import DataError
from segdrone.raster.crs import Points, transform_between
from segdrone.raster.polygons import extent_of
from segdrone.raster.turns import to_turn, turn_of
from segdrone.windows import Window, divide

Block = tuple[int, int]
"""Number of a block from west to east, and from south to north."""

DEFAULT_BLOCK = 50.0
"""Meters of a block's side, unless a tile is larger."""

_MAX_BLOCKS = 2_000_000  # that a raster may meet
_FILL = 0.98  # of a tile that a block fills by default: a block has a pixel more or less from place to place
_STEPS = 8  # parts of a block's side, whose image in the pixels of a raster may be a curve


class Tile(NamedTuple):
    """A part of a raster.

    Attributes:
        window: Its pixels.
        block: The block of ground that it belongs to.
        outline: The border of that block in pixels of the raster, float64 `[N, 2]`: the window may reach beyond it.
    """

    window: Window
    block: Block
    outline: Points


def default_block(tile: int, gsd: float) -> float:
    """Returns the meters of a block's side: 50, or the side of a tile if that is larger.

    Args:
        tile: Pixels of a tile's side.
        gsd: Meters per pixel of the coarsest raster.
    """
    return max(DEFAULT_BLOCK, round(_FILL * tile * gsd, 2))


def tiles_of(grid: Grid, crs: str, side: float, tile: int) -> Iterator[Tile]:
    """Yields the tiles of a raster, block by block. A block that is larger than a tile becomes several equal ones.

    Args:
        grid: The raster.
        crs: The system in which blocks are squares, with meters as units, the same for all rasters.
        side: Meters of a block's side.
        tile: Largest height and width of a tile in pixels.

    Raises:
        DataError: The raster has no place in that system, or meets too many blocks.
    """
    extent = extent_of(transform_between(grid.place.crs, crs)(grid.place.coordinates(outline(grid.size))))
    if extent is None:
        raise DataError(f"{grid.path} is too far from the first raster to share its blocks: cut it on its own")
    west, south, east, north = (math.floor(value / side) for value in extent)
    if (east - west + 1) * (north - south + 1) > _MAX_BLOCKS:
        raise DataError(f"{grid.path} would have more than {_MAX_BLOCKS} blocks: give a larger data.block_m")
    to_raster, to_pixels = transform_between(crs, grid.place.crs), inverse_transform(grid.place)
    turn, middle = turn_of(grid.place.crs), grid.place.coordinates(np.array([[grid.size[1], grid.size[0]]]) / 2)[0, 0]
    for y in range(north, south - 1, -1):
        for x in range(west, east + 1):
            points = to_raster(_border(x, y, side))
            border = to_pixels(points if turn is None else to_turn(points, turn, middle))
            window = _window(border, grid)
            if window is not None:
                yield from (Tile(part, (x, y), border) for part in _parts(window, tile))


def _border(x: int, y: int, side: float) -> Points:
    """Returns points along the border of a block; two blocks have the same numbers along the side that they share."""
    across = side * (x + np.arange(_STEPS + 1) / _STEPS)
    up = side * (y + np.arange(_STEPS + 1) / _STEPS)
    below, above = (np.stack([across, np.full_like(across, value)], 1) for value in (up[0], up[-1]))
    left, right = (np.stack([np.full_like(up, value), up], 1) for value in (across[0], across[-1]))
    return np.concatenate([below[:-1], right[:-1], above[:0:-1], left[:0:-1]])


def _window(border: Points, grid: Grid) -> Window | None:
    """Returns the pixels whose centers are within or on the extent of a border; None if the raster has none of them."""
    extent = extent_of(border)
    if extent is None:
        return None
    left, top = (math.ceil(value - 0.5) for value in extent[:2])
    right, bottom = (math.floor(value + 0.5) for value in extent[2:])
    height, width = grid.size
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    return Window(top, left, bottom - top, right - left) if top < bottom and left < right else None


def _parts(window: Window, tile: int) -> Iterator[Window]:
    for part in divide((window.height, window.width), (tile, tile)):
        yield part._replace(top=window.top + part.top, left=window.left + part.left)
