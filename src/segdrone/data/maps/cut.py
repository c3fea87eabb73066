"""Cut maps and their labels into a dataset folder of tiles."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segdrone import __version__
from segdrone.class_files import CLASSES_FILE, read_class_table
from segdrone.classes import IGNORE_INDEX, ClassTable
from segdrone.data.maps.label_classes import load_classes, refuse_unknown
from segdrone.data.maps.manifest import MANIFEST, VERSION, key_of, read_manifest
from segdrone.data.maps.mask_labels import MaskLabels
from segdrone.data.maps.options import CutOptions
from segdrone.data.maps.plan import Plan, open_labels, plan_cut
from segdrone.data.maps.sources import SourceFile, find_rasters, known_files, measure, raster_files
from segdrone.data.maps.summary import CutSummary
from segdrone.data.maps.tiles import IMAGES, MASKS, TileCounts, write_tiles
from segdrone.data.splits.split import split_groups
from segdrone.errors import DataError
from segdrone.raster import MapSource
from segdrone.raster.crs import name_of
from segdrone.raster.vector_file import split_layer, vector_files
from segdrone.utils.atomic import atomic_write, file_lock, remove_stale_partials, sync_dir, sync_files, write_json
from segdrone.utils.bounded import UnreadableError, read_json

log = logging.getLogger(__name__)

_REQUEST = "request.json"
_PNG_SHARE = 0.75  # of the bytes of the pixels that PNGs of photographs take
_SPARE = 64 << 20  # bytes that are left free


def cut_maps(options: CutOptions, out: Path | None = None, *, progress: bool = True) -> CutSummary:
    """Cuts maps into tiles with masks: `images/NAME.png`, `masks/NAME.png`, `classes.csv` and the lists of a split.

    Each labeled pixel is in one tile, and each tile in one block of ground; blocks are divided into `train.txt`,
    `val.txt` and `test.txt`, so that no ground is in two splits, in which map ever. Pixels without a label, without
    data, outside the areas of interest and of other blocks have the ignored id. `maps.json` says from which files
    (size, SHA-256) and with which options the folder was made.

    The folder appears when it is complete. An interrupted cut continues; a complete one of the same content and options
    is left unchanged. Of several processes one cuts, and the others wait.

    Args:
        options: What to cut, and how.
        out: Folder of the dataset; None: `datasets/NAME-KEY`, by content and options.
        progress: Whether to show a progress bar.

    Raises:
        DataError: A file cannot be used, labels and maps do not fit each other, there are too few blocks to split, or
            the folder holds something else or cannot be written to.
        ConfigError: An option is missing or out of its range, or the extra `geo` is missing.
    """
    rasters = find_rasters(options.rasters, options.labels)
    sources = _measure(options, rasters, out)
    request = _request(options, sources)
    root = out or _default_root(rasters, request)
    _check_folder(root, request)
    try:
        with file_lock(root.with_name(f".{root.name}.lock")):
            _check_folder(root, request)
            if read_manifest(root) is None:
                _cut(options, root, request, sources, progress)
    except OSError as error:
        raise DataError(
            f"{root} cannot be written to ({error.strerror or error}): free some disk space or choose another folder, "
            "and run again; finished tiles are kept"
        ) from error
    return CutSummary.read(root)


def _measure(options: CutOptions, rasters: list[Path], out: Path | None) -> dict[str, list[SourceFile]]:
    """Returns the files of each kind with their content; those of an earlier cut are read only if they changed."""
    folders = [out] if out is not None else [*Path("datasets").glob("*/")]
    known: dict[str, SourceFile] = {}
    for folder in folders:
        try:
            known |= known_files(read_manifest(folder) or {})
        except DataError:  # said where the folder is used
            continue
    for path in rasters:  # what cannot be used is refused before gigabytes are read
        MapSource(path, channels=options.channels)
    labels = [
        file
        for given, opened in zip(options.labels, open_labels(options), strict=True)
        for file in (raster_files(opened) if isinstance(opened, Path) else vector_files(given))
    ]
    kinds = {
        "rasters": [file for path in rasters for file in raster_files(path)],
        "labels": labels,
        "aoi": [] if options.aoi is None else vector_files(options.aoi),
    }
    return {kind: measure(files, known) for kind, files in kinds.items()}


def _request(options: CutOptions, sources: dict[str, list[SourceFile]]) -> dict[str, Any]:
    table = load_classes(options.classes)
    layers = [split_layer(given)[1] for given in (*options.labels, *([options.aoi] if options.aoi else []))]
    files = {kind: [[Path(file.path).name, file.sha256] for file in files] for kind, files in sources.items()}
    classes = None if table is None else table.to_dict()
    return {"version": VERSION, "options": options.to_dict(), "layers": layers, "classes": classes, "files": files}


def _default_root(rasters: list[Path], request: dict[str, Any]) -> Path:
    return Path("datasets") / f"{rasters[0].stem[:40]}-{key_of(request)}"


def _check_folder(root: Path, request: dict[str, Any]) -> None:
    """Raises DataError if a folder holds anything but complete tiles of this request."""
    if root.exists() and not root.is_dir():
        raise DataError(f"{root} is a file: choose a folder for the tiles")
    manifest = read_manifest(root)
    if manifest is None:
        if root.exists() and any(root.iterdir()):
            raise DataError(f"{root} holds other files: choose an empty folder for the tiles")
        return
    made = manifest.get("request")
    if made != request:
        different = [key for key in request if not isinstance(made, dict) or made.get(key) != request[key]]
        raise DataError(
            f"{root} holds tiles that were cut otherwise ({', '.join(different)} differ, see {MANIFEST}): choose "
            "another folder, or remove it"
        )
    names = {f"{name}.png" for name in CutSummary.read(root).names}
    for folder in (IMAGES, MASKS):
        existing = {path.name for path in (root / folder).iterdir()} if (root / folder).is_dir() else set()
        if missing := names - existing:
            raise DataError(f"{root / folder / min(missing)} is missing: remove {root}, and cut the maps again")


def _cut(
    options: CutOptions, root: Path, request: dict[str, Any], sources: dict[str, list[SourceFile]], progress: bool
) -> None:
    """Cuts into a hidden folder beside the root, which becomes the root when everything is on disk."""
    plan = plan_cut(options)
    _check_masks(plan)
    _check_blocks(plan, options)
    part = root.with_name(f".{root.name}.part")
    _check_space(plan, part)
    _start(part, request, plan.table)
    counts = write_tiles(plan, part, progress)
    splits = _split(counts, options)
    _tell_shares(counts, splits, options)
    write_json(_manifest(plan, counts, splits, request, sources), part / MANIFEST)
    for split, names in splits.items():
        if names:
            with atomic_write(part / f"{split}.txt") as partial:
                partial.write_text("".join(f"{name}.png\n" for name in names), "utf-8")
    (part / _REQUEST).unlink()
    remove_stale_partials(part, deep=True)
    sync_files(_written(part))
    if root.exists():
        root.rmdir()  # it is empty
    part.rename(root)
    sync_dir(root.parent)


def _start(part: Path, request: dict[str, Any], table: ClassTable) -> None:
    """Prepares the hidden folder; tiles of another request that was interrupted there are removed."""
    if part.exists() and not _is_of(part, request):
        shutil.rmtree(part)
    part.mkdir(parents=True, exist_ok=True)
    remove_stale_partials(part, deep=True)
    write_json(request, part / _REQUEST)
    with atomic_write(part / CLASSES_FILE) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        file.write(table.dense.to_csv())
    try:
        read = read_class_table(part / CLASSES_FILE).names
    except DataError:
        read = ()
    if read != table.names:
        raise DataError(
            f"the names of the classes, {', '.join(table.names[:10])}, cannot be read from a class table: rename those "
            "with separators or several spaces"
        )


def _is_of(part: Path, request: dict[str, Any]) -> bool:
    try:
        return bool(read_json(part / _REQUEST) == request)
    except UnreadableError:
        return False


def _check_masks(plan: Plan) -> None:
    """Refuses masks with values that are no class, before anything is written."""
    for raster in plan.rasters:
        for labels in raster.labels:
            if isinstance(labels, MaskLabels):
                for tile in raster.tiles:
                    labels.draw(tile.window)
                refuse_unknown(labels.unknown, plan.table, str(labels.path))
                labels.damaged.clear()  # told when it is drawn again


def _check_blocks(plan: Plan, options: CutOptions) -> None:
    blocks = {tile.block for raster in plan.rasters for tile in raster.tiles}
    wanted = 1 + (options.test_share > 0) + (options.val_share > 0)
    if len(blocks) < wanted:
        raise DataError(
            f"the labels lie in {len(blocks)} blocks of {plan.block:g} m, too few for {wanted} splits: give a smaller "
            "data.block_m, or data.test_share=0 or data.val_share=0"
        )


def _check_space(plan: Plan, part: Path) -> None:
    pixels = sum(tile.window.height * tile.window.width for raster in plan.rasters for tile in raster.tiles)
    needed = int(pixels * 3 * _PNG_SHARE)
    present = sum(file.stat().st_size for file in _written(part))
    folder = next(parent for parent in part.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if needed - present + _SPARE > free:
        raise DataError(
            f"the tiles need up to {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free: free some disk "
            "space, choose another folder, or limit them by data.aoi or data.map_gsd"
        )


def _split(counts: TileCounts, options: CutOptions) -> dict[str, list[str]]:
    groups = {name: f"{x}_{y}" for name, (x, y) in counts.blocks.items()}
    try:
        return split_groups(groups, test=options.test_share, val=options.val_share, seed=options.split_seed)
    except DataError as error:
        raise DataError(
            f"the blocks cannot be split ({error}): give a smaller data.block_m, data.test_share=0 or data.val_share=0"
        ) from None


def _tell_shares(counts: TileCounts, splits: dict[str, list[str]], options: CutOptions) -> None:
    """Notes a split that is twice as large as asked, or half."""
    total, blocks = len(counts.blocks), len({*counts.blocks.values()})
    for split, share in (("test", options.test_share), ("val", (1 - options.test_share) * options.val_share)):
        reached = len(splits[split]) / total
        if share and not share / 2 <= reached <= share * 2:
            note = f"{split} has {reached:.0%} of the tiles instead of {share:.0%}, as there are only {blocks} blocks"
            counts.notes.append(note)
            log.warning("%s: a smaller data.block_m gives more", note)


def _manifest(
    plan: Plan,
    counts: TileCounts,
    splits: dict[str, list[str]],
    request: dict[str, Any],
    sources: dict[str, list[SourceFile]],
) -> dict[str, Any]:
    gsd = [raster.gsd for raster in plan.rasters]
    names = (*plan.table.names, "ignored")
    pixels = counts.pixels[[*range(len(plan.table)), IGNORE_INDEX]]  # as tiles have it
    return {
        "version": VERSION,
        "segdrone": __version__,
        "request": request,
        "sources": [list(file) for files in sources.values() for file in files],
        "rasters": [
            {"name": raster.name, "file": raster.grid.path, "crs": name_of(raster.grid.place.crs), "gsd": raster.gsd}
            for raster in plan.rasters
        ],
        "gsd": [round(min(gsd), 6), round(max(gsd), 6)],
        "block": plan.block,
        "crs": plan.crs,
        "splits": splits,
        "blocks": {split: len({counts.blocks[name] for name in members}) for split, members in splits.items()},
        "pixels": dict(zip(names, pixels.tolist(), strict=True)),
        "notes": [*counts.notes],
    }  # fmt: skip


def _written(part: Path) -> Iterator[Path]:
    return (path for path in part.rglob("*") if path.is_file())
