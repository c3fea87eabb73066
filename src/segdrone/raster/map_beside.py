"""Refuse what lies beside a map and would make GDAL read other files."""

from __future__ import annotations

from pathlib import Path

from segdrone.errors import ConfigError, DataError
from segdrone.raster.map_file import map_driver
from segdrone.utils.bounded import UnreadableError, read_xml


def check_beside(path: Path, *, remote: bool = False) -> None:
    """Refuses overviews and masks beside a map that are no TIFF, and metadata that name another file as its overview.

    GDAL would open both by any driver. Metadata may, if `remote`.

    Raises:
        DataError: One of them is something else.
        ConfigError: The overview of the map is another file.
    """
    for suffix in (".ovr", ".msk", ".msk.ovr"):
        beside = path.with_name(path.name + suffix)
        if beside.exists() and map_driver(str(beside)) != "GTiff":
            raise DataError(f"{beside} is no TIFF, as overviews and masks of maps are: remove it")
    for suffix in ("", ".ovr", ".msk"):
        beside = path.with_name(f"{path.name}{suffix}.aux.xml")
        if remote or not beside.exists():
            continue
        try:
            parts = [*read_xml(beside).iter()]
        except UnreadableError as error:
            raise DataError(f"{beside} cannot be read ({error}): remove it, or write it again with gdalinfo") from None
        # GDAL compares names without case
        if any(value.upper() == "OVERVIEW_FILE" for part in parts for value in (part.tag, *part.attrib.values())):
            raise ConfigError(f"{path} names another file as its overview: give --remote if you trust the file")
