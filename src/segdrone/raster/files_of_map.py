"""List the files that GDAL reads with a map, and recognize their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, canonicalize, tostring

from segdrone.errors import DataError
from segdrone.raster.gdal import gdal_errors, gdal_options
from segdrone.raster.map_file import map_driver
from segdrone.utils.bounded import UnreadableError, read_xml
from segdrone.utils.digest import Facts, measure_file

_METADATA = ".aux.xml"
_BESIDE = (".ovr", ".msk", ".msk.ovr", _METADATA)


def with_sources(files: Iterable[str | Path]) -> list[Path]:
    """Returns files and, of each VRT among them, the files that it reads, in the order in which they are met.

    GDAL lists the sources of a VRT, and neither their overviews and masks nor the sources of a VRT in it. Metadata that
    hold statistics alone are left out: a GIS writes them when it shows a raster.

    Args:
        files: Those that GDAL lists for an open raster; what is no file is left out.
    """
    found: dict[Path, None] = {}
    todo = [*map(Path, files)]
    while todo:
        file = todo.pop(0)
        if file in found or not file.is_file() or _without_statistics(file) == b"":
            continue
        found[file] = None
        todo += [file.with_name(file.name + end) for end in _BESIDE]
        todo += _sources(file)
    return [*found]


def measure_file_of_map(file: Path) -> Facts:
    """Returns size and SHA-256 of one of these files, as `measure_file`; of metadata, those without statistics.

    Raises:
        OSError: It cannot be read.
    """
    content = _without_statistics(file)
    return measure_file(file) if content is None else [len(content), hashlib.sha256(content).hexdigest()]


def _without_statistics(file: Path) -> bytes | None:
    """Returns what metadata say apart from statistics, empty if that is nothing; None if the file is none."""
    try:
        root = read_xml(file) if file.name.endswith(_METADATA) else None
    except UnreadableError:
        return None
    if root is None:
        return None
    has_any = bool(len(root))
    for parent in [*root.iter()][::-1]:  # the inner ones first
        for child in [*parent]:
            if _is_statistics(child):
                parent.remove(child)
    return b"" if has_any and not len(root) else canonicalize(tostring(root), strip_text=True).encode()


def _is_statistics(part: Element) -> bool:
    """Whether a part of metadata is statistics, or held nothing else."""
    is_empty = part.tag in ("Metadata", "PAMRasterBand") and not len(part)
    return is_empty or part.tag == "Histograms" or part.get("key", "").startswith("STATISTICS_")


def _sources(file: Path) -> list[Path]:
    unreadable: tuple[type[Exception], ...] = (DataError, *gdal_errors())
    try:
        if file.suffix.lower() == ".xml" or map_driver(str(file)) != "VRT":
            return []
        with gdal_options() as rasterio, rasterio.open(file, driver="VRT", sharing=False) as opened:
            return [*map(Path, opened.files)]
    except unreadable:  # a world file, or a VRT that is read with --remote alone
        return []
