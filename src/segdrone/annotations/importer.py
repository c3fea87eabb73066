"""Annotations of a labelling tool become `images/`, `masks/` and `classes.csv`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from segdrone.annotations import coco, cvat, label_studio, labelme, labelme_xml, write
from segdrone.annotations.checked import read_document
from segdrone.annotations.class_table import class_table
from segdrone.annotations.images import Photographs
from segdrone.annotations.shapes import Annotated, Annotations
from segdrone.annotations.summary import ImportSummary
from segdrone.errors import DataError
from segdrone.raster.header import read_size


class AnnotationFormat(NamedTuple):
    """A kind of annotations: the suffix of its files, what tells them, and how they are read."""

    suffix: str
    fits: Callable[[Any], bool]
    read: Callable[[Any, Path], Annotations]


ANNOTATION_FORMATS = {
    "labelme": AnnotationFormat(".json", labelme.matches, labelme.read),
    "labelme-xml": AnnotationFormat(".xml", labelme_xml.matches, labelme_xml.read),
    "coco": AnnotationFormat(".json", coco.matches, coco.read),
    "cvat": AnnotationFormat(".xml", cvat.matches, cvat.read),
    "label-studio": AnnotationFormat(".json", label_studio.matches, label_studio.read),
}


def import_annotations(
    source: Path,
    out: Path,
    *,
    images: Path | None = None,
    kind: str | None = None,
    classes: str | None = None,
    background: str | None = None,
    progress: bool = True,
) -> ImportSummary:
    """Writes `out/images/` (hard links where possible), `out/masks/NAME.png` and `out/classes.csv`.

    A mask is uint8 `[H, W]` of class ids, at its photograph's size as displayed. What no shape covers
    is ignored, or of the class `background`. A photograph on which nothing was drawn is left out, or
    all background; one that the annotations do not name is left out. Masks of an earlier import of the
    same photographs are overwritten. `classes.csv` is written last.

    Args:
        source: A file of annotations, or a folder of such files of one kind.
        out: The dataset's folder; made if need be.
        images: Folder of the photographs, which are found by path or by name below it; beside the
            annotations by default.
        kind: One of `ANNOTATION_FORMATS`; recognised from the content by default.
        classes: `drone` or the path of a class table; made from the names in the annotations by
            default, in alphabetical order, in the tool's colours if it has some.
        background: Class of the pixels that nothing covers; a table made from the names gets it as
            id 0 if it lacks it.
        progress: Whether to show a progress bar.

    Raises:
        DataError: Files are missing, broken, of another kind or of wrong content, a photograph is
            missing, named ambiguously or of another size than in the annotations, the class table
            lacks a label, or `out` cannot be written to or would mix with other files.
    """
    kind, annotations = _read(source, kind)
    photographs = Photographs(images or (source if source.is_dir() else source.parent))
    write.refuse_overlap(out, photographs.root)
    found = _found(annotations.photographs, photographs)
    drawn = {path: one for path, one in found.items() if one.shapes or background is not None}
    if not drawn:
        raise DataError(f"{source} has no shape on any photograph: label some, or give --background for empty ones")
    table = class_table(
        (shape for one in found.values() for shape in one.shapes), annotations.colours, classes, background
    )
    write.refuse_others(out, drawn)
    _refuse_other_sizes(drawn)
    fill = table.ignore_index if background is None else table.names.index(background)
    ids = {name: i for i, name in enumerate(table.names)}
    pixels = np.zeros(256, np.int64)
    for path, one in tqdm(drawn.items(), desc="masks", unit="photograph", disable=not progress):
        pixels += write.pair(path, one.shapes, ids, fill, out)
    write.classes(table, out)
    counts = Counter(shape.label for one in drawn.values() for shape in one.shapes)
    left_out = {
        **annotations.left_out,
        "photographs without a shape": len(found) - len(drawn),
        "photographs that the annotations do not name": len(photographs) - len(found),
    }
    return ImportSummary(
        kind=kind,
        out=out,
        table=table,
        photographs=len(drawn),
        shapes=np.array([counts[name] for name in table.names], np.int64),
        pixels=pixels,
        left_out={what: count for what, count in left_out.items() if count},
    )


def _read(source: Path, kind: str | None) -> tuple[str, Annotations]:
    """Returns the kind and the content of all files of `source`."""
    if kind is not None and kind not in ANNOTATION_FORMATS:
        raise DataError(f"{kind!a} is no kind of annotations: choose one of {', '.join(ANNOTATION_FORMATS)}")
    if not source.exists():
        raise DataError(f"{source} does not exist: give a file of annotations or a folder of such files")
    suffixes = [known.suffix for name, known in ANNOTATION_FORMATS.items() if kind in (None, name)]
    files = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.is_file())
    files = [path for path in files if path.suffix.lower() in suffixes and not path.name.startswith(".")]
    if not files:
        raise DataError(
            f"{source} holds no annotations ({' or '.join(sorted(set(suffixes)))}): give the file or the folder "
            "that the labelling tool exported, unpacked"
        )
    annotations = Annotations()
    for path in files:
        document = read_document(path)
        if kind is None:
            kind = next((name for name, known in ANNOTATION_FORMATS.items() if known.fits(document)), None)
        if kind is None:
            raise DataError(
                f"{path} holds no annotations of a known kind ({', '.join(ANNOTATION_FORMATS)}): export it as one"
            )
        if not ANNOTATION_FORMATS[kind].fits(document):
            raise DataError(f"{path} is not of the kind {kind}: give the right kind, or one kind a folder")
        annotations.add(ANNOTATION_FORMATS[kind].read(document, path))
    return str(kind), annotations


def _found(annotated: Iterable[Annotated], photographs: Photographs) -> dict[Path, Annotated]:
    """Returns what is annotated by its photograph, sorted."""
    found: dict[Path, Annotated] = {}
    missing = []
    for one in annotated:
        path = photographs.find(one.names, one.where)
        if path is None:
            missing.append(one.names[0])
        elif path in found:
            raise DataError(f"{found[path].where} and {one.where} are both of {path}: leave one of them out")
        else:
            found[path] = one
    if missing:
        named = ", ".join(ascii(name) for name in missing[:5]) + (" and more" if len(missing) > 5 else "")
        raise DataError(
            f"{len(missing)} annotated photographs are not in {photographs.root} (JPEG, PNG, TIFF or WebP): "
            f"{named}; give their folder with --images"
        )
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for path in found:
        by_stem[path.stem].append(path)
    if doubled := next((paths for paths in by_stem.values() if len(paths) > 1), None):
        raise DataError(f"{doubled[0]} and {doubled[1]} would have one mask: rename one of them")
    return dict(sorted(found.items()))


def _refuse_other_sizes(annotated: dict[Path, Annotated]) -> None:
    for path, one in annotated.items():
        size = read_size(path)
        if one.size not in (None, size):
            raise DataError(
                f"{one.where} is of a photograph of {one.size[1]} x {one.size[0]} pixels, but {path} has "
                f"{size[1]} x {size[0]}: give the photographs that were annotated"
            )
