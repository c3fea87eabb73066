"""Layers of a predicted map."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from segdrone.errors import ConfigError
from segdrone.geo.inputs import MapInput
from segdrone.geo.layers import LayerOptions
from segdrone.geo.predict_maps import predict_maps
from segdrone.inference import Predictor
from tests.helpers.image_files import gradient_image
from tests.helpers.local_network import CLASSES, TABLE, local_backend
from tests.helpers.maps import TRANSFORM, UTM, write_map

SIZE = (90, 110)


@pytest.fixture
def ortho(tmp_path: Path) -> Path:
    alpha = np.full((1, *SIZE), 255, np.uint8)
    alpha[0, :30, :40] = 0
    bands = np.concatenate([gradient_image(*SIZE).transpose(2, 0, 1), alpha])
    return write_map(tmp_path / "ortho.tif", bands, colors="red green blue alpha")


def predict(path: Path, out: Path, redo: bool = False, overlap: float = 0.25, **options: Any) -> Path:
    predictor = Predictor(local_backend(2, sampling="tiles"), scale=1, window=(48, 48), overlap=overlap)
    summary = predict_maps(
        predictor, [MapInput(str(path), path.stem)], out, layers=LayerOptions(**options), redo=redo, progress=False
    )
    assert summary.failed == {}
    return out / "maps"


def read_mask(folder: Path) -> np.ndarray:
    with rasterio.open(folder / "ortho_mask.tif") as file:
        return np.asarray(file.read(1))


def read_polygons(path: Path, layer: str | None = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=layer)
    return shapely.from_wkb(shapes), dict(zip(meta["fields"], columns, strict=True))


def test_polygons_are_the_mask_and_areas_are_those_of_polygons(tmp_path: Path, ortho: Path) -> None:
    folder = predict(ortho, tmp_path / "out", polygons="gpkg")
    mask = read_mask(folder)
    shapes, fields = read_polygons(folder / "ortho_polygons.gpkg", "regions")
    drawn = rasterize(
        zip(shapes, fields["class_id"], strict=True),
        SIZE,
        fill=255,
        transform=rasterio.Affine(*TRANSFORM),
        dtype="uint8",
    )
    np.testing.assert_array_equal(drawn, mask)
    assert fields["pixels"].sum() == (mask != 255).sum()
    rows = [row for row in csv.DictReader((folder / "ortho_areas.csv").open()) if not row["zone"]]
    geod = pyproj.Geod(ellps="WGS84")
    to_degrees = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True)
    for row in rows[:CLASSES]:
        own = fields["class"] == row["class"]
        assert int(row["pixels"]) == (mask == int(row["class_id"])).sum()
        assert int(row["regions"]) == own.sum()
        assert float(row["area_m2"]) == pytest.approx(fields["area_m2"][own].sum(), rel=1e-6, abs=1e-4)
        degrees = shapely.transform(shapes[own], lambda xy: np.stack(to_degrees.transform(*xy.T), axis=1))
        geodesic = sum(abs(geod.geometry_area_perimeter(shape)[0]) for shape in degrees)
        assert float(row["area_m2"]) == pytest.approx(geodesic, rel=1e-5, abs=1e-4)
    assert int(rows[-1]["pixels"]) == 1200 and rows[-1]["class"] == "no data"


def test_simplified_polygons_leave_no_gap(tmp_path: Path, ortho: Path) -> None:
    folder = predict(ortho, tmp_path / "out", polygons=str(tmp_path / "own.fgb"), simplify=0.2)
    exact, _ = read_polygons(predict(ortho, tmp_path / "exact", polygons="fgb") / "ortho_polygons.fgb")
    shapes, _ = read_polygons(tmp_path / "own.fgb")
    assert shapely.get_num_coordinates(shapes).sum() < shapely.get_num_coordinates(exact).sum()
    union = shapely.union_all(shapes)
    assert shapely.area(shapes).sum() == pytest.approx(union.area, rel=1e-9)
    assert shapely.coverage_is_valid(shapes)
    assert (folder / "ortho_mask.qml").is_file() and (tmp_path / "own.qml").is_file()


def test_layers_depend_on_all_files_of_the_zones_and_on_the_layer(tmp_path: Path) -> None:
    path, square = tmp_path / "a.shp", shapely.to_wkb(np.array([shapely.box(0, 0, 1, 1)], object))

    def describe(name: str, given: str = "") -> Any:
        pyogrio.raw.write(path, square, [np.array([name], object)], ["name"], geometry_type="Polygon", crs=UTM)
        return LayerOptions(zones=f"{path}{given}").describe()

    assert describe("north") == describe("north") != describe("south")
    assert describe("north", "|layername=a") != describe("north")


def test_zones_of_another_system_have_their_areas(tmp_path: Path, ortho: Path) -> None:
    x, y = TRANSFORM[2], TRANSFORM[5]
    squares = [shapely.box(x, y - 2, x + 3, y), shapely.box(x + 2.5, y - 4, x + 5, y - 2)]
    to_degrees = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True)
    degrees = shapely.transform(np.array(squares), lambda xy: np.stack(to_degrees.transform(*xy.T), axis=1))
    zones = tmp_path / "parcels.geojson"
    pyogrio.raw.write(
        zones, shapely.to_wkb(degrees), [np.array(["north", "south"], object)], ["name"], geometry_type="Polygon",
        crs="EPSG:4326", driver="GeoJSON",
    )  # fmt: skip
    folder = predict(ortho, tmp_path / "out", zones=str(zones))
    mask = read_mask(folder)
    content = json.loads((folder / "ortho_areas.json").read_text())
    assert [zone["zone"] for zone in content["zones"]] == ["north", "south"]
    for zone, part in zip(content["zones"], (mask[:40, :60], mask[40:80, 50:100]), strict=True):
        pixels = {row["class"]: row["pixels"] for row in zone["classes"]}
        assert pixels == {name: int((part == i).sum()) for i, name in enumerate(TABLE.names)}
        assert zone["no_data"]["pixels"] == (part == 255).sum()


def test_layers_follow_the_mask_without_predicting_again(tmp_path: Path, ortho: Path) -> None:
    out = tmp_path / "out"
    folder = predict(ortho, out)
    first = (folder / "ortho_mask.tif").stat().st_mtime_ns
    assert not (folder / "ortho_polygons.geojson").exists()
    predict(ortho, out, polygons="geojson")
    assert (folder / "ortho_mask.tif").stat().st_mtime_ns == first
    document = json.loads((folder / "ortho_polygons.geojson").read_text())
    lon, lat = document["features"][0]["geometry"]["coordinates"][0][0]
    assert (round(lon, 2), round(lat, 2)) == (15.0, 46.95)


def test_no_layer_of_a_former_mask_stays_beside_a_new_one(tmp_path: Path, ortho: Path) -> None:
    out, own = tmp_path / "out", tmp_path / "own.fgb"
    predict(ortho, out, polygons=str(own))
    predict(ortho, out, polygons="gpkg")
    folder = predict(ortho, out, polygons="geojson")
    predict(ortho, out, redo=True)  # the same mask
    polygons = {"ortho_polygons.geojson", "ortho_polygons.gpkg", "ortho_polygons.qml"}
    assert {file.name for file in folder.glob("*_polygons*")} == polygons
    predict(ortho, out, redo=True, overlap=0.5)
    assert not [*folder.glob("*_polygons*")]
    assert own.exists()
    assert (folder / "ortho_areas.csv").exists()


def test_a_map_without_a_place_has_pixels_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_map(tmp_path / "ortho.tif", gradient_image(*SIZE).transpose(2, 0, 1), None, None)
    folder = predict(path, tmp_path / "out", polygons="gpkg")
    assert "does not say where it lies" in caplog.text
    rows = [*csv.DictReader((folder / "ortho_areas.csv").open())]
    assert {row["area_m2"] for row in rows} == {""}
    shapes, fields = read_polygons(folder / "ortho_polygons.gpkg", "regions")
    assert shapely.area(shapes) == pytest.approx(fields["pixels"])


def test_what_cannot_be_made_is_said_before_the_mask_is_predicted(tmp_path: Path, ortho: Path) -> None:
    predictor = Predictor(local_backend(2, sampling="tiles"), scale=1, window=(48, 48))
    placeless = write_map(tmp_path / "flat.tif", gradient_image(*SIZE).transpose(2, 0, 1), None, None)

    def failure(path: Path, **options: Any) -> str:
        layers, out = LayerOptions(**options), tmp_path / "out"
        failed = predict_maps(predictor, [MapInput(str(path), "b")], out, layers=layers, progress=False).failed
        assert not [*(out / "maps").glob("*")]
        return failed[str(path)]

    assert "leave out --simplify" in failure(placeless, polygons="gpkg", simplify=0.5)
    zones = tmp_path / "elsewhere.geojson"
    pyogrio.raw.write(
        zones, shapely.to_wkb(np.array([shapely.box(3, 4, 5, 6)])), [], [], geometry_type="Polygon", crs="EPSG:4326",
        driver="GeoJSON",
    )  # fmt: skip
    assert "meets the raster" in failure(ortho, zones=str(zones))
    maps = [MapInput(str(ortho), name) for name in "ab"]
    for polygons, message in (("p.shp", "suffix of .gpkg"), ("p.gpkg", "one file for 2 maps: give --polygons gpkg")):
        with pytest.raises(ConfigError, match=message):
            predict_maps(predictor, maps, tmp_path / "out", layers=LayerOptions(polygons=polygons), progress=False)


def test_no_file_of_somebody_else_is_replaced(tmp_path: Path, ortho: Path) -> None:
    mine = tmp_path / "parcels.gpkg"
    mine.write_bytes(b"years of work")
    with pytest.raises(ConfigError, match=r"parcels\.gpkg exists, and is not of this map.*--redo"):
        predict(ortho, tmp_path / "out", polygons=str(mine))
    with pytest.raises(ConfigError, match="would replace the zones"):
        predict(ortho, tmp_path / "out", polygons=str(mine), zones=str(mine))
    for beside in ("ortho_polygons.gpkg", "ortho_polygons_objects_1.gpkg"):
        zones = tmp_path / "out" / "maps" / beside
        with pytest.raises(ConfigError, match="would replace the zones"):
            predict(ortho, tmp_path / "out", polygons="gpkg", zones=str(zones))
    assert mine.read_bytes() == b"years of work"
    assert not [*(tmp_path / "out" / "maps").glob("ortho*")]
    own = tmp_path / "own.gpkg"
    predict(ortho, tmp_path / "out", polygons=str(own))
    first = own.read_bytes()
    predict(ortho, tmp_path / "out", polygons=str(own), simplify=0.2)  # its own file is replaced
    assert own.read_bytes() != first
