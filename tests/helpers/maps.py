"""Small maps for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.gdal import import_rasterio

UTM = "EPSG:32633"
TRANSFORM = (0.05, 0.0, 500_000.0, 0.0, -0.05, 5_200_000.0)


def write_map(
    path: Path,
    bands: NDArray[Any],
    crs: str | None = UTM,
    transform: tuple[float, ...] | None = TRANSFORM,
    overviews: tuple[int, ...] = (),
    colors: str = "",
    mask: NDArray[np.bool_] | None = None,
    **profile: Any,
) -> Path:
    """Writes bands, `[bands, H, W]`, as a GeoTIFF; `colors` names what bands are, such as `red green blue alpha`."""
    rasterio = import_rasterio()
    count, height, width = bands.shape
    options = {"driver": "GTiff", "tiled": True, "blockxsize": 64, "blockysize": 64, **profile}
    place = None if transform is None else rasterio.Affine(*transform)
    size = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
    with rasterio.open(path, "w", crs=crs, transform=place, **size, **options) as file:
        if colors:
            file.colorinterp = [getattr(rasterio.enums.ColorInterp, name) for name in colors.split()]
        file.write(bands)
        if mask is not None:
            file.write_mask(mask)
        if overviews:
            file.build_overviews(list(overviews), rasterio.enums.Resampling.average)
    return path
