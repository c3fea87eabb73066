"""List the files that GDAL reads with a map."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segdrone.errors import DataError
from segdrone.raster.gdal import gdal_errors, gdal_options
from segdrone.raster.map_file import map_driver

_BESIDE = (".ovr", ".msk", ".msk.ovr", ".aux.xml")


def with_sources(files: Iterable[str | Path]) -> list[Path]:
    """Returns files and, of each VRT among them, the files that it reads, in the order in which they are met.

    GDAL lists the sources of a VRT, and neither their overviews and masks nor the sources of a VRT in it.

    Args:
        files: Those that GDAL lists for an open raster; what is no file is left out.
    """
    found: dict[Path, None] = {}
    todo = [*map(Path, files)]
    while todo:
        file = todo.pop(0)
        if file in found or not file.is_file():
            continue
        found[file] = None
        todo += [file.with_name(file.name + end) for end in _BESIDE]
        todo += _sources(file)
    return [*found]


def _sources(file: Path) -> list[Path]:
    unreadable: tuple[type[Exception], ...] = (DataError, *gdal_errors())
    try:
        if file.suffix.lower() == ".xml" or map_driver(str(file)) != "VRT":
            return []
        with gdal_options() as rasterio, rasterio.open(file, driver="VRT", sharing=False) as opened:
            return [*map(Path, opened.files)]
    except unreadable:  # a world file, or a VRT that is read with --remote alone
        return []
