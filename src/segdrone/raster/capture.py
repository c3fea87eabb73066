"""Read when, where and how a photograph was taken, from its EXIF and XMP data; no pixel is decoded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.drone_tags import (
    Angles,
    read_absolute_altitude,
    read_angles,
    read_calibrated_focal,
    read_height,
    read_position,
    to_position,
)
from segdrone.raster.focal_length import FocalLength, find_focal_length
from segdrone.raster.header import TRANSPOSED, Header, open_file, read_header
from segdrone.raster.numbers import finite_number
from segdrone.raster.xmp import Xmp, read_xmp
from segdrone.windows import Size

_MODEL, _SOFTWARE, _DATE_TIME, _EXIF_IFD, _GPS_IFD = 0x0110, 0x0131, 0x0132, 0x8769, 0x8825  # EXIF tags
_DATE_TIME_ORIGINAL, _OFFSET_TIME_ORIGINAL = 0x9003, 0x9011
_LATITUDE, _LONGITUDE = (1, 2), (3, 4)  # GPS tags: reference, and degrees, minutes, seconds
_HEMISPHERES = tuple(product("NS", "EW"))
_ALTITUDE_REFERENCE, _ALTITUDE = 5, 6
_XMP_MODEL = "{http://ns.adobe.com/tiff/1.0}Model"
_PROJECTION = "{http://ns.google.com/photos/1.0/panorama}ProjectionType"
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_HEIGHTS = (0.5, 10_000.0)  # meters; a drone on the ground measures noise
_ALTITUDES = (-500.0, 10_000.0)  # meters above the sea, of any land and of any drone
_EDITORS = (  # a viewer of Windows turns the pixels of photographs, and leaves what the drone wrote of its direction
    "photo viewer",
    "photoshop",
    "lightroom",
    "gimp",
    "picasa",
    "paint",
    "irfanview",
    "xnview",
    "snapseed",
)
_FAR = 0.001  # degrees, about 100 m


@dataclass(frozen=True)
class Capture:
    """When, where and how a photograph was taken.

    Attributes:
        time: ISO 8601, such as `2024-05-01T10:22:33`, with the offset from UTC if the file gives it; empty if unknown.
        position: Latitude and longitude in degrees (WGS 84); None if unknown.
        height: Height above the place of takeoff, or above the ground, in meters; None if unknown. The altitude in
            EXIF data is no such height: it is one above the sea, or what the firmware took for it.
        footprint: Longer side of the ground that the photograph shows in meters, if it was taken straight down; None
            if the height or the focal length is unknown.
        height_source: What the height is, such as `relative altitude`; empty if unknown.
        above_ground: Whether the height is one above the ground below, not above the place of takeoff.
        altitude: Altitude above the sea in meters, or the ellipsoid: drones write either; None if unknown.
        angles: How the camera was turned; None if unknown.
        focal: Focal length in pixels; None if unknown.
        size: Height and width in pixels as stored, before the orientation is applied; None if unknown.
        orientation: EXIF orientation, 1 (upright) to 8.
        notes: What is missing or in doubt, one sentence each.
    """

    time: str = ""
    position: tuple[float, float] | None = None
    height: float | None = None
    footprint: float | None = None
    height_source: str = ""
    above_ground: bool = False
    altitude: float | None = None
    angles: Angles | None = None
    focal: FocalLength | None = None
    size: Size | None = None
    orientation: int = 1
    notes: tuple[str, ...] = ()


def read_capture(path: Path) -> Capture:
    """Returns when, where and how a photograph was taken; what the file does not say, or says wrongly, is unknown.

    Raises:
        DataError: The file is missing or not an image.
    """
    header = read_header(path)
    try:
        with open_file(path) as image:
            return _read(image, header)
    except DataError:
        if header.native and header.page is not None:
            return Capture()  # a TIFF that Pillow cannot open
        raise


def _read(image: Image.Image, header: Header) -> Capture:
    if image.format == "PNG" and "exif" not in image.info:
        return Capture()  # Pillow would decode the whole file to find EXIF data behind the pixels
    try:
        exif = image.getexif()
        details, gps = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
        model = exif.get(_MODEL)
    except Exception:  # Pillow raises many types on broken EXIF data, of photographs that are otherwise fine
        return Capture()
    xmp = read_xmp(image)
    if not (details or gps or xmp or model or exif.get(_DATE_TIME)):
        return Capture()
    camera = (str(model) if model else xmp.get(_XMP_MODEL, "")).strip("\0 ")
    software = str(exif.get(_SOFTWARE, "")).lower()
    notes = [f"written again by {name}: it may be turned or cut" for name in _EDITORS if name in software][:1]
    position = _choose_position(gps, read_position(xmp), notes)
    height = read_height(xmp, camera)
    if height is not None and not _HEIGHTS[0] <= height.meters <= _HEIGHTS[1]:
        notes.append(f"{height.source} of {height.meters:g} m")
        height = None
    elif height is None:
        notes.append("no height above the ground")
    size = (header.size[1], header.size[0]) if header.orientation in TRANSPOSED else header.size
    focal, problem = find_focal_length(details, camera, read_calibrated_focal(xmp), size)
    if _PROJECTION in xmp:  # stitched, with the focal length and the direction of one of its photographs
        focal, problem = None, "a panorama, which is no single view"
    notes += [problem] if problem else []
    return Capture(
        time=_time(details.get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME), details.get(_OFFSET_TIME_ORIGINAL)),
        position=position,
        height=None if height is None else height.meters,
        footprint=None if height is None or focal is None else max(size) / focal.pixels * height.meters,
        height_source="" if height is None else height.source,
        above_ground=height is not None and height.above_ground,
        altitude=_altitude(gps, xmp),
        angles=read_angles(xmp, camera),
        focal=focal,
        size=size,
        orientation=header.orientation,
        notes=tuple(notes),
    )


def _time(text: Any, offset: Any) -> str:
    match = _DATE.match(str(text))
    if match is None or match[1] == "0000":
        return ""
    zone = str(offset).strip() if _OFFSET.fullmatch(str(offset).strip()) else ""
    return f"{match[1]}-{match[2]}-{match[3]}T{match[4]}{zone}"


def _position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(gps.get(_LATITUDE[1]), gps.get(_LATITUDE[0]), "S")
    longitude = _degrees(gps.get(_LONGITUDE[1]), gps.get(_LONGITUDE[0]), "W")
    return to_position(latitude, longitude)


def _choose_position(
    gps: Mapping[int, Any], xmp: tuple[float, float] | None, notes: list[str]
) -> tuple[float, float] | None:
    """Returns the position in the EXIF data, else that in the XMP data, and notes where they differ by 100 m.

    Programs such as ExifTool write degrees without their references if they are not told to write these, too.
    """
    exif = _position(gps)
    letters = _letter(gps.get(_LATITUDE[0])), _letter(gps.get(_LONGITUDE[0]))
    if exif is not None and letters not in _HEMISPHERES:
        if xmp is not None:
            return xmp
        notes.append("GPS without N or S, or E or W: taken as north, or east")
    if exif is None or xmp is None:
        return exif or xmp
    if math.dist(exif, xmp) > _FAR:
        notes.append("the positions in EXIF and XMP differ: that in EXIF is taken")
    return exif


def _altitude(gps: Mapping[int, Any], xmp: Xmp) -> float | None:
    """Returns the altitude in XMP, else that in EXIF, whose reference says whether it is below the sea."""
    altitude = read_absolute_altitude(xmp)
    if altitude is None:
        altitude = finite_number(gps.get(_ALTITUDE))
        if altitude is not None and gps.get(_ALTITUDE_REFERENCE) in (1, b"\1", 3, b"\3"):
            altitude = -altitude
    return altitude if altitude is not None and _ALTITUDES[0] < altitude < _ALTITUDES[1] else None


def _degrees(parts: Any, reference: Any, negative: str) -> float | None:
    if not isinstance(parts, tuple | list) or not parts:
        return None
    numbers = [finite_number(part) for part in parts[:3]]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    value = sum(number / 60.0**power for power, number in enumerate(known))
    return -value if _letter(reference) == negative else value


def _letter(reference: Any) -> str:
    """Returns the first letter of a GPS reference, such as N; empty if there is none."""
    text = reference.decode("ascii", "ignore") if isinstance(reference, bytes) else str(reference or "")
    return text.strip("\0 ").upper()[:1]
