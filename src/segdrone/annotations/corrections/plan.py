"""Plan where corrections go: which photograph, which mask, and of several people whose."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segdrone.annotations.class_table import check_labels
from segdrone.annotations.corrections.drawing import frame_of
from segdrone.annotations.corrections.options import CorrectionOptions
from segdrone.annotations.corrections.target import TargetDataset, TargetMask
from segdrone.annotations.corrections.versions import (
    Collected,
    NamedSource,
    Version,
    choose_versions,
    collect_versions,
    count_unread,
)
from segdrone.annotations.importer import check_shapes, warn_of_crowds
from segdrone.annotations.orientation import MaskFrame, warn_of_turned
from segdrone.annotations.photographs import Annotated, warn_of_changed, warn_of_doubtful
from segdrone.annotations.shapes import AnnotatedImage
from segdrone.annotations.tiles import check_all_tiles
from segdrone.classes import ClassTable
from segdrone.data.masks.instance_maps import find_instance_maps, instance_map_place
from segdrone.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Correction:
    """The corrections of a photograph, and where they go.

    Attributes:
        target: Its mask.
        versions: All corrections, each with the frame that it was drawn in.
        chosen: Those that the mask is made of, likewise; of tiles also one of several people's.
        instances: Its instance map, which may not exist; None if things are not numbered.
    """

    target: TargetMask
    versions: Sequence[tuple[Version, MaskFrame]]
    chosen: Sequence[tuple[Version, MaskFrame]]
    instances: Path | None


def collect_corrections(
    sources: Sequence[NamedSource], target: TargetDataset, table: ClassTable, options: CorrectionOptions
) -> Collected:
    """Returns the annotations by the photographs of the dataset, after checking their labels.

    Raises:
        DataError: There are none, or one does not fit the dataset.
    """
    collected = collect_versions(sources, target.find, background=options.background is not None)
    if collected.missing:
        raise target.missing(collected.missing)
    warn_of_doubtful(target.doubtful)
    warn_of_changed([*target.changed])
    shapes = [shape for versions in collected.versions.values() for one in versions for shape in one.image.shapes]
    check_shapes([source for _, source in sources], shapes, count_unread(sources), options.background)
    if options.instances:
        warn_of_crowds(shapes)
    if not collected.versions:
        raise DataError(
            f"{sources[0].source.path} has no shape on any photograph: give --background CLASS if there is nothing else"
        )
    check_labels(shapes, table, str(target.root), options.background)
    empty = [path for path, versions in collected.versions.items() for one in versions if not one.image.shapes]
    if empty:
        log.warning(
            "%d annotations without a shape, %s first, are taken as %a throughout: if nobody has looked at these "
            "photographs, leave them out of the export, or leave out --background",
            len(empty),
            empty[0].name,
            options.background,
        )
    return collected


def plan_corrections(collected: Collected, target: TargetDataset, options: CorrectionOptions) -> list[Correction]:
    """Returns where each correction goes.

    Raises:
        DataError: A mask cannot be replaced, or several corrections could be meant.
    """
    chosen = choose_versions(collected, options.prefer, options.merge)
    targets = {path: target.target(path) for path in chosen}
    maps = _instance_maps(target, targets, options)
    corrections = []
    for path, one in targets.items():
        frames, taken = (
            [(version, frame_of(version, one.pair, options.orientation)) for version in versions]
            for versions in (collected.versions[path], chosen[path])
        )
        corrections.append(Correction(one, frames, taken, maps.get(path)))
    drawn = [(one.target.pair.image, version, frame) for one in corrections for version, frame in one.versions]
    check_all_tiles([(version.image, image) for image, version, _ in drawn], allow_missing=True)
    together = [(_join_tiles(chosen[path]), one.pair.image) for path, one in targets.items()]
    check_all_tiles(together, allow_missing=options.allow_missing_tiles)
    doubtful = [Annotated(image, version.image, "") for image, version, frame in drawn if frame.is_doubtful]
    warn_of_turned(doubtful, options.orientation)
    return sorted(corrections, key=lambda correction: correction.target.pair.id)


def _join_tiles(versions: Sequence[Version]) -> AnnotatedImage:
    """Returns an annotation with the tiles of all."""
    tiles = {place: tile for version in versions for place, tile in version.image.tiles.items()}
    return replace(versions[0].image, tiles=tiles)


def _instance_maps(
    target: TargetDataset, targets: Mapping[Path, TargetMask], options: CorrectionOptions
) -> dict[Path, Path]:
    """Returns the instance map of each photograph, if they are replaced too.

    Raises:
        DataError: They would no longer fit the masks, or only some photographs would have one.
    """
    files = target.dataset.files
    found = find_instance_maps(files, [one.pair for one in targets.values() if one.pair.mask is not None]).files
    has_maps = bool(found) or any(instance_map_place(files, one.like).exists() for one in targets.values())
    if has_maps and not options.instances:
        raise DataError(
            f"{target.root} has instance maps, which would no longer fit the corrected masks: give --instances to "
            "replace them too"
        )
    if not options.instances:
        return {}
    if not has_maps and (others := [pair.id for pair in files.pairs if pair.image not in targets]):
        raise DataError(
            f"{target.root} has no instance maps, and {len(others)} photographs without corrections, {others[0]} "
            "first, would have none: leave out --instances"
        )
    maps = {path: found.get(one.pair.id) or instance_map_place(files, one.path) for path, one in targets.items()}
    for path in maps.values():
        target.check_place(path)
    return maps
