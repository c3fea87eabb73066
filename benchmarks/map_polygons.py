"""Compare ways to turn the mask of a large raster into polygons of a GeoPackage: time, memory, gaps and overlaps.

python benchmarks/map_polygons.py --side 16384

Renders two label maps with smooth borders, one of them with 5 % of its pixels replaced at random. Each way runs in a
process of its own, whose peak memory is taken: the streaming tracer, exact and simplified with shared borders, and
`rasterio.features.shapes`, whose polygons are written as they are, or simplified one by one with `shapely.simplify`.
The noisy map is traced in its first rows only. Writes benchmarks/results/map_polygons.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyogrio.raw
import pyproj
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray

from segdrone.classes import ClassTable, generate_colors
from segdrone.geo.areas import PixelAreas
from segdrone.geo.trace import RegionTracer
from segdrone.geo.vectors import polygon_writer
from segdrone.raster.georeference import Georeference
from segdrone.utils.atomic import atomic_write
from segdrone.windows import Size

RESULT = Path(__file__).parent / "results" / "map_polygons.md"
CLASSES, CELL, STRIP = 8, 64, 2048
PIXEL = 0.05  # meters
TOLERANCE = 3.0  # pixels
TABLE = ClassTable(tuple(f"class {number}" for number in range(CLASSES)), generate_colors(CLASSES))
CRS = pyproj.CRS("EPSG:32633").to_wkt()
WAYS = {
    "tracer": "streaming tracer",
    "tracer_simplified": f"streaming tracer, borders simplified by {TOLERANCE:g} pixels",
    "shapes": "rasterio.features.shapes",
    "shapes_simplified": f"rasterio.features.shapes, each polygon simplified by {TOLERANCE:g} pixels",
}


def render(folder: Path, side: int) -> None:
    """Writes `smooth` and `noisy`, uint8 `[side, side]`, row by row."""
    rng = np.random.default_rng(0)
    count = side // CELL + 2
    levels = [cv2.GaussianBlur(rng.normal(size=(count, count)), (0, 0), 1.0) for _ in range(CLASSES)]
    places = ((np.arange(side) + 0.5) / CELL).astype(np.float32)
    with (folder / "smooth").open("wb") as smooth, (folder / "noisy").open("wb") as noisy:
        for top in range(0, side, CELL):
            rows = places[top : top + CELL]
            first = int(rows[0])
            x, y = np.meshgrid(places, rows - first)
            parts = [np.ascontiguousarray(level[first : first + 3].astype(np.float32)) for level in levels]
            values = [cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) for part in parts]
            labels = np.argmax(values, axis=0).astype(np.uint8)
            labels.tofile(smooth)
            is_noise = rng.random(labels.shape) < 0.05
            labels[is_noise] = rng.integers(0, CLASSES, int(is_noise.sum()))
            labels.tofile(noisy)


def read(file: Path, size: Size, top: int, height: int) -> NDArray[np.uint8]:
    """Reads rows of a map."""
    height = min(height, size[0] - top)
    return np.fromfile(file, np.uint8, height * size[1], offset=top * size[1]).reshape(height, size[1])


def by_tracer(file: Path, size: Size, path: Path, tolerance: float | None) -> None:
    """Writes polygons by the streaming tracer."""
    place = Georeference(CRS, (PIXEL, 0.0, 5e5, 0.0, -PIXEL, 5.2e6))
    areas = PixelAreas(place, size)
    tracer = RegionTracer(size, areas, tolerance=tolerance)
    with polygon_writer(path, TABLE, place, areas) as writer:
        for top in range(0, size[0], STRIP):
            writer.write(tracer.add(read(file, size, top, STRIP)))


def by_shapes(file: Path, size: Size, path: Path, tolerance: float | None) -> None:
    """Writes polygons by rasterio, in batches."""
    transform = rasterio.Affine(PIXEL, 0, 5e5, 0, -PIXEL, 5.2e6)
    found: list[Any] = []
    values: list[float] = []

    def write() -> None:
        polygons = np.array([shapely.geometry.shape(geometry) for geometry in found])
        if tolerance is not None:
            polygons = shapely.simplify(polygons, tolerance * PIXEL)
        names = np.array([TABLE.names[int(value)] for value in values], object)
        fields = [names, np.array(values), shapely.area(polygons)]
        pyogrio.raw.write(
            path, shapely.to_wkb(polygons), fields, ["class", "class_id", "area"], layer="regions", driver="GPKG",
            geometry_type="Polygon", crs=CRS, append=path.exists(),
        )  # fmt: skip
        found.clear()
        values.clear()

    for geometry, value in rasterio.features.shapes(read(file, size, 0, size[0]), transform=transform):
        found.append(geometry)
        values.append(value)
        if len(found) == 20_000:
            write()
    write()


def measure(file: Path, size: Size, way: str) -> dict[str, float]:
    """Runs a way in this process."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        path = Path(folder, "map.gpkg")
        run = by_tracer if way.startswith("tracer") else by_shapes
        start, cpu = time.perf_counter(), time.process_time()
        run(file, size, path, TOLERANCE if way.endswith("simplified") else None)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        peak = int(status["VmHWM"].split()[0]) / 2**20  # ru_maxrss would include the process that started this one
        info = pyogrio.read_info(path, layer="regions")
        found = {
            "seconds": seconds,
            "cpu": cpu,
            "GB": peak,
            "regions": info["features"],
            "MB": path.stat().st_size / 1e6,
        }
        return found | (_faults(path, size) if info["features"] < 200_000 else {})


def _faults(path: Path, size: Size) -> dict[str, float]:
    """Returns what polygons cover twice, and not at all, in percent of the raster."""
    polygons = shapely.from_wkb(pyogrio.raw.read(path, layer="regions", columns=[])[2])
    is_invalid = ~shapely.is_valid(polygons)
    total, frame = shapely.area(polygons).sum(), size[0] * size[1] * PIXEL**2
    covered = shapely.union_all(shapely.make_valid(polygons)).area
    corners = int(shapely.get_num_coordinates(polygons).sum())
    return {
        "corners": corners,
        "invalid": int(is_invalid.sum()),
        "overlap": 100 * max(total - covered, 0) / frame,
        "gap": 100 * max(frame - covered, 0) / frame,
    }


def main() -> None:
    """Measures all ways on both maps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=16384, help="rows and columns of the maps")
    parser.add_argument("--noisy-rows", type=int, default=1024, help="rows of the noisy map that are traced")
    parser.add_argument("--work", type=Path, help="folder for the maps (default: a temporary one)")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        file, rows, way = options.one
        print(json.dumps(measure(Path(file), (int(rows), options.side), way)))
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        render(Path(folder), options.side)
        lines = []
        for name, rows in (("smooth", options.side), ("noisy", min(options.noisy_rows, options.side))):
            for way, text in WAYS.items():
                command = [
                    sys.executable,
                    __file__,
                    "--side",
                    str(options.side),
                    "--one",
                    str(Path(folder, name)),
                    str(rows),
                    way,
                ]
                done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                lines.append(_line(f"{name}, {options.side} x {rows}", text, done))
                print(lines[-1], flush=True)
    machine = platform.processor() or platform.machine()
    head = (
        f"Label maps of 0.05 m pixels, one thread, {machine}. Seconds are of a machine that did other work too.\n\n"
        "map | way | seconds | CPU | memory, GB | regions | file, MB | corners | invalid | overlaps | gaps\n"
        "--- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --:\n"
    )
    with atomic_write(RESULT) as partial:
        partial.write_text(f"{head}{chr(10).join(lines)}\n")


def _line(name: str, text: str, done: dict[str, float]) -> str:
    cells = [name, text, f"{done['seconds']:.0f}", f"{done['cpu']:.0f}", f"{done['GB']:.2f}"]
    cells += [f"{done['regions']:,.0f}", f"{done['MB']:.0f}"]
    if "gap" not in done:
        return " | ".join([*cells, *["-"] * 4])
    faults = [f"{done['corners']:,.0f}", f"{done['invalid']:.0f}", f"{done['overlap']:.4f} %", f"{done['gap']:.4f} %"]
    return " | ".join([*cells, *faults])


if __name__ == "__main__":
    main()
