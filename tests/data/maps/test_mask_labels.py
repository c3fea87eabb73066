"""Masks on other grids as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.data.maps.mask_labels import MaskLabels, is_raster_file, open_mask, tell_nodata
from segdrone.data.maps.places import inverse_transform
from segdrone.data.maps.polygons import Grid
from segdrone.errors import DataError
from segdrone.raster.crs import transform_between
from segdrone.raster.georeference import Georeference
from segdrone.windows import Window
from tests.helpers.labeled_maps import PLACE, write_layer
from tests.helpers.maps import UTM, write_map

GRID = Grid("a.tif", Georeference(UTM, PLACE), (100, 130))
IDS = {value: value for value in range(5)}


def ids(height: int, width: int) -> NDArray[np.uint8]:
    """Returns squares of 6 pixels."""
    coarse = np.random.default_rng(0).integers(0, 5, (1, height // 6 + 1, width // 6 + 1), np.uint8)
    return coarse.repeat(6, 1).repeat(6, 2)[:, :height, :width]


def test_the_same_grid_is_the_mask_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mask = ids(100, 130)
    with caplog.at_level("INFO"):
        labels = MaskLabels(write_map(tmp_path / "m.tif", mask, transform=PLACE), GRID, IDS)
    assert "resampled" not in caplog.text
    drawn, several = labels.draw(Window(7, 9, 40, 50))
    np.testing.assert_array_equal(drawn, mask[0, 7:47, 9:59])
    assert not several.any()


@pytest.mark.parametrize(
    ("crs", "linear"),
    [
        (UTM, (0.7, 0, 0, -0.7)),
        (UTM, (0.5, 0.2, 0.2, -0.5)),  # turned
        ("EPSG:4326", (7e-6, 0, 0, -5e-6)),
        ("EPSG:32632", (0.6, 0, 0, -0.6)),
    ],
)
def test_another_grid_gives_the_nearest_pixel(tmp_path: Path, crs: str, linear: tuple[float, ...]) -> None:
    mask = ids(60, 60)
    a, b, d, e = linear
    [[x, y]] = transform_between(UTM, crs)(np.array([[500_003.1, 5_199_995.2]])).tolist()
    place: Any = (a, b, x, d, e, y)
    grid = Grid("a.tif", Georeference(UTM, PLACE), (100, 130))
    labels = MaskLabels(write_map(tmp_path / "m.tif", mask, crs, place), grid, IDS)
    window = Window(0, 0, 100, 130)
    drawn, _ = labels.draw(window)
    rows, columns = np.mgrid[:100, :130] + 0.5
    points = grid.place.coordinates(np.stack([columns.ravel(), rows.ravel()], 1))
    found = inverse_transform(Georeference(crs, place))(transform_between(UTM, crs)(points))
    column, row = np.floor(found.T).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < 60) & (row < 60)
    expected = np.full(len(row), 255)
    expected[inside] = mask[0, row[inside], column[inside]]
    assert 0.1 < inside.mean() < 1
    assert (drawn.ravel() == expected).mean() > 0.985  # GDAL is off by up to 1/8 pixel
    assert labels.meets(window)
    assert not labels.meets(Window(5000, 5000, 9, 9))


def test_nodata_unknown_and_damaged_pixels_have_no_label(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mask = np.ones((1, 100, 130), np.int16)
    mask[0, :10], mask[0, 10, :3], mask[0, 20] = 4, -7, 3
    path = write_map(tmp_path / "m.tif", mask, transform=PLACE, nodata=4)
    labels = MaskLabels(path, GRID, {1: 1, 3: 254})
    drawn, _ = labels.draw(Window(0, 0, 100, 130))
    assert dict(labels.unknown) == {-7: 3}
    assert (drawn[:10] == 255).all() and (drawn[10, :3] == 255).all() and (drawn[20] == 254).all()
    assert (drawn == 1).sum() == 89 * 130 - 3
    tell_nodata(path, open_mask(path), {4: "roof"})
    assert "has the nodata value 4, which the class table calls roof" in caplog.text


def test_what_cannot_be_decoded_has_no_label(tmp_path: Path) -> None:
    mask, grid = ids(300, 700), Grid("a.tif", GRID.place, (300, 700))
    broken = write_map(tmp_path / "m.tif", mask, transform=PLACE, compress="deflate")
    content = broken.read_bytes()
    broken.write_bytes(content[:-40] + b"\xff" * 40)
    labels = MaskLabels(broken, grid, IDS)
    drawn, _ = labels.draw(Window(0, 0, 300, 700))
    lost = drawn == 255
    assert labels.damaged
    assert lost[-1, -1]
    assert 0 < lost.mean() < 0.3
    np.testing.assert_array_equal(drawn[~lost], mask[0][~lost])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"crs": None}, "does not say where it lies: give it a coordinate system"),
        ({"transform": None}, "does not say where it lies"),
        ({"bands": np.zeros((3, 9, 9), np.uint8)}, "has 3 bands of uint8: a mask has one band of ids"),
        ({"bands": np.zeros((1, 9, 9), np.float32)}, "has 1 band of float32"),
    ],
)
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_other_rasters_are_refused(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    given = {"bands": np.zeros((1, 9, 9), np.uint8), "transform": PLACE, **change}
    path = write_map(tmp_path / "m.tif", **given)
    assert is_raster_file(path)
    with pytest.raises(DataError, match=expected):
        open_mask(path)


def test_a_layer_is_no_raster(tmp_path: Path) -> None:
    assert not is_raster_file(tmp_path / "missing.tif")
    (tmp_path / "m.tif").write_bytes(b"II*\0" + bytes(30))
    with pytest.raises(DataError, match="cannot be opened as a mask"):
        open_mask(tmp_path / "m.tif")
    import shapely

    assert not is_raster_file(write_layer(tmp_path / "a.gpkg", [shapely.box(0, 0, 1, 1)], ["a"]))
