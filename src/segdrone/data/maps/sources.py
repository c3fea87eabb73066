"""Recognize the files that tiles are cut from, by their content."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from segdrone.errors import DataError
from segdrone.raster.files_of_map import measure_file_of_map, with_sources
from segdrone.raster.gdal import gdal_options
from segdrone.raster.map_file import MAP_SUFFIXES, map_driver
from segdrone.raster.vector_file import split_layer
from segdrone.utils.digest import file_state

log = logging.getLogger(__name__)


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


def find_rasters(given: Sequence[str], labels: Sequence[str] = ()) -> list[Path]:
    """Returns the files that are given, and those of folders, by name.

    Of a folder, masks that are labels are left out, and so is what a VRT there reads: its ground would be cut twice.

    Args:
        given: Files and folders.
        labels: Files of labels, `FILE` or `FILE|layername=NAME`.

    Raises:
        DataError: A folder has no map, or a file is given twice, or as a map and as labels.
    """
    masks = {split_layer(label)[0].resolve() for label in labels}
    found: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            members = _maps_of_folder(path, masks)
            if not members:
                raise DataError(f"{path} has no map ({', '.join(MAP_SUFFIXES)}): give files of maps")
            found += members
        elif path.resolve() in masks:
            raise DataError(f"{path} is given as a map and as labels: leave it out of one of them")
        else:
            found.append(path)
    real = [path.resolve() for path in found]  # links and other spellings of a path are the same map
    if repeated := [path for i, path in enumerate(found) if real[i] in real[:i]]:
        raise DataError(f"{repeated[0]} is given twice: give each map once")
    return found


def _maps_of_folder(folder: Path, masks: set[Path]) -> list[Path]:
    maps = [file for file in folder.iterdir() if file.suffix.lower() in MAP_SUFFIXES and file.resolve() not in masks]
    virtual = [file for file in maps if file.suffix.lower() == ".vrt"]
    read = {source.resolve() for file in virtual for source in with_sources([file]) if source != file}
    if parts := sorted(file for file in maps if file.resolve() in read):
        log.info(
            "%s: files that are read by a VRT there are not cut once more: %d, such as %s", folder, len(parts),
            parts[0].name,
        )  # fmt: skip
    return sorted(file for file in maps if file not in parts)


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
