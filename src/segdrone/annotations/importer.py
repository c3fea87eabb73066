"""Turn the annotations of a labeling tool into `images/`, `masks/` and `classes.csv`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations import write
from segdrone.annotations.class_table import build_class_table
from segdrone.annotations.empty_shapes import EmptyShapes
from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.orientation import MaskFrame, check_orientation, mask_frame, warn_of_turned
from segdrone.annotations.photograph_paths import telling
from segdrone.annotations.photographs import Annotated, find_photographs, splits_of
from segdrone.annotations.shapes import Shape, is_ignored
from segdrone.annotations.sources import Source, read_source
from segdrone.annotations.sparse import Sparse, take_strokes
from segdrone.annotations.spread import Superpixels
from segdrone.annotations.summary import ImportSummary
from segdrone.annotations.tiles import check_all_tiles, draw_mask, draw_numbers, recognize_tiles
from segdrone.annotations.unordered import UnorderedShapes
from segdrone.class_files import CLASSES_FILE
from segdrone.classes import ClassTable
from segdrone.data.masks.instance_maps import INSTANCES
from segdrone.data.splits.split import SPLITS
from segdrone.errors import ConfigError, DataError
from segdrone.raster.pixels import count_values
from segdrone.utils.output_dir import exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)


def import_annotations(
    source: Path | Sequence[Path],
    out: Path,
    *,
    images: Path | None = None,
    annotation_format: str | None = None,
    classes: str | None = None,
    background: str | None = None,
    orientation: str = "displayed",
    instances: bool = False,
    allow_missing_tiles: bool = False,
    sparse: Sparse | None = None,
    progress: bool = True,
) -> ImportSummary:
    """Writes `out/images/` (hard links if possible), `out/masks/NAME.png` and `out/classes.csv`.

    A mask is uint8 `[H, W]` of class ids, at the size of its photograph as displayed. Pixels that no shape covers are
    ignored, or of the class `background`; those of a shape labeled `__ignore__` are ignored. A photograph without
    shapes is skipped, or all background; a photograph that the annotations do not name is skipped. Several exports,
    or one in the folders of a split, become one dataset with one class table; the split is kept in `train.txt`,
    `val.txt` and `test.txt`. Photographs of equal names are told apart by their folders. The files replace those
    of an earlier import of the same photographs when all are written. Tiles of `export-labels --tile`, known by their
    names, become one mask of the whole photograph.

    Args:
        source: Annotation files, or folders of such files at any depth, all in one format.
        out: Folder of the dataset; created if necessary.
        images: Folder of the photographs, which are found by path or name below it; by default the folder of the
            annotations.
        annotation_format: One of `ANNOTATION_FORMATS`; by default it is recognized from the content.
        classes: `drone` or the path of a class table; by default a table is built from the labels that the
            annotations declare or use, in alphabetical order, with the tool's colors if it has any.
        background: Class of the pixels that no shape covers. A table that is built gets it as id 0, unless it is one
            of the labels.
        orientation: What the shapes were drawn on: the photographs as `displayed`, turned as their EXIF orientation
            says, or as `stored`, by a tool that ignores it.
        instances: Also write `instances/NAME.png`, which numbers the things that the shapes show, by `number_shapes`.
        allow_missing_tiles: Ignore the pixels of tiles that are not in the annotations.
        sparse: Draw points and open lines, and leave everything else ignored; None leaves them out.
        progress: Whether to show a progress bar.

    Raises:
        ConfigError: Options do not go together, or superpixels are asked for without the extra classic.
        DataError: Files are missing, broken, of another format or have invalid content; a photograph is missing, has
            an ambiguous name or another size than in the annotations; the class table lacks a label; or `out` cannot
            be written to or would mix with other files.

    Example:
        >>> summary = import_annotations(Path("export.json"), Path("datasets/mine"))  # doctest: +SKIP
        >>> summary.photographs, summary.table.names  # doctest: +SKIP
        (120, ('field', 'house', 'road'))
    """
    check_orientation(orientation)
    if sparse is not None and (background is not None or instances):
        other = "--background" if background is not None else "--instances"
        raise ConfigError(f"{other} does not go with --sparse, where a few pixels are labeled: leave one of them out")
    superpixels = None if sparse is None or sparse.superpixel_width is None else Superpixels(sparse.superpixel_width)
    if background is not None and is_ignored(background):
        raise DataError(f"--background {background}: pixels outside of shapes are ignored without it, leave it out")
    sources = [read_source(path, annotation_format) for path in ([source] if isinstance(source, Path) else source)]
    sources = [recognize_tiles(one) for one in take_strokes(sources, sparse)]
    if len(formats := {one.format for one in sources}) > 1:
        raise DataError(f"the sources are in the formats {', '.join(sorted(formats))}: import one format at a time")
    for root in {images or one.images for one in sources}:
        write.check_folders(out, root.resolve())
    annotated, unnamed = find_photographs(sources, images, out)
    drawn = [one for one in annotated if one.shapes or background is not None]
    files = [(one.annotated, one.photograph) for one in drawn if isinstance(one.photograph, Path)]
    tiles = check_all_tiles(files, allow_missing=allow_missing_tiles)
    shapes = [shape for one in annotated for shape in one.shapes]
    unread = sum((one.annotations.unread for one in sources), Counter[str]())
    check_shapes(sources, shapes, unread, background)
    if instances:
        warn_of_crowds(shapes)
    if not drawn:
        skipped = ", ".join(f"{count} {what}" for one in sources for what, count in one.annotations.skipped.items())
        raise DataError(
            f"{sources[0].path} has no shape on any photograph{f' (skipped: {skipped})' if skipped else ''}: "
            "label some, or give --background for empty ones"
        )
    table = build_class_table(
        shapes,
        [label for one in sources for label in one.annotations.labels],
        {label: color for one in sources for label, color in one.annotations.colors.items()},
        classes,
        background,
        {label: is_thing for one in sources for label, is_thing in one.annotations.things.items()},
    )
    earlier = write.earlier_things(out) if classes is None and table.things is None else None
    if earlier is not None:
        table = replace(table, things=tuple(name for name in table.names if name in earlier))
    write.check_no_other_import(out, [one.file_name for one in drawn])
    frames = [mask_frame(one, orientation) for one in drawn]
    warn_of_turned([one for one, frame in zip(drawn, frames, strict=True) if frame.is_doubtful], orientation)
    splits = splits_of(drawn)
    kept = [] if splits else write.split_lists(out)  # without a split in the export, they may be the user's own
    owned = [CLASSES_FILE, INSTANCES, *(f"{split}.txt" for split in SPLITS if splits)]
    with exclusive_dir(out, "folder"), staged_results(out, owned) as results:
        keeps_order = ANNOTATION_FORMATS[sources[0].format].keeps_order
        pixels = _write_pairs(
            drawn, frames, table, background, results.path, instances, superpixels, keeps_order, progress
        )
        write.write_split(splits, results.path)
        write.write_class_table(table, results.path)
        write.commit(results)
    summary = _summarize(sources, out, table, drawn, pixels, splits, len(annotated) - len(drawn), unnamed)
    kept_note = [f"{', '.join(kept)} of {out} stay the split"] if kept else []
    if earlier is not None:
        kept_note.append(f"things, as {out / CLASSES_FILE} said before: {', '.join(table.things or ()) or 'none'}")
    strokes = [] if superpixels is None else superpixels.notes()
    return replace(summary, notes=[*summary.notes, *tiles, *strokes, *kept_note])


def _write_pairs(
    drawn: Sequence[Annotated],
    frames: Sequence[MaskFrame],
    table: ClassTable,
    background: str | None,
    out: Path,
    instances: bool,
    superpixels: Superpixels | None,
    keeps_order: bool,
    progress: bool,
) -> NDArray[np.int64]:
    """Writes all pairs; returns how many pixels have each value, int64 `[256]`."""
    fill = table.ignore_index if background is None else table.names.index(background)
    ids = {name: i for i, name in enumerate(table.names)}
    pixels = np.zeros(256, np.int64)
    empty, unordered = EmptyShapes(), UnorderedShapes()
    pairs = zip(drawn, frames, strict=True)
    for one, frame in progress_bar(pairs, desc="masks", unit="photograph", total=len(drawn), disable=not progress):
        draw = partial(draw_mask, size=frame.size, ids=ids, fill=fill, ignore_index=table.ignore_index)
        as_annotated = draw(one.annotated)
        empty.add(one.annotated, frame.size)
        if not keeps_order:
            unordered.add(one.name, one.annotated, as_annotated, draw)
        mask = frame.turn(as_annotated)
        if superpixels is not None:
            mask = superpixels(one, frame, mask)
        write.write_pair(mask, one.photograph, one.name, out)
        if instances:
            write.write_instances(frame.turn(draw_numbers(one.annotated, as_annotated)), one.name, out)
        pixels += count_values(mask)
    empty.warn()
    unordered.warn()
    return pixels


def check_shapes(
    sources: Sequence[Source], shapes: Sequence[Shape], unread: Counter[str], background: str | None
) -> None:
    """Refuses annotations without any outline, and warns of objects that cannot be drawn as they are."""
    lost = ", ".join(f"{count} {description}" for description, count in unread.items())
    if unread and not shapes:
        raise DataError(
            f"{sources[0].path} holds {lost}, but no outlines, which a mask needs: draw polygons or masks in the tool, "
            "and export those (in Roboflow, COCO segmentation)"
        )
    if unread:
        where = f"get the class {background!a}" if background is not None else "stay as no shape covers them"
        log.warning("left out: %s; their pixels %s; export outlines for them, or remove them in the tool", lost, where)
    boxes = [shape for shape in shapes if shape.is_box]
    if boxes and len(boxes) == len(shapes):
        log.warning(
            "all shapes (%d) are bounding boxes, which are filled to their corners, %s first: draw outlines if the "
            "objects are not rectangles",
            len(boxes),
            boxes[0].where,
        )


def warn_of_crowds(shapes: Sequence[Shape]) -> None:
    """Warns of shapes that are no things in instance maps, as the tool marks them as crowds."""
    if crowds := [shape for shape in shapes if shape.is_crowd]:
        log.warning(
            "%d shapes are crowds (iscrowd), and no things in instances/, %s first: CVAT and Datumaro mark each mask "
            "so in COCO; if these are single things, export CVAT for images, or Datumaro's own format",
            len(crowds),
            crowds[0].where,
        )


def _summarize(
    sources: Sequence[Source],
    out: Path,
    table: ClassTable,
    drawn: Sequence[Annotated],
    pixels: NDArray[np.int64],
    splits: Mapping[str, Sequence[str]],
    empty: int,
    unnamed: int,
) -> ImportSummary:
    counts = Counter(shape.label for one in drawn for shape in one.shapes)
    skipped = sum((one.annotations.skipped for one in sources), Counter[str]())
    skipped.update({"photographs without a shape": empty, "photographs that the annotations do not name": unnamed})
    return ImportSummary(
        annotation_format=sources[0].format,
        out=out,
        table=table,
        photographs=len(drawn),
        shapes=np.array([counts[name] for name in table.names], np.int64),
        pixels=pixels,
        skipped=dict(+skipped),
        splits={split: len(names) for split, names in splits.items() if names},
        notes=[
            *(
                f"ignored pixels: {count} shapes labeled {label!a}"
                for label, count in counts.items()
                if is_ignored(label)
            ),
            *_notes(sources, drawn, bool(splits)),
        ],
    )


def _notes(sources: Sequence[Source], drawn: Sequence[Annotated], has_split: bool) -> list[str]:
    notes = []
    folders = {tuple(telling(one.photograph.parent.parts)) for one in drawn if isinstance(one.photograph, Path)}
    if len(folders) > 1 and not has_split:
        first, second, *_ = sorted(folder[-1] if folder else "" for folder in folders)
        notes.append(
            f"photographs of {len(folders)} folders ({first}, {second}{', ...' if len(folders) > 2 else ''}) are one "
            "dataset: if they are flights, keep each in one split (data.split_by or data.split_dir in training)"
        )
    renamed = [one.name for one in drawn if one.is_renamed]
    if renamed:
        notes.append(f"named with their folders, as their names are equal: {len(renamed)}, {renamed[0]} first")
    passed_over = [path for one in sources for path in one.passed_over]
    if passed_over:
        names = ", ".join(str(path) for path in passed_over[:3]) + (" and more" if len(passed_over) > 3 else "")
        notes.append(f"passed over: {len(passed_over)} files that hold no such annotations: {names}")
    return notes
