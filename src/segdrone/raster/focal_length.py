"""Find the focal length of a camera in pixels of its photograph, and how well it is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from segdrone.raster.drone_tags import CalibratedFocal
from segdrone.raster.numbers import finite_number
from segdrone.windows import Size

_FOCAL_LENGTH, _FOCAL_LENGTH_35MM, _DIGITAL_ZOOM = 0x920A, 0xA405, 0xA404  # EXIF tags
_WIDTH, _PLANE_X, _PLANE_UNIT = 0xA002, 0xA20E, 0xA210
_UNITS = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # millimeters, of the resolution in the plane of the sensor
_FILM_WIDTH = 36.0  # mm, of film of 36 x 24 mm
_FILM_DIAGONAL = math.hypot(36.0, 24.0)
_SENSOR_WIDTHS = (1.0, 60.0)  # mm that are plausible; some cameras write the resolution of a print
_VIEWS = (0.1, 100.0)  # focal lengths by the longer side: fields of view of 157 to 0.6 degrees
_CONTRADICTION = 0.25
_SAME_SHAPE = 0.03  # by which two ratios of width and height may differ

_FOUR_THIRDS, _ONE_INCH, _HALF_INCH, _SMALL, _FULL = (17.3, 13.0), (13.2, 8.8), (6.4, 4.8), (6.17, 4.55), (36.0, 24.0)
SENSORS: Mapping[str, tuple[float, float]] = {
    "fc300s": _SMALL, "fc300x": _SMALL, "fc330": _SMALL, "fc350": _SMALL,  # Phantom 3 and 4, Zenmuse X3
    "fc220": _SMALL, "fc2204": _SMALL, "fc2103": _SMALL, "fc7203": _SMALL, "fc7303": _SMALL,  # Mavic, Air, Mini, Mini 2
    "fc6310": _ONE_INCH, "fc6310s": _ONE_INCH, "fc6310r": _ONE_INCH,  # Phantom 4 Pro, Phantom 4 RTK
    "l1d-20c": _ONE_INCH, "fc3411": _ONE_INCH, "fc6510": _ONE_INCH,  # Mavic 2 Pro, Air 2S, Zenmuse X4S
    "fc3170": _HALF_INCH,  # Mavic Air 2
    "l2d-20c": _FOUR_THIRDS, "fc6520": _FOUR_THIRDS, "fc550": _FOUR_THIRDS,  # Mavic 3, Zenmuse X5S and X5
    "zenmusep1": _FULL,
    "s.o.d.a.": (12.75, 8.5),  # senseFly
    "xt701": _HALF_INCH, "xt705": _ONE_INCH,  # Autel EVO II, EVO II Pro
}  # fmt: skip
"""Width and height in mm of the sensors of drones, by the model in the EXIF data, from the makers' specifications."""


class FocalLength(NamedTuple):
    """A focal length in pixels of the photograph as it is stored.

    Attributes:
        pixels: The focal length.
        source: How it is known.
        uncertainty: By which share of itself it may be wrong.
    """

    pixels: float
    source: str
    uncertainty: float


def find_focal_length(
    details: Mapping[int, Any], model: str, calibrated: CalibratedFocal | None, size: Size
) -> tuple[FocalLength | None, str]:
    """Returns the focal length of a photograph, the best known one first, and what is wrong with it, if anything.

    1. The camera's own calibration, in pixels. It is scaled if the photograph was reduced since, and not used if it
       has another shape, as that of an infrared camera beside the calibrated one.
    2. Millimeters, by the resolution in the plane of the sensor, or by the size of the sensor (`SENSORS`).
    3. The focal length that is as long on film of 36 x 24 mm, by the diagonal (CIPA DCG-001); a photograph that is
       wider than 3:2 is one that was cut above and below. It is a whole number of millimeters, hence 4 %.

    Where two of these differ by more than they may, the uncertainty is their difference; by more than a quarter, the
    focal length is unknown, as digital zoom that the camera does not tell may be the reason.

    Args:
        details: The EXIF data.
        model: Model of the camera.
        calibrated: Focal length of the camera's own calibration.
        size: Height and width of the photograph as it is stored.

    Example:
        >>> find_focal_length({0xA405: 24}, "", None, (3648, 5472))
        (FocalLength(pixels=3648.0, source='35 mm focal length', uncertainty=0.04), '')
    """
    zoom = finite_number(details.get(_DIGITAL_ZOOM))
    if zoom is not None and zoom > 1.01:
        return None, f"digital zoom {zoom:.1f}: the field of view is unknown"
    found = [focal for focal in _focal_lengths(details, model, calibrated, size) if _is_plausible(focal, size)]
    if not found:
        return None, "no focal length"
    best = found[0]
    differences = {other: abs(other.pixels / best.pixels - 1) for other in found}
    worst = max(found, key=differences.__getitem__)
    if differences[worst] <= best.uncertainty + worst.uncertainty:
        return best, ""
    text = f"{best.source} and {worst.source} differ by {differences[worst]:.0%}"
    if differences[worst] > _CONTRADICTION:
        return None, text
    return best._replace(uncertainty=round(differences[worst], 3)), text


def _is_plausible(focal: FocalLength, size: Size) -> bool:
    return _VIEWS[0] < focal.pixels / max(size) < _VIEWS[1]


def _focal_lengths(
    details: Mapping[int, Any], model: str, calibrated: CalibratedFocal | None, size: Size
) -> Iterator[FocalLength]:
    longer, shorter, width = max(size), min(size), size[1]
    if calibrated is not None:
        scale = _scale(calibrated, details, size)
        if scale is not None:
            yield FocalLength(calibrated.pixels * scale, "calibrated focal length", 0.01)
    millimeters = finite_number(details.get(_FOCAL_LENGTH))
    if millimeters is not None and millimeters > 0:
        resolution = finite_number(details.get(_PLANE_X))
        original = finite_number(details.get(_WIDTH)) or width
        unit = _UNITS.get(int(finite_number(details.get(_PLANE_UNIT)) or 2), 25.4)
        if resolution is not None and resolution > 0:
            sensor = original / resolution * unit
            if _SENSOR_WIDTHS[0] < sensor < _SENSOR_WIDTHS[1]:
                yield FocalLength(millimeters * width / sensor, "focal length, focal plane resolution", 0.02)
        known = SENSORS.get(model.strip().lower())
        if known is not None:
            pitch = min(known[0] / longer, known[1] / shorter)  # mm; a photograph may show a part of the sensor
            yield FocalLength(millimeters / pitch, f"focal length, sensor of {model.strip()}", 0.02)
    equivalent = finite_number(details.get(_FOCAL_LENGTH_35MM))
    if equivalent is not None and equivalent > 0:
        film = min(_FILM_WIDTH, _FILM_DIAGONAL * longer / math.hypot(*size))
        yield FocalLength(equivalent * longer / film, "35 mm focal length", 0.04)


def _scale(calibrated: CalibratedFocal, details: Mapping[int, Any], size: Size) -> float | None:
    """Returns the pixels of the photograph per pixel of the calibration; None if it is of another camera."""
    height, width = size
    if calibrated.center is not None:
        whole = 2 * calibrated.center[0], 2 * calibrated.center[1]
        if abs(whole[0] / whole[1] * height / width - 1) < _SAME_SHAPE:
            scale = width / whole[0]
            return 1.0 if abs(scale - 1) < 0.05 else scale  # optical centers are not exactly in the middle
    original = finite_number(details.get(_WIDTH))
    if original == width:  # another shape: a photograph may be cut above and below
        return 1.0 if calibrated.center is None or abs(2 * calibrated.center[0] / width - 1) < 0.05 else None
    return None
