"""Files of layers on a disk that is full."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyproj
import pytest

from segdrone.errors import DataError
from segdrone.geo.trace import RegionTracer
from segdrone.geo.vector_formats import append_features, convert_layer

CRS = pyproj.CRS("EPSG:32633")
MASK = np.random.default_rng(0).integers(0, 3, (40, 50), np.uint8)
MESSAGE = r"map\.\w+ cannot be written \(.*\): check the free disk space and the permissions"


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Lets no file of this process grow beyond a number of bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def fill(database: Path) -> None:
    """Writes the regions of a mask."""
    batch = RegionTracer(MASK.shape).add(MASK)
    append_features(database, "regions", batch.to_shapely(), {"pixels": batch.pixels}, CRS)


@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".parquet"])
@pytest.mark.parametrize("missing", [2, 30, 5000])
def test_a_file_whose_end_does_not_fit_is_an_error(tmp_path: Path, suffix: str, missing: int) -> None:
    """GDAL says nothing if its last buffer is not written."""
    database, path = tmp_path / "layers.gpkg", tmp_path / f"map{suffix}"
    fill(database)
    convert_layer(database, "regions", path, CRS, None, "")
    size = path.stat().st_size
    with limited(size):
        convert_layer(database, "regions", path, CRS, None, "")
    path.write_text("former")
    with limited(size - missing), pytest.raises(DataError, match=MESSAGE):
        convert_layer(database, "regions", path, CRS, None, "")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["layers.gpkg", path.name]
    assert path.read_text() == "former"


def test_a_geopackage_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    with limited(100_000), pytest.raises(DataError, match=MESSAGE):
        fill(tmp_path / "map.gpkg")
