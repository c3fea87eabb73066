"""Photographs that say when, where and how they were taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

DJI = "http://www.dji.com/drone-dji/1.0/"
_MODEL, _ORIENTATION, _XMP, _DETAILS, _GPS = 0x0110, 0x0112, 700, 0x8769, 0x8825


def xmp_packet(
    namespace: str, values: Mapping[str, str], *, prefix: str = "drone-dji", elements: bool = False
) -> bytes:
    """Returns XMP data with these values in one namespace, as attributes or as elements."""
    attributes = "" if elements else " ".join(f'{prefix}:{name}="{value}"' for name, value in values.items())
    children = "".join(f"<{prefix}:{name}>{value}</{prefix}:{name}>" for name, value in values.items() if elements)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:{prefix}="{namespace}" {attributes}>{children}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
    ).encode()


def dji_xmp(height: float, angles: tuple[float, float, float] | None = None, **more: str) -> bytes:
    """Returns XMP data as DJI writes them; the angles are yaw, pitch and roll of the gimbal."""
    values = {"RelativeAltitude": f"{height:+.2f}"}
    for axis, angle in zip(("Yaw", "Pitch", "Roll"), angles or (), strict=False):
        values[f"Gimbal{axis}Degree"] = f"{angle:+.2f}"
    return xmp_packet(DJI, values | more)


def save_with_exif(
    path: Path,
    position: tuple[float, float] | None = None,
    *,
    time: str | None = None,
    height: float | None = None,
    focal: int | None = 24,
    xmp: bytes = b"",
    details: Mapping[int, Any] | None = None,
    gps: Mapping[int, Any] | None = None,
    model: str | None = None,
    orientation: int | None = None,
    pixels: NDArray[np.uint8] | None = None,
) -> Path:
    """Saves a photograph as DJI writes them, in the format of its suffix.

    Args:
        path: The file.
        position: Latitude and longitude in degrees.
        time: Time as EXIF data has it.
        height: Height above takeoff in meters, in XMP data.
        focal: Focal length on film of 36 x 24 mm.
        xmp: Other XMP data.
        details: Further tags of the EXIF data.
        gps: Further tags of the GPS data.
        model: Model of the camera.
        orientation: EXIF orientation.
        pixels: uint8 `[H, W, 3]`; 6 x 9 gray ones by default.
    """
    image = Image.fromarray(np.full((6, 9, 3), 90, np.uint8) if pixels is None else pixels)
    exif, tags, places = image.getexif(), {**(details or {})}, {**(gps or {})}
    tags |= {} if focal is None else {0xA405: focal}
    tags |= {} if time is None else {0x9003: time}
    for tag, value, letters in ((1, position[0], "NS"), (3, position[1], "EW")) if position is not None else ():
        places |= {tag: letters[value < 0], tag + 1: _degrees(abs(value))}
    packet = dji_xmp(height) if height is not None and not xmp else xmp
    if path.suffix == ".tif":  # Pillow writes its directories to JPEGs alone
        known = {_DETAILS: tags, _GPS: places, _XMP: packet, _MODEL: model, _ORIENTATION: orientation}
        image.save(path, tiffinfo={tag: value for tag, value in known.items() if value})
        return path
    exif.get_ifd(_DETAILS).update(tags)
    exif.get_ifd(_GPS).update(places)
    exif.update({tag: value for tag, value in ((_MODEL, model), (_ORIENTATION, orientation)) if value is not None})
    image.save(path, exif=exif, xmp=packet)
    return path


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    minutes = value % 1 * 60
    return IFDRational(int(value)), IFDRational(int(minutes)), IFDRational(round(minutes % 1 * 60 * 10**6), 10**6)
