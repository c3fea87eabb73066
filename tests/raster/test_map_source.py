"""Maps read by windows, through GDAL."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from segdrone.errors import DataError
from segdrone.raster import Channels, MapSource, PhotographSource
from segdrone.raster.gdal import import_rasterio
from segdrone.raster.pixels import resize_image
from segdrone.windows import Window
from tests.helpers.image_files import gradient_image, random_image
from tests.helpers.maps import TRANSFORM, write_map
from tests.helpers.vrt_files import vrt


def planes(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def whole(source: MapSource) -> Window:
    return Window(0, 0, *source.size)


def test_bands_of_a_vrt_have_a_nodata_value_each(tmp_path: Path) -> None:
    image, seen = np.full((8, 9, 3), 7, np.uint8), np.ones((8, 9), bool)
    image[1, 2], seen[1, 2] = (255, 0, 255), False
    image[3, 4], image[5, 6] = 255, (255, 0, 254)
    write_map(tmp_path / "a.tif", planes(image))
    path = vrt(tmp_path / "a.vrt", "a.tif")
    text = path.read_text()
    for color, value in (("Red", 255), ("Green", 0), ("Blue", 255)):
        text = text.replace(f"<ColorInterp>{color}<", f"<NoDataValue>{value}</NoDataValue><ColorInterp>{color}<")
    path.write_text(text)
    source = MapSource(path)
    np.testing.assert_array_equal(source.valid(whole(source)), seen)


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
def test_windows_in_any_size_are_parts_of_the_resized_whole(tmp_path: Path, interpolation: str) -> None:
    image = gradient_image(150, 201)
    source = MapSource(write_map(tmp_path / "a.tif", planes(image)), interpolation)
    assert (source.size, source.fully_valid) == ((150, 201), True)
    np.testing.assert_array_equal(source.read(Window(10, 20, 100, 90)), image[10:110, 20:110])
    for size in ((50, 67), (75, 100), (38, 49), (200, 250)):
        resized, expected = source.resized(size), resize_image(image, size, interpolation)
        result = resized.read(Window(0, 0, *size))
        assert np.abs(result.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(resized.read(Window(13, 7, 20, 30)), result[13:33, 7:37])
        assert resized.valid(Window(13, 7, 20, 30)).all()


def test_a_map_knows_its_place(tmp_path: Path) -> None:
    place = MapSource(write_map(tmp_path / "a.tif", planes(random_image(8, 9)))).georeference
    assert place is not None
    assert place.transform == TRANSFORM
    assert "UTM zone 33N" in place.crs
    assert MapSource(write_map(tmp_path / "b.tif", planes(random_image(8, 9)), None, None)).georeference is None


def test_a_transform_that_places_nothing_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_map(tmp_path / "a.tif", planes(random_image(8, 9)), transform=(0.0, 0.0, 5.0, 0.0, 0.0, 5.0))
    assert MapSource(path).georeference is None
    assert "places nothing" in caplog.text


def test_alpha_masks_nodata_and_nan_are_no_data(tmp_path: Path) -> None:
    image, seen = random_image(70, 80), np.random.default_rng(1).random((70, 80)) < 0.7
    image[..., 0] |= 1
    alpha = np.concatenate([planes(image), seen[None].astype(np.uint8) * 255])
    holes = planes(np.where(seen[..., None], image, 0))
    floats = planes(np.where(seen[..., None], image, np.nan).astype(np.float32))
    channels = Channels(stretch=(0, 255))
    sources = [
        MapSource(write_map(tmp_path / "alpha.tif", alpha, colors="red green blue alpha")),
        MapSource(write_map(tmp_path / "nodata.tif", holes, nodata=0)),
        MapSource(write_map(tmp_path / "mask.tif", planes(image), mask=seen)),
        MapSource(write_map(tmp_path / "nan.tif", floats), channels=channels),
        MapSource(write_map(tmp_path / "nodata_nan.tif", floats, nodata=np.nan), channels=channels),
        MapSource(
            write_map(tmp_path / "infrared.tif", alpha, colors="red green blue alpha"), "area", Channels((3, 2, 1))
        ),
    ]
    for source in sources:
        assert not source.fully_valid, source.path
        np.testing.assert_array_equal(source.valid(whole(source)), seen, err_msg=source.path)
        np.testing.assert_array_equal(source.valid(Window(5, 6, 30, 40)), seen[5:35, 6:46])
    np.testing.assert_array_equal(sources[0].read(whole(sources[0])), image)
    np.testing.assert_array_equal(sources[-1].read(whole(sources[-1])), image[..., ::-1])
    middle = sources[0].resized((35, 40)).valid(Window(0, 0, 35, 40))
    np.testing.assert_array_equal(middle, seen[1::2, 1::2])


def test_near_infrared_that_the_file_calls_alpha_hides_nothing_where_it_is_chosen(tmp_path: Path) -> None:
    bands = np.concatenate([planes(random_image(20, 30)), np.zeros((1, 20, 30), np.uint8)])  # water reflects none
    path = write_map(tmp_path / "a.tif", bands, colors="red green blue alpha")
    for chosen in ((4, 1, 2), (1, 2, 4)):
        source = MapSource(path, channels=Channels(chosen))
        assert source.fully_valid
        assert source.valid(whole(source)).all()
        np.testing.assert_array_equal(source.read(whole(source)), bands[np.array(chosen) - 1].transpose(1, 2, 0))
    assert not MapSource(path, channels=Channels((1, 2, 3))).valid(Window(0, 0, 20, 30)).any()


def test_sixteen_bits_are_stretched_by_the_given_values(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (5, 20, 30)).astype(np.uint16)
    path = write_map(tmp_path / "a.tif", values)
    with pytest.raises(DataError, match="5 bands of uint16.*--bands 1,2,3"):
        MapSource(path)
    with pytest.raises(DataError, match="not 8 bits.*--stretch 0,4095"):
        MapSource(path, channels=Channels((3, 2, 1)))
    pixels = MapSource(path, channels=Channels((3, 2, 1), (0, 4095))).read(Window(0, 0, 20, 30))
    np.testing.assert_array_equal(pixels, np.rint(values[[2, 1, 0]].transpose(1, 2, 0) / 4095 * 255))
    with pytest.raises(DataError, match=r"bands \[6, 2, 1\] cannot"):
        MapSource(path, channels=Channels((6, 2, 1), (0, 4095)))


def test_a_map_whose_zero_is_white_has_the_pixels_of_a_photograph(tmp_path: Path) -> None:
    gray = random_image(128, 128)[..., :1]
    path = write_map(tmp_path / "a.tif", planes(gray), overviews=(2,), photometric="MINISWHITE", nodata=0)
    source, window = MapSource(path), Window(0, 0, 128, 128)
    np.testing.assert_array_equal(source.read(window), np.broadcast_to(255 - gray, (128, 128, 3)))
    for image in (source, PhotographSource(path)):
        np.testing.assert_array_equal(image.read(window), source.read(window))
        np.testing.assert_array_equal(image.valid(window), gray[..., 0] != 0)
    copy, exact = (
        source.resized((64, 64)).read(Window(0, 0, 64, 64)),
        resize_image(source.read(window), (64, 64), "area"),
    )
    assert np.abs(copy.astype(int) - exact).mean() < 2  # GDAL leaves no data out of the means


def test_a_smaller_copy_in_the_file_is_read_where_it_is_large_enough(tmp_path: Path) -> None:
    image = gradient_image(256, 256)
    path = write_map(tmp_path / "a.tif", planes(image), overviews=(2, 4))
    quarter, exact = MapSource(path).resized((64, 64)), resize_image(image, (64, 64), "area")
    assert np.abs(quarter.read(Window(0, 0, 64, 64)).astype(int) - exact).max() <= 2
    raw = path.read_bytes()
    path.write_bytes(raw.replace(planes(image)[0, :64, :64].tobytes(), bytes(64 * 64)))  # not in the copies
    assert np.abs(MapSource(path).resized((64, 64)).read(Window(0, 0, 64, 64)).astype(int) - exact).max() <= 2


def test_blocks_that_cannot_be_decoded_are_no_data_and_named(tmp_path: Path) -> None:
    image = random_image(300, 200)
    path = write_map(tmp_path / "a.tif", planes(image))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    source = MapSource(path)
    assert source.fully_valid
    pixels = source.read(Window(0, 0, 300, 200))
    assert source.damaged
    valid = source.valid(Window(0, 0, 300, 200))
    assert not source.fully_valid
    assert 0.3 < valid.mean() < 0.7
    np.testing.assert_array_equal(pixels[valid], image[valid])
    assert not any(valid[part.rows, part.columns].any() for part in source.damaged)
    half = source.resized((150, 100))
    half.read(Window(0, 0, 150, 100))
    assert not half.valid(Window(0, 0, 150, 100)).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tif", b"", "empty"),
        ("a.tif", b"II*\0\x08\0\0\0", "cannot be opened as a map"),
        ("a.tif", b"not a map", "not an image"),
        ("a.vrt", b"<VRTDataset", "not a VRT"),
        ("a.vrt", b"<?xml version='1.0'?><WMS/>", "no VRT"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "cannot be opened as a map"),
    ],
)
def test_what_is_no_map_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        MapSource(tmp_path / name)
    with pytest.raises(DataError, match="does not exist"):
        MapSource(tmp_path / "missing.tif")


def test_a_mask_of_each_band_is_read(tmp_path: Path) -> None:
    image, seen = random_image(8, 9), np.random.default_rng(1).random((8, 9)) < 0.5
    write_map(tmp_path / "a.tif", planes(image))
    write_map(tmp_path / "m.tif", np.where(seen, 255, 0).astype(np.uint8)[None])
    path, band = tmp_path / "a.vrt", vrt(tmp_path / "a.vrt", "a.tif").read_text()
    source = '<MaskBand><VRTRasterBand dataType="Byte"><SimpleSource><SourceFilename relativeToVRT="1">m.tif'
    mask = f"{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></MaskBand>"
    path.write_text(band.replace("</SimpleSource></VRTRasterBand>", f"</SimpleSource>{mask}</VRTRasterBand>"))
    np.testing.assert_array_equal(MapSource(path).valid(Window(0, 0, 8, 9)), seen)


def test_numbers_of_colors_without_colors_are_refused(tmp_path: Path) -> None:
    path = vrt(tmp_path / "a.vrt", write_map(tmp_path / "a.tif", planes(random_image(8, 9))).name)
    path.write_text(path.read_text().replace("Red", "Palette").replace("Green", "Alpha").replace("Blue", "Alpha"))
    with pytest.raises(DataError, match="numbers of colors, and no colors"):
        MapSource(path)


def test_numbers_of_colors_of_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", np.full((1, 8, 9), 300, np.uint16), photometric="palette")
    with import_rasterio().open(path, "r+") as file:
        file.write_colormap(1, {300: (1, 2, 3)})
    for channels in (Channels(), Channels(stretch=(0, 4095))):
        with pytest.raises(DataError, match="numbers of colors of uint16.*gdal_translate -expand rgb"):
            MapSource(path, channels=channels)


def test_a_coordinate_system_that_cannot_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_map(tmp_path / "a.tif", planes(random_image(8, 9)), "+proj=merc +lon_0=11 +k=0.9 +datum=WGS84")
    equator, north = struct.pack("<2d", 0, 11), struct.pack("<2d", 45, 11)  # no origin of Mercator's projection
    content = path.read_bytes()
    assert content.count(equator) == 1
    path.write_bytes(content.replace(equator, north))
    place = MapSource(path).georeference
    assert place is not None
    assert (place.crs, place.transform) == ("", TRANSFORM)
    assert "coordinate system that cannot be read (PROJ" in caplog.text


def test_local_coordinates_are_taken_for_no_place_on_earth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As photogrammetry programs write them for flights without positions."""
    local = 'LOCAL_CS["Local Coordinates (m)",UNIT["metre",1]]'
    place = MapSource(write_map(tmp_path / "a.tif", planes(random_image(8, 9)), local)).georeference
    assert place is not None
    assert (place.crs, place.transform) == ("", TRANSFORM)
    assert "a local coordinate system, which is nowhere on Earth" in caplog.text


def test_a_block_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", np.zeros((1, 64, 64), np.uint8))
    content = path.read_bytes()
    for tag in (322, 323):  # width and height of a tile
        content = content.replace(struct.pack("<HHII", tag, 3, 1, 64), struct.pack("<HHII", tag, 3, 1, 40_000))
    path.write_bytes(content)
    with pytest.raises(DataError, match="40000 x 40000 pixels as one block.*TILED=YES"):
        MapSource(path)


def test_overviews_that_were_made_before_the_mask_are_not_read(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", planes(random_image(256, 256)), overviews=(2, 4))
    valid = np.arange(256)[:, None].repeat(256, 1) >= 128
    with import_rasterio().open(path, "r+") as file:
        file.write_mask(valid)
    whole = Window(0, 0, 64, 64)
    np.testing.assert_array_equal(MapSource(path).resized((64, 64)).valid(whole), valid[::4, ::4])


def add_overviews(path: Path, *, beside: bool) -> Path:
    """Adds smaller copies to a map, in the file or in `FILE.ovr` beside it, as gdaladdo -ro and GIS do."""
    rasterio = import_rasterio()
    with rasterio.Env(TIFF_USE_OVR="YES" if beside else "NO"), rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], rasterio.enums.Resampling.nearest)
    return path


@pytest.mark.parametrize("beside", [False, True])
def test_smaller_copies_have_the_mask_of_the_file(tmp_path: Path, beside: bool) -> None:
    valid = np.arange(256)[:, None].repeat(256, 1) >= 128
    with import_rasterio().Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_map(tmp_path / "a.tif", planes(random_image(256, 256)), mask=valid)
    smaller = MapSource(add_overviews(path, beside=beside)).resized((64, 64))
    np.testing.assert_array_equal(smaller.valid(Window(0, 0, 64, 64)), valid[::4, ::4])
    assert (tmp_path / "a.tif.ovr").exists() == beside


@pytest.mark.parametrize("beside", [False, True])
def test_smaller_copies_have_the_colors_of_the_file(tmp_path: Path, beside: bool) -> None:
    gray = (np.arange(256)[:, None].repeat(256, 1) // 64).astype(np.uint8)[None]
    white = write_map(tmp_path / "white.tif", gray, photometric="MINISWHITE")
    colored = write_map(tmp_path / "colored.tif", gray, photometric="palette")
    with import_rasterio().open(colored, "r+") as file:
        file.write_colormap(1, {i: (10 * i, 20 * i, 30 * i, 255) for i in range(4)})
    for path, lines in ((white, [255, 254, 253, 252]), (colored, [0, 10, 20, 30])):
        smaller = MapSource(add_overviews(path, beside=beside)).resized((64, 64)).read(Window(0, 0, 64, 64))
        np.testing.assert_array_equal(smaller[..., 0], np.repeat(lines, 16)[:, None].repeat(64, 1))


def test_a_color_of_no_data_in_the_metadata_counts(tmp_path: Path) -> None:
    image = random_image(8, 9) | 1
    image[:4] = 0
    path = write_map(tmp_path / "a.tif", planes(image))
    with import_rasterio().open(path, "r+") as file:
        file.update_tags(NODATA_VALUES="0 0 0")
    np.testing.assert_array_equal(MapSource(path).valid(Window(0, 0, 8, 9)), image.any(axis=2))
