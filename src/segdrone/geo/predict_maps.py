"""Predict maps: masks as GeoTIFFs, and the layers that are made of them; after an interruption, continue."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.geo.inputs import MapInput
from segdrone.geo.map_record import MapRecord
from segdrone.geo.predict_mask import predict_mask
from segdrone.inference.predict_folder import PredictSummary
from segdrone.inference.predictor import Predictor
from segdrone.raster import Channels, MapSource
from segdrone.raster.map_file import is_remote
from segdrone.utils.atomic import writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.digest import measure_file
from segdrone.utils.output_dir import exclusive_dir

FOLDER = "maps"
"""Folder below that of all predictions."""


@dataclass(frozen=True)
class MapFiles:
    """Where the results of a map are.

    Attributes:
        folder: The folder of all maps.
        name: Name of the map.
    """

    folder: Path
    name: str

    @property
    def mask(self) -> Path:
        """GeoTIFF of class ids."""
        return self.folder / f"{self.name}_mask.tif"

    @property
    def confidence(self) -> Path:
        """GeoTIFF of the probability of the class."""
        return self.folder / f"{self.name}_confidence.tif"

    @property
    def record(self) -> Path:
        """What they were made from."""
        return self.folder / f"{self.name}.json"

    @property
    def work(self) -> Path:
        """Folder for what is unfinished."""
        return self.record.with_name(f".{self.record.stem}")


def predict_maps(
    predictor: Predictor,
    maps: Sequence[MapInput],
    out: str | Path,
    *,
    channels: Channels | None = None,
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
        channels: Which bands are red, green and blue, and how more than 8 bits become 8; None as in training.
        remote: Also read addresses of the network, and what a VRT names outside its own folder.
        redo: Predict finished maps again, and replace results with other settings.
        progress: Whether to show progress and errors on stderr.

    Raises:
        DataError: The folder cannot be written to.
        ConfigError: The folder has results with other settings, another process predicts into it, or the extra `geo`
            is missing.
    """
    folder = Path(out) / FOLDER
    predicted, skipped, failed = 0, 0, {}
    with writable_dir(folder), exclusive_dir(folder):
        for given in maps:
            files = MapFiles(folder, given.name)
            try:
                source = _open(given, predictor, channels, remote)
                is_new, damage = _predict(predictor, given, source, files, redo, progress)
            except DataError as error:
                damage = str(error) if given.source in str(error) else f"{given.source}: {error}"
            else:
                predicted, skipped = predicted + is_new, skipped + (not is_new)
            if damage:
                failed[given.source] = damage
                if progress:
                    tqdm.write(f"error: {one_line(damage)}", file=sys.stderr)
    return PredictSummary(predicted, skipped, failed)


def _open(given: MapInput, predictor: Predictor, channels: Channels | None, remote: bool) -> MapSource:
    spec = predictor.backend.spec
    if channels is None:
        channels = Channels(spec.bands, spec.stretch)
    return MapSource(given.source, spec.interpolation, channels, remote=remote)


def _predict(
    predictor: Predictor, given: MapInput, source: MapSource, files: MapFiles, redo: bool, progress: bool
) -> tuple[bool, str]:
    """Predicts a map unless it is done; returns whether it was not, and what could not be decoded."""
    record = MapRecord.read(files.record)
    made_from = {
        "segdrone": __version__,
        "classes": predictor.table.to_dict(),
        "predictor": predictor.settings,
        "channels": str(source.channels),
        "map": _content(source),
    }
    is_done = not redo and record.is_done("mask", made_from)
    if not is_done:
        known = record.made_from("mask")
        if known not in (None, made_from) and not redo:
            what = "of another file" if _map_of(known) != made_from["map"] else "with other settings"
            raise ConfigError(f"{files.mask} is the prediction {what}: give another --out, or --redo to replace it")
        written = predict_mask(
            predictor, source, files.mask, files.confidence, files.work, made_from, progress=progress
        )
        damaged = [list(part) for part in source.damaged]
        record.finish("mask", made_from, written, damaged=damaged)
        shutil.rmtree(files.work, ignore_errors=True)
    return not is_done, _describe_damage(given, record.stages["mask"].get("damaged"))


def _content(source: MapSource) -> dict[str, Any]:
    """Returns what recognizes the content of a map: size and digest of its files, by name."""
    if is_remote(source.path):
        return {"address": source.path, "size": list(source.size)}
    return {"files": {file.name: measure_file(file) for file in source.files}}


def _map_of(made_from: Any) -> Any:
    return made_from.get("map") if isinstance(made_from, dict) else None


def _describe_damage(given: MapInput, damaged: Any) -> str:
    if not isinstance(damaged, list) or not damaged:
        return ""
    top, left, height, width = damaged[0]
    more = f" and {len(damaged) - 1} more parts" if len(damaged) > 1 else ""
    return (
        f"{given.source}: {width} x {height} pixels at column {left}, row {top}{more} cannot be decoded and have no "
        "class in the mask: copy the file again"
    )
