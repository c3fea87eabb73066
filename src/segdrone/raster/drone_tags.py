"""Read what drones write into XMP data: height, direction of the camera, place, focal length.

Each maker has a namespace of its own, and its own idea of where zero degrees are. Sources:

- DJI: its manuals (Zenmuse P1, "XMP Data List"), and the table of ExifTool. `GpsLongtitude` is its own spelling.
- Autel: newer firmware writes DJI's namespace under the prefix `drone`, older that of Pix4D.
- senseFly, Parrot Sequoia, older Autel: `xmp.camera` of Pix4D, where a camera that looks straight down has pitch 0.
- Parrot Anafi: https://developer.parrot.com/docs/groundsdk-tools/photo-metadata.html
- Skydio: "Camera and metadata overview" of its support pages. Yuneec: files of the E90 and C23.
"""

from __future__ import annotations

from typing import NamedTuple

from segdrone.raster.xmp import Xmp, xmp_number

_DJI = "{http://www.dji.com/drone-dji/1.0}"
_PARROT = "{http://www.parrot.com/drone-parrot/1.0}"
_YUNEEC = "{http://www.yuneec.com/drone-yuneec/1.0}"
_SKYDIO = "{https://www.skydio.com/drone-skydio/1.0}"
_CAMERA = ("{http://pix4d.com/camera/1.0}", "{http://ns.sensefly.com/camera/1.0}", "{camera}")

_ABOVE_TAKEOFF = {
    f"{_DJI}RelativeAltitude": "relative altitude",
    f"{_YUNEEC}AboveHomeAltitude": "altitude above home",
    f"{_SKYDIO}CameraPositionFLU/Z": "height above takeoff",
}
_ABOVE_GROUND = {f"{space}AboveGroundAltitude": "altitude above ground" for space in (*_CAMERA, _PARROT)}
_POSITIONS = (
    (f"{_DJI}GpsLatitude", f"{_DJI}GpsLongitude"),
    (f"{_DJI}GpsLatitude", f"{_DJI}GpsLongtitude"),
    (f"{_SKYDIO}Latitude", f"{_SKYDIO}Longitude"),
)
_GIMBALS = (
    tuple(f"{_DJI}Gimbal{axis}Degree" for axis in ("Yaw", "Pitch", "Roll")),
    tuple(f"{_PARROT}Camera{axis}Degree" for axis in ("Yaw", "Pitch", "Roll")),
    tuple(f"{_SKYDIO}CameraOrientationNED/{axis}" for axis in ("Yaw", "Pitch", "Roll")),
    tuple(f"{_YUNEEC}Gimbal{axis}" for axis in ("Yaw", "Pitch", "Roll")),
)
_BODIES = tuple(tuple(f"{space}{axis}" for axis in ("Yaw", "Pitch", "Roll")) for space in _CAMERA)
_FORWARD_CAMERAS = ("disco", "bebop")  # of Parrot: the tags have the angles of the drone, whose camera looks forward
_BACKWARD = -45.0  # degrees: no camera looks backward by more; some Autel write the gimbal's pitch in Pix4D's tag


class Height(NamedTuple):
    """A height in meters, what it is, and whether it is one above the ground below or above the place of takeoff."""

    meters: float
    source: str
    above_ground: bool


class Angles(NamedTuple):
    """How a camera was turned, in degrees.

    Attributes:
        yaw: Clockwise from north.
        pitch: Upward.
        roll: Clockwise, seen from behind.
        nadir: Whether the angles turn a camera that looks straight down with north at the top of its picture (Pix4D,
            senseFly), instead of one that looks north to the horizon (gimbals; straight down is a pitch of -90).
    """

    yaw: float
    pitch: float
    roll: float
    nadir: bool = False


class CalibratedFocal(NamedTuple):
    """A focal length in pixels, and the optical center `(x, y)` in the same pixels, if it is known."""

    pixels: float
    center: tuple[float, float] | None


def read_height(xmp: Xmp, model: str) -> Height | None:
    """Returns the height above the ground or the place of takeoff; None if it is unknown, or not above."""
    if _looks_forward(model):
        return None  # the Disco writes 1 m whatever its height
    for tags, above_ground in ((_ABOVE_TAKEOFF, False), (_ABOVE_GROUND, True)):
        for name, source in tags.items():
            meters = xmp_number(xmp, name)
            if meters is not None:
                return Height(meters, source, above_ground)
    return None


def read_position(xmp: Xmp) -> tuple[float, float] | None:
    """Returns latitude and longitude in degrees; None if they are unknown or impossible."""
    for names in _POSITIONS:
        if (position := to_position(*(xmp_number(xmp, name) for name in names))) is not None:
            return position
    return None


def to_position(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    """Returns latitude and longitude in degrees; None if they are unknown, impossible, or 0 as without satellites."""
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return None if latitude == longitude == 0 else (latitude, longitude)


def read_absolute_altitude(xmp: Xmp) -> float | None:
    """Returns the altitude above the sea or the ellipsoid, in meters; None if it is unknown."""
    return xmp_number(xmp, f"{_DJI}AbsoluteAltitude", f"{_SKYDIO}AbsoluteAltitude", f"{_YUNEEC}GPSAltitude")


def read_angles(xmp: Xmp, model: str) -> Angles | None:
    """Returns how the camera was turned; None if it is unknown.

    Three angles of exactly 0 are those of a camera that does not write them, such as the DJI Mini 2.
    """
    if _looks_forward(model):
        return None
    for names, nadir in [*((names, False) for names in _GIMBALS), *((names, True) for names in _BODIES)]:
        yaw, pitch, roll = (xmp_number(xmp, name) for name in names)
        if pitch is None:
            continue
        angles = Angles(yaw or 0.0, pitch, roll or 0.0, nadir and pitch > _BACKWARD)
        if yaw is None or angles[:3] == (0, 0, 0) or max(map(abs, angles[:3])) > 360:
            return None
        return angles
    return None


def read_calibrated_focal(xmp: Xmp) -> CalibratedFocal | None:
    """Returns the focal length in pixels of the camera's own calibration; None if it is unknown."""
    for space in (_DJI, _SKYDIO):
        pixels = xmp_number(xmp, f"{space}CalibratedFocalLength", f"{space}CalibratedFocalLength/X")
        x = xmp_number(xmp, f"{space}CalibratedOpticalCenterX", f"{space}CalibratedOpticalCenter/X")
        y = xmp_number(xmp, f"{space}CalibratedOpticalCenterY", f"{space}CalibratedOpticalCenter/Y")
        if pixels is not None and pixels > 0:
            return CalibratedFocal(pixels, (x, y) if x and y and x > 0 and y > 0 else None)
    return None


def _looks_forward(model: str) -> bool:
    return model.lower().startswith(_FORWARD_CAMERAS)
