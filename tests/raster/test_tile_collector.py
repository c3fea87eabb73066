"""Tiles joined to a mask."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.raster import TileCollector
from segdrone.windows import grid
from tests.helpers.image_files import random_ids

SIZE = (37, 53)


def tiles(mask: NDArray[np.uint8], seed: int | None = None) -> list[tuple[int, int, NDArray[np.uint8]]]:
    """Tiles that cover a mask once, of uneven sizes, in the order of a seed."""
    tops, lefts = (0, 10, 11, 30), (0, 7, 40)
    cut = [
        (top, left, mask[top:bottom, left:right])
        for top, bottom in zip(tops, (*tops[1:], mask.shape[0]), strict=True)
        for left, right in zip(lefts, (*lefts[1:], mask.shape[1]), strict=True)
    ]
    if seed is not None:
        np.random.default_rng(seed).shuffle(cut)
    return cut


def collect(parts: list[tuple[int, int, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    collector = TileCollector(SIZE)
    for part in parts:
        collector.write(*part)
    return collector.result()


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_tiles_in_any_order_give_the_same_mask(seed: int | None) -> None:
    mask = random_ids(*SIZE)
    np.testing.assert_array_equal(collect(tiles(mask, seed)), mask)


def test_missing_tiles_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"do not cover a mask of 37 x 53 pixels once: 91 pixels are missing"):
        collect(tiles(random_ids(*SIZE))[:-1])


def test_tiles_written_twice_are_an_error() -> None:
    parts = tiles(random_ids(*SIZE))
    with pytest.raises(ValueError, match="70 pixels are written twice"):
        collect([*parts, parts[0]])


@pytest.mark.parametrize(
    ("top", "left", "shape"), [(0, 0, (38, 53)), (-1, 0, (5, 5)), (33, 0, (5, 5)), (0, 49, (5, 5)), (0, -2, (1, 1))]
)
def test_a_tile_outside_the_mask_is_an_error(top: int, left: int, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="is not inside a mask of 37 x 53 pixels"):
        TileCollector(SIZE).write(top, left, np.zeros(shape, np.uint8))


@pytest.mark.parametrize("tile", [np.zeros((5, 5), np.int64), np.zeros((5, 5, 1), np.uint8)])
def test_a_tile_of_another_type_is_an_error(tile: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"is not uint8 \[h, w\]"):
        TileCollector(SIZE).write(0, 0, tile)


def test_the_windows_of_a_grid_are_joined() -> None:
    mask = random_ids(64, 96)
    collector = TileCollector((64, 96))
    for window in grid((64, 96), (16, 32), (16, 32)):
        collector.write(window.top, window.left, mask[window.rows, window.columns])
    np.testing.assert_array_equal(collector.result(), mask)
