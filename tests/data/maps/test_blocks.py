"""Blocks of ground, and tiles that each lie in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.data.maps.blocks import default_block, tiles_of
from segdrone.data.maps.labels import fill_points
from segdrone.data.maps.polygons import Grid
from segdrone.errors import DataError
from segdrone.raster.crs import transform_between
from segdrone.raster.georeference import Georeference
from tests.helpers.labeled_maps import PLACE
from tests.helpers.maps import UTM


@settings(max_examples=25, deadline=None)
@given(
    place=st.sampled_from([
        (UTM, PLACE),
        (UTM, (0.5, 0, 500_003.25, 0, -0.5, 5_200_001.25)),  # corners of blocks lie on centers of pixels
        (UTM, (0.4, 0.3, 500_003.1, 0.3, -0.4, 5_199_995.2)),
        ("EPSG:4326", (7e-6, 0, 15.00002, 0, -5e-6, 46.9528)),
        ("EPSG:32632", (0.6, 0, 956_650, 0, -0.6, 5_219_160)),
        ("EPSG:3857", (0.6, 0, 1_669_795, 0, -0.6, 5_933_000)),
    ]),
    side=st.sampled_from([20.0, 33.3, 47.0]),
    tile=st.integers(40, 70),
)  # fmt: skip
def test_every_pixel_is_in_one_tile_and_in_the_block_of_its_ground(
    place: tuple[str, Any], side: float, tile: int
) -> None:
    grid = Grid("a.tif", Georeference(*place), (90, 110))
    seen = np.zeros(grid.size, int)
    to_ground = transform_between(place[0], UTM)
    for found in tiles_of(grid, UTM, side, tile):
        window = found.window
        assert 0 < window.height <= tile
        assert 0 < window.width <= tile
        inside = fill_points(found.outline, window)
        seen[window.rows, window.columns] += inside
        rows, columns = np.nonzero(inside)
        pixels = np.stack([columns + window.left, rows + window.top], 1) + 0.5
        ground = to_ground(grid.place.coordinates(pixels)) / side
        off = np.abs(np.floor(ground) - found.block).max(initial=0)
        edge = np.abs(ground - np.round(ground)).min(1) < 1e-3 / side
        assert off == 0 or edge[(np.floor(ground) != found.block).any(1)].all()
    np.testing.assert_array_equal(seen, 1)


@pytest.mark.parametrize(
    "place",
    [
        ("EPSG:4326", (5e-6, 0, 180 - 110 * 5e-6, 0, -5e-6, -17.0)),
        ("EPSG:4326", (5e-6, 0, -180, 0, -5e-6, -17.0)),
        ("EPSG:3857", (0.6, 0, 20_037_508.34 - 66, 0, -0.6, -1_900_000)),
    ],
)
def test_blocks_across_the_antimeridian(place: tuple[str, Any]) -> None:
    grid = Grid("a.tif", Georeference(*place), (90, 110))
    seen = np.zeros(grid.size, int)
    for found in tiles_of(grid, "EPSG:32760", 20.0, 60):
        seen[found.window.rows, found.window.columns] += fill_points(found.outline, found.window)
    np.testing.assert_array_equal(seen, 1)


def test_tiles_of_a_block_are_about_equal() -> None:
    grid = Grid("a.tif", Georeference(UTM, PLACE), (200, 200))
    sizes = {found.window[2:] for found in tiles_of(grid, UTM, 50.0, 64)}
    assert sizes == {(50, 50)}


def test_a_block_is_no_smaller_than_a_tile() -> None:
    assert default_block(1024, 0.02) == 50
    assert default_block(1024, 0.3) == pytest.approx(0.98 * 1024 * 0.3, abs=0.01)


def test_too_many_blocks_are_refused() -> None:
    grid = Grid("a.tif", Georeference(UTM, PLACE), (100_000, 100_000))
    with pytest.raises(DataError, match="would have more than 2000000 blocks"):
        next(tiles_of(grid, UTM, 1.0, 64))
