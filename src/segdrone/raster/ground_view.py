"""Find what part of flat ground a photograph shows, and how large its pixels are there: the pinhole model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.capture import Capture
from segdrone.raster.drone_tags import Angles
from segdrone.windows import Size

MAX_TILT = 20.0
"""Degrees from straight down up to which one ground sampling distance describes a photograph."""

MIN_DEPRESSION = 15.0
"""Degrees below the horizon that each corner must look at; a lower one sees ground farther than 3.7 heights away."""

TAKEOFF_ERROR, GROUND_ERROR = 5.0, 3.0
"""Meters by which a height above the place of takeoff, and one above the ground, may be wrong."""

_GIMBAL_ERROR = math.radians(2)
_UNKNOWN_TILT_ERROR = 0.05  # that of 15 degrees, 1 / cos(15 degrees) ** 1.5

_ORDERS = {2: (1, 0, 3, 2), 3: (2, 3, 0, 1), 4: (3, 2, 1, 0), 5: (0, 3, 2, 1), 6: (3, 0, 1, 2), 7: (2, 1, 0, 3),
           8: (1, 2, 3, 0)}  # fmt: skip
"""By EXIF orientation, the stored corners that are top left, top right, bottom right and bottom left as displayed."""

_DOWN = np.array([0.0, 0.0, 1.0])  # in coordinates north, east, down


@dataclass(frozen=True)
class GroundView:
    """What a photograph shows of flat ground.

    Attributes:
        gsd: Ground sampling distance: the side in meters of a square as large as a pixel's mean area on the ground;
            None if it is unknown, or the camera looked more than `MAX_TILT` from straight down.
        area: Area of the ground in square meters; None if it is unknown.
        corners: Corners of the ground in meters east and north of the point below the camera, float64 `[4, 2]`: top
            left, top right, bottom right and bottom left of the photograph as displayed; None if they are unknown.
        tilt: Angle between the view and straight down in degrees; None if it is unknown.
        source: How `gsd` and `area` are known; empty if they are not.
        uncertainty: Standard uncertainty of `gsd`, as a share of it; that of `area` is twice as much.
        reason: What is unknown or in doubt, and why; empty if nothing is.
    """

    gsd: float | None = None
    area: float | None = None
    corners: NDArray[np.float64] | None = None
    tilt: float | None = None
    source: str = ""
    uncertainty: float | None = None
    reason: str = ""


def view_ground(capture: Capture) -> GroundView:
    """Returns what a photograph shows of the ground, which is taken as flat and as high as the place of takeoff.

    A photograph whose angles are unknown is taken as one from straight above, and its source says so.

    The uncertainty is the root of the sum of three squares:

    - of the height: `TAKEOFF_ERROR` (2 m of barometer and satellites, and ground that is 4.6 m higher or lower than
      the place of takeoff) or `GROUND_ERROR`, divided by the height;
    - of the focal length: `FocalLength.uncertainty`;
    - of the tilt: 2 degrees times 1.5 tan(tilt), the derivative of 1 / cos(tilt) ** 1.5; 5 % if it is unknown.

    Args:
        capture: What the photograph says of itself.

    Example:
        >>> from segdrone.raster.focal_length import FocalLength
        >>> capture = Capture(height=20, height_source="relative altitude", size=(4000, 6000),
        ...                   focal=FocalLength(4000.0, "35 mm focal length", 0.04), angles=Angles(0, -90, 0))
        >>> view = view_ground(capture)
        >>> round(view.gsd, 6), round(view.area, 3), view.corners.round(3).tolist()
        (0.005, 600.0, [[-15.0, 10.0], [15.0, 10.0], [15.0, -10.0], [-15.0, -10.0]])
        >>> view.source, round(view.uncertainty, 3)
        ('relative altitude, 35 mm focal length', 0.253)
    """
    if capture.size is None:
        return GroundView(reason="no EXIF or XMP data")
    reasons = list(capture.notes)
    angles = capture.angles
    tilt = None if angles is None else _tilt(angles)
    if capture.height is None or capture.focal is None:
        return GroundView(tilt=tilt, reason="; ".join(reasons))
    source = f"{capture.height_source}, {capture.focal.source}"
    if angles is None:
        source += ", taken as straight down"
        reasons.append("the direction of the camera is unknown")
    rays = _corner_rays(angles or Angles(0.0, -90.0, 0.0), capture.size, capture.focal.pixels)
    rays = rays[list(_ORDERS.get(capture.orientation, (0, 1, 2, 3)))]
    depression = np.degrees(np.arcsin(np.clip(rays[:, 2] / np.linalg.norm(rays, axis=1), -1, 1)))
    oblique = tilt is not None and tilt > MAX_TILT
    if oblique:
        reasons.append(f"oblique: {tilt:.0f} degrees from straight down")
    if depression.min() < MIN_DEPRESSION:
        lowest = depression.min()
        above = f"only {lowest:.0f} degrees below" if lowest > 0 else "above"
        reasons.append(f"a corner looks {above} the horizon")
        return GroundView(tilt=tilt, reason="; ".join(reasons))
    corners = rays[:, [1, 0]] / rays[:, 2:] * capture.height
    area = _area(corners)
    height_error = (GROUND_ERROR if capture.above_ground else TAKEOFF_ERROR) / capture.height
    tilt_error = _UNKNOWN_TILT_ERROR if tilt is None else 1.5 * math.tan(math.radians(tilt)) * _GIMBAL_ERROR
    return GroundView(
        gsd=None if oblique else math.sqrt(area / math.prod(capture.size)),
        area=area,
        corners=None if angles is None else corners,
        tilt=tilt,
        source=source,
        uncertainty=math.hypot(height_error, capture.focal.uncertainty, tilt_error),
        reason="; ".join(reasons),
    )


def _rotation(angles: Angles) -> NDArray[np.float64]:
    """Returns the matrix from right, down and forward in the picture to north, east and down on Earth.

    The angles turn about the axes z, y and x of the body, in this order (Tait-Bryan, as in aviation). The body of a
    gimbal has x forward, the body of a camera that looks down has x at the top of its picture.
    """
    yaw, pitch, roll = np.radians(angles[:3])
    turn_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    turn_y = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]])
    to_body = [[0, -1, 0], [1, 0, 0], [0, 0, 1]] if angles.nadir else [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    return np.asarray(turn_z @ turn_y @ turn_x @ np.array(to_body), np.float64)


def _tilt(angles: Angles) -> float:
    forward = _rotation(angles)[:, 2]
    return math.degrees(math.acos(min(1.0, max(-1.0, float(forward @ _DOWN)))))


def _corner_rays(angles: Angles, size: Size, focal: float) -> NDArray[np.float64]:
    """Returns where the stored corners look, from top left clockwise, float64 `[4, 3]`: north, east, down."""
    height, width = size
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    return np.asarray(np.concatenate([corners, np.full((4, 1), focal)], axis=1) @ _rotation(angles).T, np.float64)


def _area(corners: NDArray[np.float64]) -> float:
    x, y = corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
