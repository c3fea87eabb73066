"""Mosaics of masks, against the ground that was rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer

from segdrone.classes import DRONE
from segdrone.errors import ConfigError, DataError
from segdrone.geo import mosaic as module
from segdrone.geo.mosaic import Mosaic, make_mosaic, write_mosaic
from segdrone.geo.predicted_masks import read_predicted_masks
from segdrone.raster.georeference import Georeference
from tests.helpers.capture import save_with_exif
from tests.helpers.flight import GEOD, ORIGIN, Ground, Shot, write_flight

TILES = Ground(np.random.default_rng(0).integers(0, len(DRONE), (20, 20), np.uint8), 10.0)
SHOTS = [
    Shot(f"{number:02d}", east, north, 40 + number, yaw, pitch, roll)
    for number, (east, north, yaw, pitch, roll) in enumerate(
        [
            (-30, 20, 0, -90, 0),
            (0, 20, 90, -85, 3),
            (30, 20, 200, -78, 0),
            (-30, -20, -37, -90, 0),
            (10, -20, 5, -65, 0),
        ]
    )
]


def truth(mosaic: Mosaic) -> NDArray[np.uint8]:
    """Returns the ids of the ground at the centers of the pixels."""
    rows, columns = np.mgrid[: mosaic.mask.shape[0], : mosaic.mask.shape[1]] + 0.5
    places = mosaic.place.coordinates(np.stack([columns.ravel(), rows.ravel()], axis=1))
    longitudes, latitudes = Transformer.from_crs(mosaic.crs_name, 4326, always_xy=True).transform(*places.T)
    start = np.full(len(longitudes), ORIGIN[1]), np.full(len(longitudes), ORIGIN[0])
    azimuth, _, distance = GEOD.inv(*start, longitudes, latitudes)
    east, north = distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))
    return TILES.at(east, north).reshape(mosaic.mask.shape)


def test_masks_lie_where_the_ground_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photographs, predicted = write_flight(tmp_path, TILES, SHOTS, size=(160, 240))
    mosaic = make_mosaic(predicted, [photographs])
    doubt = "1 of the masks are placed in doubt, such as that of 04.jpg: oblique: 25 degrees from straight down"
    assert caplog.messages == [doubt]
    assert (mosaic.crs_name, mosaic.used, mosaic.left_out) == ("EPSG:32633", 5, {})
    seen = mosaic.mask != DRONE.ignore_index
    assert 0.4 < seen.mean() < 0.95
    right = (mosaic.mask == truth(mosaic))[seen].mean()
    assert right > 0.96  # borders of tiles take the rest: a shift by one pixel makes it 0.93
    for shift in (3, -3):
        assert (np.roll(mosaic.mask, shift, 1) == truth(mosaic))[seen].mean() < right - 0.04


def test_the_camera_that_is_nearest_counts(tmp_path: Path) -> None:
    shots = [Shot("left", -5, 0), Shot("right", 5, 0)]
    photographs, predicted = write_flight(tmp_path, TILES, shots)
    for name, value in (("left", 1), ("right", 2)):
        Image.fromarray(np.full((80, 120), value, np.uint8)).save(predicted / "masks" / f"{name}.png")
    mosaic = make_mosaic(predicted, [photographs])
    middle = mosaic.mask[mosaic.mask.shape[0] // 2]
    half = len(middle) // 2
    assert {*middle[: half - 1].tolist()} - {255} == {1}
    assert {*middle[half + 1 :].tolist()} - {255} == {2}


def test_pixels_without_data_hide_nothing(tmp_path: Path) -> None:
    photographs, predicted = write_flight(tmp_path, TILES, [Shot("a", 0, 0), Shot("b", 1, 0)])
    Image.fromarray(np.full((80, 120), 255, np.uint8)).save(predicted / "masks" / "b.png")
    Image.fromarray(np.full((80, 120), 7, np.uint8)).save(predicted / "masks" / "a.png")
    assert (make_mosaic(predicted, [photographs]).mask == 7).mean() > 0.9


def test_photographs_without_a_footprint_are_named(tmp_path: Path) -> None:
    shots = [
        Shot("down", 0, 0),
        Shot("ahead", 10, 0, pitch=-10),
        Shot("gone", 20, 0),
        Shot("other", 30, 0),
        Shot("cut", 0, 9),
    ]
    photographs, predicted = write_flight(tmp_path, TILES, shots)
    (photographs / "gone.jpg").unlink()
    save_with_exif(photographs / "other.jpg", ORIGIN)
    (predicted / "masks" / "cut.png").write_bytes(b"cut")
    mosaic = make_mosaic(predicted, [photographs])
    assert mosaic.used == 1
    assert {path: reason for path, reason in mosaic.left_out.items() if path != "cut.jpg"} == {
        "ahead.jpg": "oblique: 80 degrees from straight down; a corner looks above the horizon",
        "gone.jpg": "the photograph is missing",
        "other.jpg": "the photograph is another one than that which was predicted",
    }
    assert "cut.png" in mosaic.left_out["cut.jpg"]
    (predicted / "masks" / "down.png").unlink()
    with pytest.raises(DataError, match=r"none of 5 masks can be placed"):
        make_mosaic(predicted, [photographs])
    for name in ("down", "cut"):
        (photographs / f"{name}.jpg").unlink()
    with pytest.raises(DataError, match=r"none of 5 masks can be placed, such as that of ahead.jpg: oblique"):
        make_mosaic(predicted, [photographs])


def test_the_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIDE", 100)
    photographs, predicted = write_flight(tmp_path, TILES, SHOTS[:2])
    mosaic = make_mosaic(predicted, [photographs])
    assert max(mosaic.mask.shape) == 100
    seen = mosaic.mask != 255
    assert (mosaic.mask == truth(mosaic))[seen].mean() > 0.85


def test_two_flights_on_two_continents_are_no_map(tmp_path: Path) -> None:
    photographs, predicted = write_flight(tmp_path, TILES, [Shot("a", 0, 0), Shot("b", 3_000_000, 0)])
    with pytest.raises(DataError, match="too far apart for one map"):
        make_mosaic(predicted, [photographs])


def test_a_png_has_its_place_beside_it(tmp_path: Path) -> None:
    photographs, predicted = write_flight(tmp_path, TILES, SHOTS[:2])
    mosaic = make_mosaic(predicted, [photographs])
    files = write_mosaic(mosaic, tmp_path / "out" / "map.png")
    assert [file.name for file in files] == ["map.png", "map.pgw", "map.prj"]
    with Image.open(files[0]) as image:
        assert np.array_equal(np.asarray(image), mosaic.mask)
        assert image.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]
    a, d, b, e, x, y = map(float, files[1].read_text().split())
    assert [a, b, d, e] == pytest.approx([mosaic.place.transform[0], 0, 0, -mosaic.place.transform[0]])
    assert [x, y] == pytest.approx(mosaic.place.coordinates(np.array([[0.5, 0.5]]))[0].tolist())
    assert files[2].read_text().startswith('PROJCS["WGS_1984_UTM_Zone_33N"')


def test_a_geotiff_has_ids_colors_and_place(tmp_path: Path) -> None:
    photographs, predicted = write_flight(tmp_path, TILES, SHOTS[:2])
    mosaic = make_mosaic(predicted, [photographs])
    write_mosaic(mosaic, tmp_path / "map.tif")
    with rasterio.open(tmp_path / "map.tif") as file:
        assert np.array_equal(file.read(1), mosaic.mask)
        assert (file.crs.to_epsg(), file.nodata, file.colormap(1)[3][:3]) == (32633, 255, DRONE.colours[3])
        assert tuple(file.transform)[:6] == pytest.approx(mosaic.place.transform)


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    mosaic = Mosaic(np.zeros((2, 2), np.uint8), DRONE, Georeference("", (1, 0, 0, 0, -1, 0)), "EPSG:32633", 1, {})
    with pytest.raises(ConfigError, match=r"map.jpg must be a PNG or GeoTIFF file, such as \S+map.png"):
        write_mosaic(replace(mosaic, used=2), tmp_path / "map.jpg")


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("predict.json", "{", "predict.json cannot be read"),
        ("predict.json", "[]", "predict.json has no classes"),
        ("summary.csv", "path,mask\n", "summary.csv lists no photographs"),
        ("summary.csv", "path,mask\na.jpg,masks/a.png\n", "has no photograph in row 1"),
        ("summary.csv", "path,mask,digest\na,masks/../../a.png,d\n", "names a mask outside of masks/"),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, file: str, content: str, expected: str) -> None:
    _, predicted = write_flight(tmp_path, TILES, SHOTS[:1])
    assert len(read_predicted_masks(predicted)[1]) == 1
    (predicted / file).write_text(content)
    with pytest.raises(DataError, match=expected):
        read_predicted_masks(predicted)
