"""The ground in a photograph, by hand and by a camera of our own."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from segdrone.raster.capture import Capture
from segdrone.raster.drone_tags import Angles
from segdrone.raster.focal_length import FocalLength
from segdrone.raster.ground_view import GroundView, view_ground

DOWN = Angles(0, -90, 0)
CAPTURE = Capture(
    height=100,
    height_source="relative altitude",
    size=(4000, 6000),
    focal=FocalLength(4000.0, "35 mm focal length", 0.04),
    angles=DOWN,
)


def corners(angles: Angles) -> list[list[float]]:
    found = view_ground(replace(CAPTURE, angles=angles)).corners
    assert found is not None
    rounded: list[list[float]] = (found.round(3) + 0.0).tolist()
    return rounded


def test_straight_down_with_north_at_the_top() -> None:
    view = view_ground(CAPTURE)
    assert corners(DOWN) == [[-75, 50], [75, 50], [75, -50], [-75, -50]]
    assert view.gsd == pytest.approx(0.025)
    assert view.area == pytest.approx(150 * 100)
    assert view.tilt == pytest.approx(0)
    assert view.reason == ""
    assert view.uncertainty == pytest.approx(math.hypot(0.05, 0.04))


def test_yaw_turns_clockwise() -> None:
    assert corners(Angles(90, -90, 0)) == [[50, 75], [50, -75], [-50, -75], [-50, 75]]  # its top is in the east


@pytest.mark.parametrize("angles", [Angles(0, -90, 180), Angles(180, -90, 0)])
def test_a_gimbal_that_is_upside_down_still_looks_down(angles: Angles) -> None:
    assert corners(angles) == [[75, -50], [-75, -50], [-75, 50], [75, 50]]  # some DJI write roll 180


def test_pitch_looks_ahead() -> None:
    found = np.array(corners(Angles(90, -75, 0)))
    assert found[:, 0].mean() > 20  # to the east
    half = math.atan(0.5)  # of the height of the photograph
    ahead = [100 * math.tan(math.radians(15) + turn) for turn in (half, -half)]
    assert found[[0, 2], 0] == pytest.approx(ahead, abs=1e-3)
    assert found[0, 1] == -found[1, 1] > found[3, 1]  # the far side is wider


def test_both_conventions_agree_where_they_can() -> None:
    assert corners(Angles(30, 10, 0, nadir=True)) == corners(Angles(30, -80, 0))
    left = np.array(corners(Angles(0, 0, 10, nadir=True)))
    assert left[:, 0].mean() < -10  # the right wing is down, and the camera looks to the left


def test_both_conventions_describe_the_camera_of_parrots_documentation() -> None:
    """The Anafi writes its direction in both; the values are the examples in the documentation."""
    ours = [
        view_ground(replace(CAPTURE, focal=FocalLength(12_000.0, "", 0.01), angles=angles))
        for angles in (Angles(146.781036, 38.011101, -0.041258, nadir=True), Angles(146.848038, -51.988888, -0.052789))
    ]
    assert ours[0].corners is not None
    assert ours[1].corners is not None
    np.testing.assert_allclose(ours[0].corners, ours[1].corners, atol=1e-3)
    assert ours[0].tilt == pytest.approx(90 - 51.988888, abs=1e-4)


def test_both_conventions_share_the_tilt() -> None:
    view = view_ground(replace(CAPTURE, angles=Angles(5, 10, 10, nadir=True)))
    assert view.tilt == pytest.approx(math.degrees(math.acos(math.cos(math.radians(10)) ** 2)))


def test_an_oblique_view_has_an_area_and_no_ground_sampling_distance() -> None:
    view = view_ground(replace(CAPTURE, angles=Angles(0, -65, 0)))
    assert view.gsd is None
    assert view.corners is not None
    assert view.area is not None
    assert view.area > 1.2 * 150 * 100
    assert view.reason == "oblique: 25 degrees from straight down"


@pytest.mark.parametrize(("pitch", "corner"), [(-30, "only 3 degrees below"), (0, "above"), (30, "above")])
def test_a_view_of_the_horizon_has_no_ground(pitch: float, corner: str) -> None:
    view = view_ground(replace(CAPTURE, angles=Angles(0, pitch, 0)))
    reason = f"oblique: {90 + pitch} degrees from straight down; a corner looks {corner} the horizon"
    assert view.tilt == pytest.approx(90 + pitch)
    assert replace(view, tilt=None) == GroundView(reason=reason)


def test_a_camera_of_unknown_direction_is_taken_as_one_that_looks_down() -> None:
    view = view_ground(replace(CAPTURE, angles=None))
    assert view.gsd == pytest.approx(0.025)
    assert view.area == pytest.approx(15_000)
    assert (view.corners, view.tilt) == (None, None)
    assert view.source == "relative altitude, 35 mm focal length, taken as straight down"
    assert view.reason == "the direction of the camera is unknown"
    assert view.uncertainty == pytest.approx(math.hypot(0.05, 0.04, 0.05))


def test_what_is_missing_is_told() -> None:
    assert view_ground(Capture()).reason == "no EXIF or XMP data"
    missing = replace(CAPTURE, focal=None, notes=("no focal length",))
    assert replace(view_ground(missing), tilt=None) == GroundView(reason="no focal length")


def test_a_height_above_the_ground_is_better_known() -> None:
    view = view_ground(replace(CAPTURE, above_ground=True))
    assert view.uncertainty == pytest.approx(math.hypot(0.03, 0.04))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_corners_are_those_of_the_photograph_as_displayed(orientation: int) -> None:
    stored = Image.fromarray(np.array([[1, 2], [4, 3]], np.uint8))  # its corners, clockwise
    stored.getexif()[0x0112] = orientation
    displayed = np.asarray(ImageOps.exif_transpose(stored))
    order = [int(displayed[place]) - 1 for place in ((0, 0), (0, 1), (1, 1), (1, 0))]
    found = view_ground(replace(CAPTURE, orientation=orientation)).corners
    assert found is not None
    assert found.tolist() == np.array(view_ground(CAPTURE).corners)[order].tolist()


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.floats(-100, -60), st.floats(-180, 180), st.floats(1, 500))
def test_a_camera_of_opencv_sees_its_corners_there(yaw: float, pitch: float, roll: float, height: float) -> None:
    """Projects the corners back by OpenCV, with a rotation that is composed of turns about fixed axes."""
    view = view_ground(replace(CAPTURE, height=height, angles=Angles(yaw, pitch, roll)))
    if view.corners is None:
        return
    ground = np.column_stack([view.corners[:, [1, 0]], np.zeros(4)])  # north, east, down
    rotation = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])  # of a camera that looks north: right, down, forward
    turns = [cv2.Rodrigues(np.radians(angle) * np.array(axis, np.float64))[0]
             for axis, angle in (((0, 0, 1), yaw), ((0, 1, 0), pitch), ((1, 0, 0), roll))]  # fmt: skip
    rotation = rotation @ (turns[0] @ turns[1] @ turns[2]).T
    translation = rotation @ np.array([0.0, 0, height])  # the camera is `height` above the ground
    matrix = np.array([[4000.0, 0, 3000], [0, 4000, 2000], [0, 0, 1]])
    seen, _ = cv2.projectPoints(ground, cv2.Rodrigues(rotation)[0], translation, matrix, np.zeros(4))
    np.testing.assert_allclose(seen[:, 0], [[0, 0], [6000, 0], [6000, 4000], [0, 4000]], atol=0.01)
