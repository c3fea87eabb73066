"""Flights over ground of our own: photographs with EXIF and XMP data, and their masks as predictions.

`python -m tests.helpers.flight docs/flight.jpg` draws the picture of docs/flight.md.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from pyproj import Geod, Transformer

from segdrone.classes import DRONE, ClassTable
from segdrone.synthetic import render_scene
from segdrone.utils.digest import file_digest
from tests.helpers.capture import dji_xmp, save_with_exif

ORIGIN = (47.07, 15.44)
"""Latitude and longitude of the center of the ground."""

FOCAL_MM = 24
GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Shot:
    """Where a photograph is taken, in meters east and north of `ORIGIN` and above the ground, and how."""

    name: str
    east: float
    north: float
    height: float = 40.0
    yaw: float = 0.0
    pitch: float = -90.0
    roll: float = 0.0

    @property
    def position(self) -> tuple[float, float]:
        """Latitude and longitude."""
        azimuth, distance = np.degrees(np.arctan2(self.east, self.north)), np.hypot(self.east, self.north)
        longitude, latitude, _ = GEOD.fwd(ORIGIN[1], ORIGIN[0], azimuth, distance)
        return latitude, longitude


@dataclass(frozen=True)
class Ground:
    """Flat ground around `ORIGIN`: values `[H, W]` or `[H, W, 3]`, row 0 in the north, of cells so many meters wide."""

    values: NDArray[np.uint8]
    cell: float

    def at(self, east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Returns the values at places in meters from `ORIGIN`; those of the border beyond it."""
        height, width = self.values.shape[:2]
        rows = np.floor(height / 2 - north / self.cell).astype(int).clip(0, height - 1)
        columns = np.floor(width / 2 + east / self.cell).astype(int).clip(0, width - 1)
        values: NDArray[np.uint8] = self.values[rows, columns]
        return values


def look(ground: Ground, shot: Shot, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Returns what a camera sees of the ground: a ray for each pixel, turned by OpenCV's rotation vectors."""
    height, width = size
    focal = FOCAL_MM * width / 36
    turns = [
        cv2.Rodrigues(np.radians(angle) * np.array(axis, np.float64))[0]
        for axis, angle in (((0, 0, 1), shot.yaw), ((0, 1, 0), shot.pitch), ((1, 0, 0), shot.roll))
    ]
    across, down = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    rays = np.stack([np.full(size, focal), across, down], axis=-1) @ (turns[0] @ turns[1] @ turns[2]).T
    scale = shot.height / rays[..., 2]
    return ground.at(shot.east + rays[..., 1] * scale, shot.north + rays[..., 0] * scale)


def write_flight(
    folder: Path,
    ground: Ground,
    shots: Sequence[Shot],
    *,
    picture: Ground | None = None,
    size: tuple[int, int] = (80, 120),
    table: ClassTable = DRONE,
) -> tuple[Path, Path]:
    """Writes the photographs of a flight, and their true masks as `segdrone predict` writes them; returns both folders.

    Args:
        folder: Where to write.
        ground: Class ids.
        shots: The photographs.
        picture: Colors of the ground; gray by default.
        size: Height and width of the photographs, 2 to 3.
        table: The classes.
    """
    photographs, predicted = folder / "photographs", folder / "predicted"
    photographs.mkdir(parents=True)
    (predicted / "masks").mkdir(parents=True)
    rows = [["path", "mask", "height", "width", "digest", "confidence"]]
    for shot in shots:
        pixels = np.full((*size, 3), 90, np.uint8) if picture is None else look(picture, shot, size)
        xmp = dji_xmp(shot.height, (shot.yaw, shot.pitch, shot.roll))
        file = save_with_exif(photographs / f"{shot.name}.jpg", shot.position, xmp=xmp, focal=FOCAL_MM, pixels=pixels)
        Image.fromarray(look(ground, shot, size)).save(predicted / "masks" / f"{shot.name}.png")
        row = [file.name, f"masks/{shot.name}.png", *map(str, size), file_digest(file), "1.000000"]
        rows.append(row)
    with (predicted / "summary.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    (predicted / "predict.json").write_text(json.dumps({"classes": table.to_dict()}))
    return photographs, predicted


def draw_picture(out: Path) -> None:
    """Draws a flight over a rendered scene: footprints on the ground, and the mosaic of the masks beside them."""
    scene = render_scene(704, 1056, 4)
    ground, picture = Ground(scene.mask, 0.1), Ground(scene.image, 0.1)
    rng, shots = np.random.default_rng(1), []
    for number, (north, east) in enumerate((n, e) for n in (-22, -8, 8, 22) for e in range(-36, 37, 12)):
        turn, lean, off = 90.0 if north in (-22, 8) else -90.0, rng.normal(0, 3, 3), rng.normal(0, 1, 2)
        angles = turn + lean[0], min(-90 + abs(lean[1]), -80), lean[2]
        shots.append(Shot(f"{number:02d}", east + off[0], north + off[1], 16.0, *angles))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photographs, predicted = write_flight(folder, ground, shots, picture=picture, size=(400, 600))
        for name, *arguments in (("footprints", photographs), ("mosaic", predicted, photographs)):
            file = folder / ("out.geojson" if name == "footprints" else "out.tif")
            subprocess.run(["segdrone", "geo", name, *map(str, arguments), "--out", file], check=True)
        outlines = json.loads((folder / "out.geojson").read_text())["features"]
        with rasterio.open(folder / "out.tif") as file:
            mask, transform, crs = file.read(1), file.transform, file.crs
    to_map = Transformer.from_crs(4326, crs, always_xy=True)
    to_ground = Transformer.from_crs(crs, 4326, always_xy=True)
    drawn = [np.full((*mask.shape, 3), 255, np.uint8), DRONE.palette[mask]]
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    longitudes, latitudes = to_ground.transform(*(transform * (columns.ravel() + 0.5, rows.ravel() + 0.5)))
    azimuth, _, distance = GEOD.inv(*np.broadcast_arrays(ORIGIN[1], ORIGIN[0], longitudes, latitudes))
    east, north = distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))
    drawn[0] = picture.at(east, north).reshape(*mask.shape, 3)
    for feature in outlines:
        ring = to_map.transform(*np.array(feature["geometry"]["coordinates"][0]).T)
        points = np.round(np.column_stack(~transform * ring) * 16).astype(np.int32)
        cv2.polylines(drawn[0], [points], True, (255, 220, 0), 3, cv2.LINE_AA, 4)
    both = Image.fromarray(np.concatenate([drawn[0], np.full((mask.shape[0], 24, 3), 255, np.uint8), drawn[1]], axis=1))
    both.thumbnail((1100, 1100))
    both.save(out, quality=72)


if __name__ == "__main__":
    draw_picture(Path(sys.argv[1]))
