"""Draw predicted masks of a flight together on the map, each warped by its footprint: an approximation to look at."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import ConfigError, DataError
from segdrone.geo.flight import FlightPhotograph, find_flight, read_flight
from segdrone.geo.predicted_masks import PredictedMask, read_predicted_masks
from segdrone.raster.crs import WGS84, transform_between, utm_zone
from segdrone.raster.geo_libraries import library
from segdrone.raster.georeference import Georeference
from segdrone.utils.atomic import atomic_write, writable_dir
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size

log = logging.getLogger(__name__)

MAX_SIDE = 8000
"""Pixels of the longer side of a mosaic at most."""

_TIFF_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Mosaic:
    """Masks on a grid whose rows run from north to south.

    Attributes:
        mask: Class ids, uint8 `[H, W]`; the ignored id where no mask shows the ground.
        table: The classes.
        place: Where the pixels lie, in a zone of UTM.
        crs_name: Name of this system, such as `EPSG:32633`.
        used: Number of masks.
        left_out: The reason for each mask that was not placed, by path of its photograph.
    """

    mask: NDArray[np.uint8]
    table: ClassTable
    place: Georeference
    crs_name: str
    used: int
    left_out: Mapping[str, str]


def make_mosaic(predicted: Path, photographs: Sequence[str | Path], *, progress: bool = False) -> Mosaic:
    """Warps predicted masks by the footprints of their photographs onto one grid.

    Where several masks show a place, that whose camera was nearest to the point above it counts, since it saw the
    place from above. The ground is taken as flat, and nothing is adjusted: borders between masks may be apart by
    meters, as places and angles of the drone are. The pixels have the median ground sampling distance, or more if the
    longer side would exceed `MAX_SIDE`.

    Args:
        predicted: Folder that `segdrone predict` wrote.
        photographs: Files, folders and patterns of the photographs, as they were predicted.
        progress: Whether to show progress on stderr.

    Raises:
        DataError: `predicted` is no such folder, or none of its masks can be placed.
        ConfigError: The extra `geo` is not installed.
    """
    table, masks = read_predicted_masks(predicted)
    flight = read_flight(find_flight(photographs), progress=progress)
    by_path = {found.image.path: found for found in flight.photographs}
    left_out = {mask.path: problem for mask in masks if (problem := _problem(mask, by_path, flight.failed))}
    placed = [(mask, by_path[mask.path]) for mask in masks if mask.path not in left_out]
    _check_any(masks, left_out)
    if doubts := [found for _, found in placed if found.reason]:
        first = doubts[0]
        text = "%d of the masks are placed in doubt, such as that of %s: %s"
        log.warning(text, len(doubts), first.image.path, first.reason)
    crs_name, corners = _project([found for _, found in placed])
    place, size = _grid(corners, _pixel_size([found for _, found in placed]))
    mosaic = np.full(size, table.ignore_index, np.uint8)
    nearest = np.full(size, np.inf, np.float32)
    encoding = MaskEncoding(table.dense, kind="ids", remedy="predict again")
    bar = progress_bar(placed, "warping", unit="mask", delay=2, leave=False, disable=not progress)
    for (mask, _), (outline, below) in zip(bar, corners, strict=True):
        try:
            ids = read_mask(mask.file, encoding)
        except DataError as error:
            left_out[mask.path] = str(error)
            continue
        _paste(mosaic, nearest, ids, _to_grid(outline, place), _to_grid(below[None], place)[0], table.ignore_index)
    _check_any(masks, left_out)
    return Mosaic(mosaic, table, place, crs_name, len(masks) - len(left_out), left_out)


def write_mosaic(mosaic: Mosaic, out: Path) -> list[Path]:
    """Writes a mosaic: `.png` with its world file `.pgw` and `.prj`, or `.tif` as GeoTIFF of class ids with colors.

    Returns:
        The files.

    Raises:
        ConfigError: The file has another suffix, or the extra `geo` is not installed.
        DataError: A file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in (".png", *_TIFF_SUFFIXES):
        raise ConfigError(f"--out {out} must be a PNG or GeoTIFF file, such as {out.with_suffix('.png')}")
    with writable_dir(out.parent):
        if suffix in _TIFF_SUFFIXES:
            _write_geotiff(mosaic, out)
            return [out]
        world, projection = out.with_suffix(".pgw"), out.with_suffix(".prj")
        a, b, c, d, e, f = mosaic.place.transform
        center = (c + (a + b) / 2, f + (d + e) / 2)  # of the first pixel
        with atomic_write(world) as partial:
            partial.write_text("".join(f"{value:.10f}\n" for value in (a, d, b, e, *center)), encoding="ascii")
        with atomic_write(projection) as partial:
            partial.write_text(library("pyproj").CRS(mosaic.crs_name).to_wkt("WKT1_ESRI"), encoding="ascii")
        image = Image.fromarray(mosaic.mask)
        image.putpalette(mosaic.table.palette.tobytes())
        with atomic_write(out) as partial:
            image.save(partial, compress_level=1, transparency=mosaic.table.ignore_index)
    return [out, world, projection]


def _check_any(masks: Sequence[PredictedMask], left_out: Mapping[str, str]) -> None:
    if len(left_out) == len(masks):
        path, reason = min(left_out.items())
        raise DataError(f"none of {len(masks)} masks can be placed, such as that of {path}: {reason}")


def _problem(mask: PredictedMask, by_path: Mapping[str, FlightPhotograph], failed: Mapping[str, str]) -> str:
    """Returns why a mask cannot be placed; empty if it can."""
    found = by_path.get(mask.path)
    if found is None:
        return failed.get(mask.path, "the photograph is missing")
    if found.image.digest != mask.digest:
        return "the photograph is another one than that which was predicted"
    if found.outline is None:
        return found.reason
    return ""


def _project(photographs: Sequence[FlightPhotograph]) -> tuple[str, list[tuple[NDArray[np.float64], Any]]]:
    """Returns the zone of UTM of the first photograph; in it each outline, `[4, 2]`, and the point below its camera."""
    outlines = [found.outline for found in photographs if found.outline is not None]
    crs_name = utm_zone(*outlines[0].mean(axis=0).tolist())
    to_utm = transform_between(WGS84, crs_name)
    placed = []
    for outline, found in zip(outlines, photographs, strict=True):
        assert found.capture.position is not None
        latitude, longitude = found.capture.position
        points = to_utm(np.array([*outline, (longitude, latitude)]))
        placed.append((points[:4], points[4]))
    return crs_name, placed


def _pixel_size(photographs: Sequence[FlightPhotograph]) -> float:
    sizes = []
    for found in photographs:
        assert found.view.area is not None
        assert found.capture.size is not None
        sizes.append(math.sqrt(found.view.area / math.prod(found.capture.size)))
    return median(sizes)


def _grid(corners: Sequence[tuple[NDArray[np.float64], Any]], pixel: float) -> tuple[Georeference, Size]:
    """Returns the georeference and the size of the grid around all outlines."""
    points = np.concatenate([outline for outline, _ in corners])
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() > 1e6:
        raise DataError("the photographs are too far apart for one map: give those of one flight")
    (left, bottom), (right, top) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    pixel = max(pixel, (right - left) / MAX_SIDE, (top - bottom) / MAX_SIDE)
    size = max(1, math.ceil((top - bottom) / pixel)), max(1, math.ceil((right - left) / pixel))
    return Georeference("", (pixel, 0.0, left, 0.0, -pixel, top)), (min(size[0], MAX_SIDE), min(size[1], MAX_SIDE))


def _to_grid(points: NDArray[np.float64], place: Georeference) -> NDArray[np.float64]:
    a, _, c, _, e, f = place.transform
    return (points - [c, f]) / [a, e]


def _paste(
    mosaic: NDArray[np.uint8],
    nearest: NDArray[np.float32],
    ids: NDArray[np.uint8],
    outline: NDArray[np.float64],
    below: NDArray[np.float64],
    ignore_index: int,
) -> None:
    """Warps a mask into the mosaic where its camera is nearer than those before.

    Args:
        mosaic: Class ids, `[H, W]`, changed in place.
        nearest: Distance to the point below the nearest camera in pixels, `[H, W]`, changed in place.
        ids: The mask.
        outline: Its corners in columns and rows of the mosaic, `[4, 2]`.
        below: The point below its camera, `[2]`.
        ignore_index: Id of pixels without data, which are left.
    """
    first = np.floor(outline.min(axis=0)).astype(int).clip(0)
    last = np.ceil(outline.max(axis=0)).astype(int).clip(max=mosaic.shape[::-1])
    width, height = (last - first).tolist()
    if width < 1 or height < 1:
        return
    own = np.array([[0, 0], [ids.shape[1], 0], ids.shape[::-1], [0, ids.shape[0]]])
    own, target = ((points - 0.5).astype(np.float32) for points in (own, outline - first))  # OpenCV counts from centers
    warped = cv2.warpPerspective(
        ids, cv2.getPerspectiveTransform(own, target), (width, height), flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(ignore_index,),
    )  # fmt: skip
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(columns + (0.5 + first[0] - below[0]), rows + (0.5 + first[1] - below[1])).astype(np.float32)
    window = slice(first[1], last[1]), slice(first[0], last[0])
    wins = (warped != ignore_index) & (distance < nearest[window])
    mosaic[window][wins] = warped[wins]
    nearest[window][wins] = distance[wins]


def _write_geotiff(mosaic: Mosaic, out: Path) -> None:
    rasterio, affine = library("rasterio"), library("affine")
    height, width = mosaic.mask.shape
    options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "compress": "deflate", "tiled": True}
    colors = {index: (*color, 255) for index, color in enumerate(mosaic.table.palette.tolist())}
    with atomic_write(out) as partial, rasterio.open(
        partial, "w", width=width, height=height, crs=mosaic.crs_name, nodata=mosaic.table.ignore_index,
        transform=affine.Affine(*mosaic.place.transform), **options,
    ) as file:  # fmt: skip
        file.write(mosaic.mask, 1)
        file.write_colormap(1, colors)
