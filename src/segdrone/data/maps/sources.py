"""Recognize the files that tiles are cut from, by their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from segdrone.errors import DataError
from segdrone.raster.files_of_map import measure_file_of_map, with_sources
from segdrone.raster.gdal import gdal_options
from segdrone.raster.map_file import MAP_SUFFIXES, map_driver
from segdrone.utils.digest import file_state


class SourceFile(NamedTuple):
    """A file that tiles depend on.

    Attributes:
        path: Its absolute path.
        state: Its `file_state`, by which it is known again without being read.
        sha256: Its content, as `measure_file_of_map` has it.
    """

    path: str
    state: list[int]
    sha256: str


def find_rasters(given: Sequence[str]) -> list[Path]:
    """Returns the files that are given, and those of folders, by name.

    Raises:
        DataError: A file does not exist, or a folder has no map.
    """
    found: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            members = sorted(member for member in path.iterdir() if member.suffix.lower() in MAP_SUFFIXES)
            if not members:
                raise DataError(f"{path} has no map ({', '.join(MAP_SUFFIXES)}): give files of maps")
            found += members
        else:
            found.append(path)
    if repeated := [path for i, path in enumerate(found) if path in found[:i]]:
        raise DataError(f"{repeated[0]} is given twice: give each map once")
    return found


def raster_files(path: Path) -> list[Path]:
    """Returns a raster that has been opened before, and the files that GDAL reads with it."""
    with gdal_options() as rasterio, rasterio.open(path, driver=map_driver(str(path)), sharing=False) as file:
        return with_sources([path, *file.files])


def measure(files: Iterable[Path], known: Mapping[str, SourceFile]) -> list[SourceFile]:
    """Returns the content of files; those that are as they are known are not read again.

    Raises:
        DataError: A file cannot be read.
    """
    return [_measure(file.absolute(), known) for file in files]


def _measure(file: Path, known: Mapping[str, SourceFile]) -> SourceFile:
    state, earlier = file_state(file), known.get(str(file))
    if earlier is not None and earlier.state == state:
        return earlier
    try:
        _, digest = measure_file_of_map(file)
    except OSError:
        digest = ""
    if not digest or file_state(file) != state:
        raise DataError(f"{file} cannot be read, or changes while it is read: wait until it is written")
    return SourceFile(str(file), state, str(digest))


def known_files(manifest: Mapping[str, Any]) -> dict[str, SourceFile]:
    """Returns the files of an earlier cut, by path, from its manifest, which may be of any origin."""
    found = manifest.get("sources")
    known: dict[str, SourceFile] = {}
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], str) and isinstance(entry[2], str):
            known[entry[0]] = SourceFile(*entry)
    return known
