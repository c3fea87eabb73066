"""Masks as Cloud Optimized GeoTIFFs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from segdrone.classes import DRONE
from segdrone.errors import DataError
from segdrone.geo.cog import write_cog
from segdrone.raster.georeference import Georeference
from tests.helpers.maps import TRANSFORM, UTM

PLACE = Georeference(rasterio.CRS.from_string(UTM).to_wkt(version="WKT2_2019"), TRANSFORM)


def written(folder: Path, values: np.ndarray, place: Georeference | None = PLACE, **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    values.tofile(folder / "classes.raw")
    path = folder / "mask.tif"
    options = {"nodata": 255, "resampling": "mode", "palette": DRONE.palette, "names": DRONE.names, **options}
    write_cog(folder / "classes.raw", values.shape, place, path, **options)
    return path


def mask(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, len(DRONE), (height // 4 + 1, width // 4 + 1)).astype(np.uint8)
    values = coarse.repeat(4, 0).repeat(4, 1)[:height, :width].copy()
    values[: height // 3, : width // 2] = 255
    return values


def test_a_mask_lies_where_its_map_does_with_names_and_colors(tmp_path: Path) -> None:
    values = mask(1200, 800)
    with rasterio.open(written(tmp_path, values)) as file:
        np.testing.assert_array_equal(file.read(1), values)
        assert tuple(file.transform)[:6] == TRANSFORM
        assert (file.crs.to_epsg(), file.nodata, file.colorinterp[0].name) == (32633, 255, "palette")
        assert [file.colormap(1)[i][:3] for i in range(len(DRONE))] == [*map(tuple, DRONE.colours)]
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2, 4]
        half = file.read(1, out_shape=(600, 400))
        np.testing.assert_array_equal(half[::2, ::2], values[::4, ::4])  # cells of 4 x 4 have one class
    names = (tmp_path / "mask.tif.aux.xml").read_text()
    assert [name for name in DRONE.names if f"<Category>{name}</Category>" not in names] == []


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    values = mask(700, 600)
    first, second = written(tmp_path / "a", values), written(tmp_path / "b", values)
    assert first.read_bytes() == second.read_bytes()


def test_a_map_without_a_place_gives_a_mask_without_one(tmp_path: Path) -> None:
    with rasterio.open(written(tmp_path / "a", mask(9, 8), None)) as file:
        assert file.crs is None and file.transform.is_identity
    with rasterio.open(written(tmp_path / "b", mask(9, 8), Georeference("", TRANSFORM))) as file:
        assert file.crs is None and tuple(file.transform)[:6] == TRANSFORM


def test_what_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    mask(9, 8).tofile(tmp_path / "classes.raw")
    with pytest.raises(DataError, match=r"missing/mask\.tif cannot be written"):
        write_cog(
            tmp_path / "classes.raw", (9, 8), PLACE, tmp_path / "missing" / "mask.tif", nodata=0, resampling="mode"
        )
