"""Places of maps, kept from the file to its mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from segdrone.geo.cog import write_cog
from segdrone.raster import MapSource
from tests.helpers.maps import write_map

SYSTEMS = ("EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:2263", "EPSG:3035", "EPSG:31468", "EPSG:5514", "EPSG:2193")


@pytest.mark.parametrize("seed", range(50))
def test_corners_of_masks_lie_where_gdal_puts_those_of_their_maps(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 80, 2))
    crs = SYSTEMS[seed % len(SYSTEMS)]
    degrees = crs == "EPSG:4326"
    across, down = rng.uniform(0.01, 2, 2) * (1e-5 if degrees else 1)
    x, y = rng.uniform(-80, 80, 2) if degrees else rng.uniform(1e5, 9e5, 2)
    angle = rng.uniform(0, 2 * np.pi) if seed % 3 == 0 else 0.0
    up = 1 if seed % 5 == 0 else -1  # south-up
    cos, sin = np.cos(angle), np.sin(angle)
    transform = (across * cos, -down * up * sin, x, across * sin, down * up * cos, y)
    path = write_map(tmp_path / "a.tif", rng.integers(0, 256, (3, height, width), np.uint8), crs, transform)
    if seed % 4 == 0:
        with rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT="Point")  # the raster keeps its corners in GDAL's terms
    source = MapSource(path)
    place = source.georeference
    assert place is not None
    np.zeros((height, width), np.uint8).tofile(tmp_path / "classes.raw")
    write_cog(tmp_path / "classes.raw", source.size, place, tmp_path / "mask.tif", nodata=255, resampling="mode")
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height], [width / 2, height / 2]])
    with rasterio.open(path) as given, rasterio.open(tmp_path / "mask.tif") as mask:
        expected = np.array([given.transform @ tuple(corner) for corner in corners])
        written = np.array([mask.transform @ tuple(corner) for corner in corners])
        assert given.crs == mask.crs
    pixel = min(across, down)
    assert np.abs(place.coordinates(corners) - expected).max() < pixel / 10
    assert np.abs(written - expected).max() < pixel / 10
