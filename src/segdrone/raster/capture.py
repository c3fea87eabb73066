"""Read when and where a photograph was taken, from its EXIF and XMP data; no pixel is decoded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from segdrone.raster.header import open_file, read_header

_DATE_TIME, _EXIF_IFD, _GPS_IFD = 0x0132, 0x8769, 0x8825  # EXIF tags
_DATE_TIME_ORIGINAL, _OFFSET_TIME_ORIGINAL, _FOCAL_LENGTH_35MM = 0x9003, 0x9011, 0xA405
_LATITUDE, _LONGITUDE = (1, 2), (3, 4)  # GPS tags: reference, and degrees, minutes, seconds
_XMP_TAG = 700  # of TIFF
_FILM_WIDTH = 36.0  # mm, of the 35 mm film that the EXIF focal length refers to
_RELATIVE_ALTITUDE = re.compile(rb"RelativeAltitude\s*(?:=\s*[\"']|>)\s*([+-]?\d+(?:\.\d+)?)")  # DJI, in metres
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_OFFSET = re.compile(r"[+-]\d\d:\d\d")


@dataclass(frozen=True)
class Capture:
    """When and where a photograph was taken.

    Attributes:
        time: ISO 8601, such as `2024-05-01T10:22:33`, with the offset from UTC if the file gives it; empty if unknown.
        position: Latitude and longitude in degrees; None if unknown.
        height: Height above the place of takeoff in metres, as DJI writes it; None if unknown. The altitude in EXIF
            data is that above the sea, which says nothing about the ground below.
        footprint: Width of the ground that the photograph shows in metres, if it was taken straight down; None if
            the height or the focal length is unknown.
    """

    time: str = ""
    position: tuple[float, float] | None = None
    height: float | None = None
    footprint: float | None = None


def read_capture(path: Path) -> Capture:
    """Returns when and where a photograph was taken; what the file does not say, or says wrongly, is unknown.

    Raises:
        DataError: The file is missing or not an image.
    """
    header = read_header(path)
    if header.native and header.page is not None:
        return Capture()  # Pillow cannot open it
    with open_file(path) as image:
        if image.format == "PNG" and "exif" not in image.info:
            return Capture()  # Pillow would decode the whole file to find EXIF data behind the pixels
        try:
            exif = image.getexif()
            details, gps = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
        except Exception:  # Pillow raises many types on broken EXIF data, of photographs that are otherwise fine
            return Capture()
        height = _height(image)
        focal = _number(details.get(_FOCAL_LENGTH_35MM))
        return Capture(
            time=_time(details.get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME), details.get(_OFFSET_TIME_ORIGINAL)),
            position=_position(gps),
            height=height,
            footprint=_FILM_WIDTH * height / focal if height and height > 0 and focal and focal > 0 else None,
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
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return None if latitude == longitude == 0 else (latitude, longitude)  # 0, 0: no satellites yet


def _degrees(parts: Any, reference: Any, negative: str) -> float | None:
    if not isinstance(parts, tuple | list) or not parts:
        return None
    numbers = [_number(part) for part in parts[:3]]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    value = sum(number / 60.0**power for power, number in enumerate(known))
    letter = reference.decode("ascii", "ignore") if isinstance(reference, bytes) else str(reference)
    return -value if letter.strip("\0 ").upper().startswith(negative) else value


def _number(value: Any) -> float | None:
    """Returns a finite number; None for anything else, such as the fraction 0/0."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _height(image: Image.Image) -> float | None:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or getattr(image, "tag_v2", {}).get(_XMP_TAG)
    text = xmp.encode("utf-8", "ignore") if isinstance(xmp, str) else xmp
    match = _RELATIVE_ALTITUDE.search(text) if isinstance(text, bytes) else None
    return None if match is None else float(match[1])
