"""Small rasters with a place on Earth."""

from __future__ import annotations

import cv2
import numpy as np
import pyproj
from numpy.typing import NDArray

from segdrone.geo.polygon_batch import PolygonBatch
from segdrone.raster.georeference import Georeference, Transform

UTM = (0.5, 0.0, 5e5, 0.0, -0.5, 5.2e6)


def place(crs: str = "EPSG:32633", transform: Transform = UTM) -> Georeference:
    """Returns a georeference in a system of EPSG."""
    return Georeference(pyproj.CRS(crs).to_wkt(), transform)


def smooth_labels(seed: int, size: tuple[int, int], classes: int = 4) -> NDArray[np.uint8]:
    """Returns class ids in blobs of some pixels, uint8 `[H, W]`."""
    rng = np.random.default_rng(seed)
    levels = [cv2.GaussianBlur(rng.normal(size=size), (0, 0), 2.0) for _ in range(classes)]
    return np.asarray(np.argmax(levels, axis=0), np.uint8)


def rings_of(batch: PolygonBatch, polygon: int) -> list[NDArray[np.int32]]:
    """Returns the rings of a polygon, the exterior first."""
    rings = range(int(batch.polygon_starts[polygon]), int(batch.polygon_starts[polygon + 1]))
    return [batch.points[batch.ring_starts[ring] : batch.ring_starts[ring + 1]] for ring in rings]
