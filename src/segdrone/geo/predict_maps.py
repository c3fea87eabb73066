"""Predict maps: masks as GeoTIFFs, and the layers that are made of them; after an interruption, continue."""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.geo.areas import PixelAreas
from segdrone.geo.inputs import MapInput
from segdrone.geo.layers import LayerOptions, check_layers, layer_files, write_layers
from segdrone.geo.map_files import MapFiles
from segdrone.geo.map_record import MapRecord
from segdrone.geo.predict_mask import predict_mask
from segdrone.geo.strip_store import JOURNAL
from segdrone.geo.zones import Zones
from segdrone.inference.ground_scale import ground_scale
from segdrone.inference.predict_folder import PredictSummary
from segdrone.inference.predictor import Predictor
from segdrone.raster import Channels, MapSource
from segdrone.raster.files_of_map import measure_file_of_map
from segdrone.raster.georeference import tell_stretched
from segdrone.raster.map_address import is_remote, shown_address
from segdrone.raster.vector_file import split_layer
from segdrone.spec import ModelSpec
from segdrone.utils.atomic import writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.memory import return_freed_memory
from segdrone.utils.output_dir import exclusive_dir
from segdrone.windows import Window

log = logging.getLogger(__name__)

_NO_LAYERS = LayerOptions()

_PART = 256  # pixels: side of the part by which a map of the network is recognized

FOLDER = "maps"
"""Folder below that of all predictions."""


def predict_maps(
    predictor: Predictor,
    maps: Sequence[MapInput],
    out: str | Path,
    *,
    layers: LayerOptions = _NO_LAYERS,
    channels: Channels | None = None,
    gsd: str | None = None,
    remote: bool = False,
    redo: bool = False,
    progress: bool = True,
) -> PredictSummary:
    """Predicts maps of any size, and writes their masks and layers to the folder `maps` of the output folder.

    After an interruption of any kind, the same call continues and ends with the same files, byte by byte. A map that
    cannot be read leaves no files, and the others are predicted; where parts of it cannot be decoded, they are no data,
    and it counts as failed.

    Args:
        predictor: The model.
        maps: The maps.
        out: Output folder; created if needed.
        layers: What is made of the masks.
        channels: Which bands are red, green and blue, and how more than 8 bits become 8; None as in training.
        gsd: `auto` resizes maps so that a pixel covers as much ground as in training; a number is that of the training
            in centimeters. None leaves the scale as the predictor has it.
        remote: Also read addresses of the network, and what a VRT names outside its own folder.
        redo: Predict finished maps again, and replace results with other settings.
        progress: Whether to show progress and errors on stderr.

    Raises:
        DataError: The folder cannot be written to.
        ConfigError: The folder has results with other settings, another process predicts into it, or the extra `geo`
            is missing.
    """
    layers.check(len(maps))
    folder = Path(out) / FOLDER
    predicted, skipped, failed = 0, 0, {}
    with writable_dir(folder), exclusive_dir(folder):
        _remove_leftovers(folder)
        for given in maps[1:]:  # an option that one of them lacks is said before hours are spent on the others
            with suppress(DataError):
                _open(given, predictor, channels, remote)
        reopened = [MapFiles(folder, given.name) for given in maps] if redo else []
        for given in maps:
            name = shown_address(given.source)
            files = MapFiles(folder, given.name)
            try:
                _check_target(files, layers, redo)
                source = _open(given, predictor, channels, remote)
                areas = _areas(source)
                described, zones = layers.describe(), check_layers(source, layers, areas)
                model = _at_scale_of(source, predictor, areas, gsd)
                while reopened:  # so that the command continues without --redo after an interruption
                    MapRecord.read(reopened.pop().record).reopen()
                is_new, damage = _predict(model, source, given.source, files, progress)
                is_new |= _write_layers(source, files, model, layers, described, areas, zones, progress)
            except DataError as error:
                damage = str(error) if name in str(error) else f"{name}: {error}"
            else:
                predicted, skipped = predicted + is_new, skipped + (not is_new)
            if damage:
                failed[name] = damage
                if progress:
                    tqdm.write(f"error: {one_line(damage)}", file=sys.stderr)
    return PredictSummary(predicted, skipped, failed)


def _open(given: MapInput, predictor: Predictor, channels: Channels | None, remote: bool) -> MapSource:
    spec = predictor.backend.spec
    return MapSource(given.source, spec.interpolation, channels or channels_of(spec), remote=remote)


def channels_of(spec: ModelSpec) -> Channels:
    """Returns how maps are read unless the user chooses: as those of the training, or as its photographs."""
    return Channels(spec.map_bands or spec.bands, spec.map_stretch or spec.stretch)


def _remove_leftovers(folder: Path) -> None:
    """Removes unfinished layers of processes that were killed; strips of masks stay."""
    for unfinished in folder.rglob(".polygons-*"):
        if not (unfinished / JOURNAL).exists():  # strips of a map with the name polygons-...
            shutil.rmtree(unfinished, ignore_errors=True)
    for journal in folder.rglob(".*.part.gpkg-*"):
        journal.unlink(missing_ok=True)


def _check_target(files: MapFiles, options: LayerOptions, redo: bool) -> None:
    """Refuses to replace the zones, and a file that the user names for the polygons and that are not of this map."""
    target = options.polygon_file(files)
    _check_closed(target)
    if target is not None and options.zones is not None:
        zones = split_layer(options.zones)[0].resolve()
        of_target = zones.name == target.name or zones.name.startswith(f"{target.stem}_objects_")
        if of_target and zones.parent == target.resolve().parent:
            raise ConfigError(f"the polygons of {files.name} would replace the zones, {zones}: move these elsewhere")
    if target is None or not target.exists() or redo or target.parent == files.mask.parent:
        return
    if not MapRecord.read(files.record).has_written("layers", target):
        raise ConfigError(f"{target} exists, and is not of this map: give another file, or --redo to replace it")


def _check_closed(target: Path | None) -> None:
    """Refuses to replace a GeoPackage with changes beside it, which SQLite would apply to the new one."""
    if target is None or target.suffix.lower() != ".gpkg":
        return
    for end in ("-wal", "-journal"):
        beside = target.with_name(target.name + end)
        if beside.is_file() and beside.stat().st_size > 0:
            if not target.exists():
                raise ConfigError(
                    f"{beside} holds changes of a GeoPackage that is gone, which would get into the new one: remove it"
                )
            raise ConfigError(
                f"{target} is open in another program, such as QGIS, or was never closed there ({beside.name} holds "
                "changes of it): close it, after opening it again if need be, and run the command again"
            )


def _areas(source: MapSource) -> PixelAreas | None:
    place = source.georeference
    if place is None or not place.crs:
        reason = "does not say where it lies on Earth" if place is None else "names no coordinate system"
        log.warning("%s %s: its areas are counted in pixels", source.path, reason)
        return None
    areas = PixelAreas(place, source.size)
    tell_stretched(source.path, *areas.gsd)
    return areas


def _at_scale_of(source: MapSource, predictor: Predictor, areas: PixelAreas | None, gsd: str | None) -> Predictor:
    """Returns the predictor at the scale for a map, unless the user has chosen one."""
    if predictor.settings["scale"] is not None:
        return predictor
    meters = None if areas is None else math.sqrt(areas.mean)
    return predictor.at_scale(ground_scale(predictor.backend.spec, source.path, meters, gsd))


def _write_layers(
    source: MapSource,
    files: MapFiles,
    predictor: Predictor,
    options: LayerOptions,
    described: dict[str, Any],
    areas: PixelAreas | None,
    zones: Zones | None,
    progress: bool,
) -> bool:
    """Writes the layers of a map unless they are done; returns whether they were not."""
    record = MapRecord.read(files.record)
    made_from = {"mask": record.stages["mask"]["files"][files.mask.name], **described}
    target = options.polygon_file(files)  # a name such as map.gpkg is another file in another working folder
    if record.is_done("layers", made_from) and (target is None or record.names("layers", target)):
        return False
    _check_closed(target)
    record.keep_changed("layers", layer_files(files, predictor.table, options))
    written = write_layers(source, files, predictor.table, options, areas, zones, progress=progress)
    record.finish("layers", made_from, written)
    return True


def _predict(predictor: Predictor, source: MapSource, given: str, files: MapFiles, progress: bool) -> tuple[bool, str]:
    """Predicts a map unless it is done; returns whether it was not, and what could not be decoded."""
    record = MapRecord.read(files.record)
    made_from = {
        "segdrone": __version__,
        "classes": predictor.table.to_dict(),
        "predictor": predictor.settings,
        "channels": str(source.channels),
        "map": _content(source, given),
    }
    is_done = record.is_done("mask", made_from)
    if not is_done:
        known = record.made_from("mask")
        if known not in (None, made_from):
            what = "of another file" if _map_of(known) != made_from["map"] else "with other settings"
            raise ConfigError(f"{files.mask} is the prediction {what}: give another --out, or --redo to replace it")
        record.keep_changed("mask", [files.mask, files.confidence])
        written = predict_mask(
            predictor, source, files.mask, files.confidence, files.work, made_from, progress=progress
        )
        damaged = [list(part) for part in source.damaged]
        if (known or record.stages.get("mask", {}).get("former")) != made_from:
            record.discard("layers")  # those of the former mask
        record.finish("mask", made_from, written, damaged=damaged)
        shutil.rmtree(files.work, ignore_errors=True)
        return_freed_memory()
    return not is_done, _describe_damage(source, record.stages["mask"].get("damaged"))


def _content(source: MapSource, given: str) -> dict[str, Any]:
    """Returns what recognizes the content of a map: size and digest of its files, by name."""
    if is_remote(source.path):
        query = hashlib.sha256(given.partition("?")[2].encode()).hexdigest()  # may hold a key, or choose a file
        height, width = source.size
        middle = Window(height // 2, width // 2, min(_PART, height - height // 2), min(_PART, width - width // 2))
        pixels = hashlib.sha256(source.read(middle).tobytes()).hexdigest()
        return {"address": source.path, "query": query, "size": [height, width], "middle": pixels}
    return {"files": [[file.name, *measure_file_of_map(file)] for file in source.files]}


def _map_of(made_from: Any) -> Any:
    return made_from.get("map") if isinstance(made_from, dict) else None


def _describe_damage(source: MapSource, damaged: Any) -> str:
    if not isinstance(damaged, list) or not damaged:
        return ""
    top, left, height, width = damaged[0]
    more = f" and {len(damaged) - 1} more parts" if len(damaged) > 1 else ""
    return (
        f"{source.path}: {width} x {height} pixels at column {left}, row {top}{more} cannot be decoded and have no "
        "class in the mask: copy the file again"
    )
