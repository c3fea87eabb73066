"""Tags as drones write them: names and values of real files, in bytes of our own."""

from __future__ import annotations

import pytest

from segdrone.raster.drone_tags import (
    Angles,
    Height,
    read_absolute_altitude,
    read_angles,
    read_calibrated_focal,
    read_height,
    read_position,
)
from segdrone.raster.xmp import Xmp, parse_xmp
from tests.helpers.capture import DJI, xmp_packet

PIX4D, SENSEFLY = "http://pix4d.com/camera/1.0", "http://ns.sensefly.com/Camera/1.0/"


def tags(namespace: str, prefix: str, **values: str) -> Xmp:
    return parse_xmp(xmp_packet(namespace, values, prefix=prefix))


def camera(namespace: str = PIX4D, height: str = "118/1", **angles: str) -> Xmp:
    return tags(namespace, "Camera", AboveGroundAltitude=height, **angles)


PHANTOM = tags(
    DJI, "drone-dji", AbsoluteAltitude="+186.57", RelativeAltitude="+99.96", GpsLatitude="24.68027804",
    GpsLongtitude="120.95170160", GimbalRollDegree="+0.00", GimbalYawDegree="+92.90", GimbalPitchDegree="-60.00",
    FlightYawDegree="+92.80", CalibratedFocalLength="3666.666504", CalibratedOpticalCenterX="2736.000000",
    CalibratedOpticalCenterY="1824.000000", RtkFlag="50",
)  # fmt: skip
AUTEL = tags(
    DJI, "drone", AbsoluteAltitude="+513.00", RelativeAltitude="+60.10", GpsLatitude="47.64368732",
    GpsLongtitude="16.47592717", GimbalYawDegree="-148.96", GimbalPitchDegree="-90.00", GimbalRollDegree="0.00",
    CalibratedFocalLength="4404.166667",
)  # fmt: skip
YUNEEC = tags(
    "http://www.yuneec.com/drone-yuneec/1.0/", "drone-yuneec", GPSAltitude="537.78", AboveHomeAltitude="34.4",
    DroneYaw="96.699997", GimbalYaw="73.230003", GimbalPitch="-89.95999", GimbalRoll="0.000000",
)  # fmt: skip
PARROT = tags(
    "http://www.parrot.com/drone-parrot/1.0/", "drone-parrot", CameraYawDegree="45.5", CameraPitchDegree="-89.9",
    CameraRollDegree="0.1", DroneYawDegree="44.0",
)  # fmt: skip


def skydio() -> Xmp:
    fields = "".join(
        f"<s:{axis}>{value}</s:{axis}>" for axis, value in (("Yaw", 0.1), ("Pitch", -59.68), ("Roll", -0.5))
    )
    inner = (
        f'<s:CameraOrientationNED rdf:parseType="Resource">{fields}</s:CameraOrientationNED>'
        '<s:CameraPositionFLU rdf:parseType="Resource"><s:Z>18.808227</s:Z></s:CameraPositionFLU>'
    )
    values = {"Latitude": "29.785934", "Longitude": "-95.635417", "AbsoluteAltitude": "46.021913"}
    packet = xmp_packet("https://www.skydio.com/drone-skydio/1.0/", values, prefix="s")
    return parse_xmp(packet.replace(b"></rdf:Desc", f">{inner}</rdf:Desc".encode()))


@pytest.mark.parametrize(
    ("xmp", "height", "angles", "position", "altitude"),
    [
        (PHANTOM, Height(99.96, "relative altitude", False), Angles(92.9, -60, 0), (24.68027804, 120.9517016), 186.57),
        (AUTEL, Height(60.1, "relative altitude", False), Angles(-148.96, -90, 0), (47.64368732, 16.47592717), 513.0),
        (YUNEEC, Height(34.4, "altitude above home", False), Angles(73.230003, -89.95999, 0), None, 537.78),
        (PARROT, None, Angles(45.5, -89.9, 0.1), None, None),
        (
            skydio(), Height(18.808227, "height above takeoff", False), Angles(0.1, -59.68, -0.5),
            (29.785934, -95.635417), 46.021913,
        ),
        (
            camera(SENSEFLY, Yaw="92.1", Pitch="3.5", Roll="-2.0"), Height(118, "altitude above ground", True),
            Angles(92.1, 3.5, -2, nadir=True), None, None,
        ),
    ],
    ids=["DJI Phantom 4 RTK", "Autel EVO II", "Yuneec E90", "Parrot Anafi", "Skydio X2", "senseFly"],
)  # fmt: skip
def test_each_maker_has_tags_of_its_own(
    xmp: Xmp, height: Height | None, angles: Angles, position: tuple[float, float] | None, altitude: float | None
) -> None:
    assert read_height(xmp, "") == height
    assert read_angles(xmp, "") == angles
    assert read_position(xmp) == position
    assert read_absolute_altitude(xmp) == altitude


def test_calibrations() -> None:
    assert read_calibrated_focal(PHANTOM) == (3666.666504, (2736, 1824))
    assert read_calibrated_focal(AUTEL) == (4404.166667, None)
    assert read_calibrated_focal(YUNEEC) is None


@pytest.mark.parametrize("pitch", ["0.00", "-0.00"])
def test_three_zeros_are_no_angles(pitch: str) -> None:
    zeros = tags(DJI, "drone-dji", GimbalYawDegree="+0.00", GimbalPitchDegree=pitch, GimbalRollDegree="+0.00")
    assert read_angles(zeros, "FC7303") is None  # DJI Mini 2
    assert read_angles(tags(DJI, "drone-dji", GimbalYawDegree="+0.00", GimbalPitchDegree="-90.00"), "") is not None


@pytest.mark.parametrize("values", [{"Pitch": "-90"}, {"Yaw": "1", "Pitch": "9999"}, {"Yaw": "north", "Pitch": "3"}])
def test_half_of_the_angles_is_nothing(values: dict[str, str]) -> None:
    assert read_angles(camera(**values), "") is None


def test_a_height_may_be_a_fraction() -> None:
    found = read_height(camera(height="11485529/262144"), "ANAFI Ai")
    assert found is not None
    assert found.meters == pytest.approx(43.8138)


def test_a_gimbals_pitch_in_the_tag_of_pix4d_is_recognized() -> None:
    assert read_angles(camera(Yaw="10", Pitch="-90", Roll="0"), "XL715") == Angles(10, -90, 0, nadir=False)
    assert read_angles(camera(Yaw="10", Pitch="-9", Roll="0"), "XT701") == Angles(10, -9, 0, nadir=True)


def test_the_disco_says_nothing_about_its_camera() -> None:
    disco = camera("Camera/", "1.000", Yaw="18.678611755", Pitch="2.054081678", Roll="-2.391976595")
    assert read_height(disco, "Sequoia") == Height(1.0, "altitude above ground", True)
    assert (read_height(disco, "Disco"), read_angles(disco, "Disco")) == (None, None)


@pytest.mark.parametrize(("latitude", "longitude"), [("0.0", "0.0"), ("91", "10"), ("10", "181"), ("10", "")])
def test_impossible_places(latitude: str, longitude: str) -> None:
    assert read_position(tags(DJI, "drone-dji", GpsLatitude=latitude, GpsLongitude=longitude)) is None
