"""Read the photographs of a flight, and write where they were taken and what ground they show."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from segdrone.errors import ConfigError, DataError
from segdrone.geo.footprints import Outline, covered_area, place_corners, to_geometry
from segdrone.inference.inputs import InputImage, find_inputs
from segdrone.inference.summary import csv_line, write_lines
from segdrone.raster.capture import Capture, read_capture
from segdrone.raster.geo_libraries import library
from segdrone.raster.ground_view import GroundView, view_ground
from segdrone.utils.atomic import atomic_write, writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.progress import progress_bar

PROPERTIES = (
    "file", "time", "height_m", "height_source", "altitude_m", "gsd_cm", "gsd_source", "uncertainty", "area_m2", "yaw",
    "pitch", "roll", "reason",
)  # fmt: skip
"""Properties of a photograph, which are also columns of the table."""

_COLUMNS = (*PROPERTIES[:2], "latitude", "longitude", *PROPERTIES[2:])


@dataclass(frozen=True)
class FlightPhotograph:
    """A photograph of a flight.

    Attributes:
        image: The file.
        capture: What it says of itself.
        view: What it shows of the ground.
        outline: Its footprint; None if it is unknown.
    """

    image: InputImage
    capture: Capture
    view: GroundView
    outline: Outline | None

    @property
    def reason(self) -> str:
        """What is unknown or in doubt, and why; empty if nothing is."""
        missing = "" if self.capture.position is not None else "no position"
        return "; ".join(filter(None, (missing, self.view.reason)))

    @property
    def properties(self) -> dict[str, Any]:
        """Values of `PROPERTIES`; None and empty texts are unknown.

        Heights and areas are in meters and square meters, angles in degrees. The pitch is that of the view, -90 for
        straight down whatever the camera's maker calls it; yaw and roll are as the camera writes them.
        """
        capture, view, angles = self.capture, self.view, self.capture.angles
        yaw, roll = (None, None) if angles is None else (angles.yaw, angles.roll)
        values = (
            self.image.path, capture.time,
            _round(capture.height, 2), capture.height_source, _round(capture.altitude, 2),
            _round(view.gsd, 3, 100), view.source, _round(view.uncertainty, 3), _round(view.area, 1),
            _round(yaw, 2), _round(None if view.tilt is None else view.tilt - 90, 2), _round(roll, 2),
            self.reason,
        )  # fmt: skip
        return dict(zip(PROPERTIES, values, strict=True))


@dataclass(frozen=True)
class Flight:
    """The photographs of a flight.

    Attributes:
        photographs: Sorted by path.
        failed: The reason for each file that cannot be read, by path.
    """

    photographs: Sequence[FlightPhotograph]
    failed: dict[str, str]

    @property
    def outlines(self) -> list[Outline]:
        """The footprints that are known."""
        return [found.outline for found in self.photographs if found.outline is not None]


def find_flight(inputs: Sequence[str | Path]) -> list[InputImage]:
    """Returns the photographs of files, folders and patterns, sorted by path, as `segdrone predict` names them.

    Raises:
        DataError: An input is missing, cannot be read, or contains no photograph.
        ConfigError: Two photographs would have the same name.
    """
    return find_inputs(inputs, Path(inputs[0]) / ".geo")  # no folder of predictions


def read_flight(images: Sequence[InputImage], *, progress: bool = False) -> Flight:
    """Reads the headers of photographs, and places their footprints on Earth; no pixel is decoded.

    Args:
        images: The photographs.
        progress: Whether to show progress on stderr if it takes time.

    Raises:
        ConfigError: The extra `geo` is not installed.
    """
    for module in ("pyproj", "shapely"):
        library(module)
    photographs, failed = [], {}
    for image in progress_bar(images, "reading", unit="photograph", delay=2, leave=False, disable=not progress):
        try:
            capture = read_capture(image.file)
        except DataError as error:
            failed[image.path] = one_line(error)
            continue
        view, outline = view_ground(capture), None
        if capture.position is not None and view.corners is not None:
            outline = place_corners(capture.position, view.corners)
        photographs.append(FlightPhotograph(image, capture, view, outline))
    return Flight(photographs, failed)


def write_flight(flight: Flight, out: Path) -> Path:
    """Writes photographs as GeoJSON, and as a table of the same name with the suffix `.csv`, each whole or not at all.

    Each photograph is a feature: its footprint, else the point where it was taken, else without a geometry.

    Args:
        flight: The photographs.
        out: The file, with the suffix `.geojson` or `.json`.

    Returns:
        The table.

    Raises:
        ConfigError: The file has another suffix, or the extra `geo` is not installed.
        DataError: No photograph has a position, or a file cannot be written.
    """
    if out.suffix.lower() not in (".geojson", ".json"):
        raise ConfigError(f"--out {out} must be a GeoJSON file, such as {out.with_suffix('.geojson')}")
    if not any(found.capture.position for found in flight.photographs):
        raise DataError(
            f"none of {len(flight.photographs)} photographs has a position in its EXIF or XMP data: give the files as "
            "the drone wrote them"
        )
    features = [
        {"type": "Feature", "geometry": _geometry(found), "properties": found.properties}
        for found in flight.photographs
    ]
    rows = ",\n".join(json.dumps(feature, allow_nan=False) for feature in features)
    lines = [csv_line(_COLUMNS)]
    for found in flight.photographs:
        latitude, longitude = found.capture.position or (None, None)
        values = found.properties | {"latitude": _round(latitude, 8), "longitude": _round(longitude, 8)}
        lines.append(csv_line("" if values[name] is None else str(values[name]) for name in _COLUMNS))
    table = out.with_suffix(".csv")
    with writable_dir(out.parent):
        with atomic_write(out) as partial:
            partial.write_text(f'{{"type": "FeatureCollection", "features": [\n{rows}\n]}}\n', encoding="ascii")
        write_lines(lines, table, sync=True)
    return table


def describe_flight(flight: Flight) -> list[str]:
    """Returns lines for the terminal: photographs, the area that they cover, ground sampling distance, and the rest."""
    photographs, outlines = flight.photographs, flight.outlines
    positions = sum(found.capture.position is not None for found in photographs)
    lines = [f"{len(photographs)} photographs, {positions} with a position, {len(outlines)} with a footprint"]
    if outlines:
        union, total = covered_area(outlines)
        lines.append(f"{union:,.0f} m2 covered, each place by {total / union:.1f} photographs on average")
    known = [found.view for found in photographs if found.view.gsd is not None]
    if known:
        sizes = [100 * view.gsd for view in known if view.gsd is not None]
        shares = [view.uncertainty for view in known if view.uncertainty is not None]
        lines.append(
            f"ground sampling distance {median(sizes):.2f} cm (median; {min(sizes):.2f} to {max(sizes):.2f}), "
            f"standard uncertainty {median(shares):.0%}"
        )
    for text, is_placed in (("without a footprint", False), ("in doubt", True)):
        found_here = (found for found in photographs if (found.outline is not None) == is_placed and found.reason)
        reasons = Counter(found.reason for found in found_here)
        lines += [f"{count} {text}: {reason}" for reason, count in sorted(reasons.items(), key=_by_count)[:5]]
    return lines


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _geometry(found: FlightPhotograph) -> dict[str, Any] | None:
    if found.outline is not None:
        return to_geometry(found.outline)
    if found.capture.position is None:
        return None
    latitude, longitude = found.capture.position
    return {"type": "Point", "coordinates": [_round(longitude, 8), _round(latitude, 8)]}


def _round(value: float | None, decimals: int, factor: float = 1) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value * factor, decimals) + 0.0
