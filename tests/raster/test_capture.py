"""When and where a photograph was taken."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.capture import Capture, read_capture
from segdrone.raster.drone_tags import Angles
from segdrone.raster.focal_length import FocalLength
from segdrone.raster.ground_view import view_ground
from tests.helpers.capture import DJI, dji_xmp, save_with_exif, xmp_packet


def test_time_position_height_and_footprint(tmp_path: Path) -> None:
    path = save_with_exif(tmp_path / "a.jpg", (-47.25, 15.5), time="2024:05:01 10:22:33", height=20, focal=24)
    capture = read_capture(path)
    assert (capture.time, capture.position, capture.height) == ("2024-05-01T10:22:33", (-47.25, 15.5), 20.0)
    assert capture.footprint == 30.0  # 36 mm / 24 mm x 20 m
    assert (capture.height_source, capture.above_ground, capture.notes) == ("relative altitude", False, ())


@pytest.mark.parametrize("time", ["0000:00:00 00:00:00", "yesterday", ""])
def test_what_is_no_time_is_unknown(tmp_path: Path, time: str) -> None:
    assert read_capture(save_with_exif(tmp_path / "a.jpg", time=time)).time == ""


def test_no_satellites_are_no_position(tmp_path: Path) -> None:
    assert read_capture(save_with_exif(tmp_path / "a.jpg", (0.0, 0.0))).position is None
    assert read_capture(save_with_exif(tmp_path / "b.jpg", (91.0, 10.0))).position is None


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_files_without_exif_say_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(path)
    assert read_capture(path) == Capture()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(path, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff")
    assert read_capture(path) == Capture()


def test_a_file_that_is_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no")
    with pytest.raises(DataError):
        read_capture(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp"])
def test_each_format_says_how_the_camera_was_turned(tmp_path: Path, suffix: str) -> None:
    path = save_with_exif(tmp_path / f"a.{suffix}", (47.0, 15.5), xmp=dji_xmp(20, (12.5, -90, 0)))
    capture = read_capture(path)
    assert (capture.height, capture.angles, capture.position) == (20, Angles(12.5, -90, 0), (47.0, 15.5))
    assert capture.focal == FocalLength(6.0, "35 mm focal length", 0.04)
    assert capture.size == (6, 9)


def test_a_tiff_of_16_bits_says_it_too(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.zeros((6, 9), np.uint16)).save(path, tiffinfo={700: dji_xmp(20)})
    assert read_capture(path).height == 20
    rgb = np.zeros((6, 9, 3), np.uint16)
    cv2.imwrite(str(path), rgb)  # Pillow cannot open it
    assert read_capture(path) == Capture()


@pytest.mark.parametrize(("name", "expected"), [("GpsLongtitude", 15.5), ("GpsLongitude", 15.5), ("Longitude", None)])
def test_the_position_in_xmp_counts_where_exif_has_none(tmp_path: Path, name: str, expected: float | None) -> None:
    path = save_with_exif(tmp_path / "a.jpg", xmp=dji_xmp(20, None, **{"GpsLatitude": "+47.0", name: "+15.5"}))
    assert read_capture(path).position == (None if expected is None else (47.0, expected))


def test_degrees_without_their_references_are_told(tmp_path: Path) -> None:
    gps = {2: (33.0, 30.0, 0.0), 4: (151.0, 15.0, 0.0)}
    capture = read_capture(save_with_exif(tmp_path / "a.jpg", gps=gps, height=20))
    assert (capture.position, capture.notes) == (
        (33.5, 151.25),
        ("GPS without N or S, or E or W: taken as north, or east",),
    )
    packet = xmp_packet(DJI, {"GpsLatitude": "-33.5", "GpsLongitude": "+151.25"})
    capture = read_capture(save_with_exif(tmp_path / "b.jpg", gps=gps, xmp=packet))
    assert (capture.position, capture.notes) == ((-33.5, 151.25), ("no height above the ground",))


def test_positions_that_differ_are_told(tmp_path: Path) -> None:
    xmp = dji_xmp(20, GpsLatitude="47.0", GpsLongitude="15.6")
    capture = read_capture(save_with_exif(tmp_path / "a.jpg", (47.0, 15.5), xmp=xmp))
    assert capture.position == (47.0, 15.5)
    assert capture.notes == ("the positions in EXIF and XMP differ: that in EXIF is taken",)


@pytest.mark.parametrize(
    ("reference", "altitude", "xmp", "expected"),
    [
        (b"\0", 412.5, None, 412.5),
        (b"\1", 12.5, None, -12.5),
        (b"\1", 612.5, None, None),  # no land is so far below the sea
        (b"\1", 412.5, "+412.61", 412.61),
        (None, 412.5, None, 412.5),
    ],
)
def test_the_altitude_above_the_sea_is_no_height(
    tmp_path: Path, reference: bytes | None, altitude: float, xmp: str | None, expected: float | None
) -> None:
    gps = {6: altitude} | ({} if reference is None else {5: reference})
    packet = b"" if xmp is None else xmp_packet(DJI, {"AbsoluteAltitude": xmp})
    capture = read_capture(save_with_exif(tmp_path / "a.jpg", (47.0, 15.5), gps=gps, xmp=packet))
    assert (capture.altitude, capture.height, capture.footprint) == (expected, None, None)
    assert capture.notes == ("no height above the ground",)


@pytest.mark.parametrize("height", [0.0, -3.5, 0.1, 20_000])
def test_a_height_that_is_none_is_told(tmp_path: Path, height: float) -> None:
    capture = read_capture(save_with_exif(tmp_path / "a.jpg", height=height))
    assert (capture.height, capture.footprint) == (None, None)
    assert capture.notes == (f"relative altitude of {height:g} m",)


def test_a_panorama_has_no_ground_sampling_distance(tmp_path: Path) -> None:
    dji = dji_xmp(50, (0, -90, 0))
    panorama = (
        'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular" rdf:about'
    )
    for xmp, gsd in ((dji, True), (dji.replace(b"rdf:about", panorama.encode(), 1), False)):
        capture = read_capture(save_with_exif(tmp_path / "a.jpg", (47.1, 15.4), xmp=xmp))
        view = view_ground(capture)
        assert (view.gsd is not None, capture.footprint is not None) == (gsd, gsd)
        assert ("panorama" in view.reason) != gsd


def test_the_size_is_that_of_the_stored_pixels(tmp_path: Path) -> None:
    capture = read_capture(save_with_exif(tmp_path / "a.jpg", height=20, orientation=6))
    assert (capture.size, capture.orientation, capture.footprint) == ((6, 9), 6, 30.0)


@pytest.mark.parametrize(("software", "notes"), [("Microsoft Windows Photo Viewer 10.0", 1), ("v01.23.4920", 0)])
def test_photographs_that_another_program_wrote_are_told(tmp_path: Path, software: str, notes: int) -> None:
    path = save_with_exif(tmp_path / "a.jpg", height=20)
    with Image.open(path) as image:
        exif = image.getexif()
        exif[0x0131] = software
        image.save(path, exif=exif, xmp=image.info["xmp"])
    capture = read_capture(path)
    assert capture.height == 20
    assert capture.notes == ("written again by photo viewer: it may be turned or cut",) * notes
