"""Focal lengths of real cameras, in pixels."""

from __future__ import annotations

from typing import Any

import pytest

from segdrone.raster.drone_tags import CalibratedFocal
from segdrone.raster.focal_length import SENSORS, FocalLength, find_focal_length
from segdrone.windows import Size

MM, FILM, ZOOM, WIDTH, PLANE, UNIT = 0x920A, 0xA405, 0xA404, 0xA002, 0xA20E, 0xA210
PHANTOM = CalibratedFocal(3666.67, (2736.0, 1824.0))


def find(
    details: dict[int, Any], size: Size = (3648, 5472), model: str = "", calibrated: CalibratedFocal | None = None
) -> FocalLength:
    found, problem = find_focal_length(details, model, calibrated, size)
    assert found is not None, problem
    return found


def close(focal: FocalLength, pixels: float, source: str, uncertainty: float) -> bool:
    return focal == (pytest.approx(pixels, rel=1e-3), source, uncertainty)  # type: ignore[comparison-overlap]


def test_a_phantom_4_rtk_is_known_in_three_ways() -> None:
    details = {MM: 8.8, FILM: 24}
    assert find(details, model="FC6310R", calibrated=PHANTOM) == (3666.67, "calibrated focal length", 0.01)
    assert close(find(details, model="FC6310R"), 3648, "focal length, sensor of FC6310R", 0.02)
    assert find(details) == (3648, "35 mm focal length", 0.04)


def test_a_reduced_photograph_has_a_reduced_focal_length() -> None:
    assert find({}, (912, 1368), calibrated=PHANTOM).pixels == pytest.approx(3666.67 / 4)
    assert find({MM: 8.8}, (912, 1368), "FC6310R").pixels == pytest.approx(912)
    assert find({WIDTH: 5472}, calibrated=CalibratedFocal(3666.67, None)).pixels == 3666.67


@pytest.mark.parametrize("details", [{}, {WIDTH: 640}])
def test_the_calibration_of_another_camera_is_not_used(details: dict[int, Any]) -> None:
    visible = CalibratedFocal(4892.0, (1989.3, 1443.8))  # beside an infrared photograph: Skydio X2
    assert find_focal_length(details, "", visible, (512, 640)) == (None, "no focal length")
    assert find_focal_length({}, "", CalibratedFocal(4404.0, None), (512, 640)) == (None, "no focal length")


def test_a_photograph_cut_above_and_below_keeps_its_focal_length() -> None:
    wide = (3078, 5472)
    assert find({WIDTH: 5472}, wide, calibrated=PHANTOM).pixels == 3666.67
    assert find({MM: 8.8}, wide, "FC6310").pixels == pytest.approx(3648)
    assert find({FILM: 24}, wide).pixels == 3648
    assert find({MM: 8.8}, (3648, 4864), "FC6310").pixels == pytest.approx(3648)  # or left and right


@pytest.mark.parametrize(
    ("model", "millimeters", "film", "size"),
    [("L2D-20c", 12.29, 24, (3956, 5280)), ("FC330", 3.61, 20, (3000, 4000)), ("L1D-20c", 10.26, 28, (3648, 5472))],
)
def test_film_and_sensor_agree(model: str, millimeters: float, film: int, size: Size) -> None:
    sensor = find({MM: millimeters, FILM: film}, size, model)
    assert sensor.source == f"focal length, sensor of {model}"
    assert sensor.uncertainty == 0.02
    assert find({FILM: film}, size).pixels == pytest.approx(sensor.pixels, rel=0.04)


@pytest.mark.parametrize(("resolution", "unit"), [(10529.0, 2), (4145.3, 3), (414.53, 4), (10529.0, None)])
def test_the_resolution_of_the_sensor(resolution: float, unit: int | None) -> None:
    focal = find({MM: 8.8, PLANE: resolution, UNIT: unit, WIDTH: 5472})
    assert close(focal, 3648, "focal length, focal plane resolution", 0.02)


@pytest.mark.parametrize("resolution", [72, 0, -1, float("nan"), 1e9])
def test_a_resolution_of_a_print_is_none_of_a_sensor(resolution: float) -> None:
    assert find({MM: 4.7, FILM: 21, PLANE: resolution, WIDTH: 4056}, (844, 1500)).source == "35 mm focal length"


def test_sources_that_differ_are_told() -> None:
    focal, problem = find_focal_length({MM: 8.8, FILM: 28}, "FC6310", None, (3648, 5472))
    assert focal is not None
    assert close(focal, 3648, "focal length, sensor of FC6310", 0.167)
    assert problem == "focal length, sensor of FC6310 and 35 mm focal length differ by 17%"


def test_sources_that_contradict_each_other_are_unknown() -> None:
    problem = "focal length, sensor of L2D-20c and 35 mm focal length differ by 87%"  # DJI Mavic 3, zoomed in
    assert find_focal_length({MM: 12.3, FILM: 46}, "L2D-20c", None, (3956, 5280)) == (None, problem)


@pytest.mark.parametrize("zoom", [2, 28.0])
def test_digital_zoom_is_told(zoom: float) -> None:
    assert find_focal_length({FILM: 24, ZOOM: zoom}, "", None, (6, 9)) == (
        None,
        f"digital zoom {zoom:.1f}: the field of view is unknown",
    )
    for none in (0, 1, "x"):
        assert find({FILM: 24, ZOOM: none}).pixels == 3648


@pytest.mark.parametrize("value", [0, -24, float("inf"), "x", None, 1e-30])
def test_no_focal_length(value: Any) -> None:
    details = {MM: value, FILM: value}
    assert find_focal_length(details, "FC6310", None, (6, 9)) == (None, "no focal length")


def test_models_are_found_in_any_case() -> None:
    assert all(model == model.lower() for model in SENSORS)
    assert find({MM: 10.26}, model=" l1d-20C ").source == "focal length, sensor of l1d-20C"
