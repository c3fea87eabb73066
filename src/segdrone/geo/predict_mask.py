"""Predict the mask of a map of any size as a GeoTIFF on exactly the grid of the map."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from segdrone.errors import DataError
from segdrone.geo.cog import write_cog
from segdrone.geo.strip_store import StripStore
from segdrone.inference.predictor import Predictor
from segdrone.inference.strips import predict_strips, strip_ends
from segdrone.raster import MapSource
from segdrone.utils.atomic import sync_files, write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window

_BYTES = 3.5  # a pixel, of disk: strips of mask and confidence, and the two GeoTIFFs
_SETTINGS, _DAMAGED = "made_from.json", "damaged.json"


def predict_mask(
    predictor: Predictor,
    source: MapSource,
    mask: Path,
    confidence: Path,
    work: Path,
    made_from: dict[str, Any],
    *,
    progress: bool = True,
) -> list[Path]:
    """Predicts a map strip by strip, and writes its mask and its confidence; no array is as large as the map.

    A call that was interrupted continues, and ends with the same files. The mask has the colors and names of the
    classes, and overviews by the most frequent class; pixels without data have the ignored id.

    Args:
        predictor: The model, at the scale for this map.
        source: The map.
        mask: GeoTIFF of class ids.
        confidence: GeoTIFF of the probability of the class, 255 is 1, and 0 where there is no data.
        work: Folder for strips while the map is predicted; removed at the end.
        made_from: All that the result depends on, as plain values. Strips of other things are thrown away.
        progress: Whether to show a progress bar.

    Returns:
        The files that were written: both GeoTIFFs, and what GDAL keeps beside them.

    Raises:
        DataError: The map cannot be read, or the disk is too small.
        ConfigError: The device's memory is too small for a single window.
    """
    if not _is_of(work, made_from):
        shutil.rmtree(work, ignore_errors=True)
    ends = strip_ends(predictor, source.size)
    _check_space(work, source)
    store = StripStore(work, source.size, ends)
    write_json(made_from, work / _SETTINGS)
    source.damaged += _read_damaged(work)
    with progress_bar(unit="window", desc=Path(source.path).name, disable=not progress) as bar:

        def update(done: int, windows: int) -> None:
            bar.total = windows
            bar.update(done - bar.n)

        if store.done < len(ends):
            for strip in predict_strips(predictor, source, store.done, update):
                write_json([*source.damaged], work / _DAMAGED)
                store.add(strip)
    table, place = predictor.table, source.georeference
    made = work / mask.name, work / confidence.name
    write_cog(
        store.files["classes"], source.size, place, made[0], nodata=table.ignore_index, resampling="mode",
        palette=table.palette, names=table.names,
    )  # fmt: skip
    write_cog(store.files["confidence"], source.size, place, made[1], nodata=0, resampling="average")
    beside = [file.with_name(f"{file.name}.aux.xml") for file in made]  # what GDAL keeps there
    parts = [*(file for file in beside if file.is_file()), *made]
    sync_files(parts)
    return [part.replace(mask.with_name(part.name)) for part in parts]


def _is_of(work: Path, made_from: dict[str, Any]) -> bool:
    try:
        return bool(read_json(work / _SETTINGS) == made_from)
    except UnreadableError:
        return False


def _read_damaged(work: Path) -> list[Window]:
    """Returns what could not be decoded before an interruption."""
    try:
        return [Window(*map(int, part)) for part in read_json(work / _DAMAGED)]
    except (UnreadableError, TypeError, ValueError):
        return []


def _check_space(work: Path, source: MapSource) -> None:
    """Refuses a map whose result does not fit the disk, before hours are spent."""
    height, width = source.size
    needed = int(height * width * _BYTES)
    there = sum(file.stat().st_size for file in work.glob("*")) if work.is_dir() else 0
    existing = next(folder for folder in (work, *work.parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if free + there < needed:
        raise DataError(
            f"{work.parent} has {free / 1e9:.1f} GB free, and the result of {source.path} ({width} x {height} pixels) "
            f"needs about {needed / 1e9:.1f} GB: free disk space, or give another --out"
        )
