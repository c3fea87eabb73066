"""Turn the annotations of a labeling tool into `images/`, `masks/` and `classes.csv`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from segdrone.annotations import coco, cvat, label_studio, labelme, labelme_xml, write
from segdrone.annotations.checked import read_document
from segdrone.annotations.class_table import build_class_table
from segdrone.annotations.image_folder import ImageFolder
from segdrone.annotations.shapes import AnnotatedImage, Annotations
from segdrone.annotations.summary import ImportSummary
from segdrone.errors import DataError
from segdrone.raster.header import read_size


class AnnotationFormat(NamedTuple):
    """A file format of annotations: its suffix, how it is recognized, and how it is read."""

    suffix: str
    matches: Callable[[Any], bool]
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
    annotation_format: str | None = None,
    classes: str | None = None,
    background: str | None = None,
    progress: bool = True,
) -> ImportSummary:
    """Writes `out/images/` (hard links if possible), `out/masks/NAME.png` and `out/classes.csv`.

    A mask is uint8 `[H, W]` of class ids, at the size of its photograph as displayed. Pixels that no shape covers are
    ignored, or of the class `background`. A photograph without shapes is skipped, or all background; a photograph
    that the annotations do not name is skipped. Masks of an earlier import of the same photographs are overwritten.
    `classes.csv` is written last.

    Args:
        source: An annotation file, or a folder of annotation files in one format.
        out: Folder of the dataset; created if necessary.
        images: Folder of the photographs, which are found by path or name below it; by default the folder of the
            annotations.
        annotation_format: One of `ANNOTATION_FORMATS`; by default it is recognized from the content.
        classes: `drone` or the path of a class table; by default a table is built from the labels in the annotations,
            in alphabetical order, with the tool's colors if it has any.
        background: Class of the pixels that no shape covers. A table that is built gets it as id 0, unless a shape has
            that label.
        progress: Whether to show a progress bar.

    Raises:
        DataError: Files are missing, broken, of another format or have invalid content; a photograph is missing, has
            an ambiguous name or another size than in the annotations; the class table lacks a label; or `out` cannot
            be written to or would mix with other files.

    Example:
        >>> summary = import_annotations(Path("export.json"), Path("datasets/mine"))  # doctest: +SKIP
        >>> summary.photographs, summary.table.names  # doctest: +SKIP
        (120, ('field', 'house', 'road'))
    """
    annotation_format, annotations = _read_annotations(source, annotation_format)
    folder = ImageFolder(images or (source if source.is_dir() else source.parent))
    write.check_folders(out, folder.root)
    annotated = _find_images(annotations.images, folder)
    drawn = {path: image for path, image in annotated.items() if image.shapes or background is not None}
    if not drawn:
        raise DataError(f"{source} has no shape on any photograph: label some, or give --background for empty ones")
    table = build_class_table(
        (shape for image in annotated.values() for shape in image.shapes), annotations.colors, classes, background
    )
    write.check_no_other_import(out, drawn)
    _check_sizes(drawn)
    fill = table.ignore_index if background is None else table.names.index(background)
    ids = {name: i for i, name in enumerate(table.names)}
    pixels = np.zeros(256, np.int64)
    for path, image in tqdm(drawn.items(), desc="masks", unit="photograph", disable=not progress):
        pixels += write.write_pair(path, image.shapes, ids, fill, out)
    write.write_class_table(table, out)
    counts = Counter(shape.label for image in drawn.values() for shape in image.shapes)
    skipped = {
        **annotations.skipped,
        "photographs without a shape": len(annotated) - len(drawn),
        "photographs that the annotations do not name": len(folder) - len(annotated),
    }
    return ImportSummary(
        annotation_format=annotation_format,
        out=out,
        table=table,
        photographs=len(drawn),
        shapes=np.array([counts[name] for name in table.names], np.int64),
        pixels=pixels,
        skipped={description: count for description, count in skipped.items() if count},
    )


def _read_annotations(source: Path, name: str | None) -> tuple[str, Annotations]:
    """Returns the format and the content of all files of `source`."""
    if name is not None and name not in ANNOTATION_FORMATS:
        raise DataError(f"{name!a} is not an annotation format: choose one of {', '.join(ANNOTATION_FORMATS)}")
    if not source.exists():
        raise DataError(f"{source} does not exist: give an annotation file or a folder of such files")
    suffixes = {known.suffix for key, known in ANNOTATION_FORMATS.items() if name in (None, key)}
    files = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.is_file())
    files = [path for path in files if path.suffix.lower() in suffixes and not path.name.startswith(".")]
    if not files:
        raise DataError(
            f"{source} contains no annotations ({' or '.join(sorted(suffixes))}): give the file or the folder "
            "that the labeling tool exported, unpacked"
        )
    annotations = Annotations()
    for path in files:
        document = read_document(path)
        if name is None:
            name = next((key for key, known in ANNOTATION_FORMATS.items() if known.matches(document)), None)
        if name is None:
            raise DataError(
                f"{path} contains no annotations in a known format: export it as {', '.join(ANNOTATION_FORMATS)}"
            )
        if not ANNOTATION_FORMATS[name].matches(document):
            raise DataError(f"{path} is not in the format {name}: give the right --format, or a folder of one format")
        annotations.extend(ANNOTATION_FORMATS[name].read(document, path))
    return str(name), annotations


def _find_images(images: Iterable[AnnotatedImage], folder: ImageFolder) -> dict[Path, AnnotatedImage]:
    """Returns the annotated images by the path of their photograph, sorted."""
    found: dict[Path, AnnotatedImage] = {}
    missing = []
    for image in images:
        path = folder.find(image.names, image.where)
        if path is None:
            missing.append(image.names[0])
        elif path in found:
            raise DataError(f"{found[path].where} and {image.where} both annotate {path}: leave one of them out")
        else:
            found[path] = image
    if missing:
        names = ", ".join(ascii(name) for name in missing[:5]) + (" and more" if len(missing) > 5 else "")
        raise DataError(
            f"{len(missing)} annotated photographs are not in {folder.root} (JPEG, PNG, TIFF or WebP): "
            f"{names}; give their folder with --images"
        )
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for path in found:
        by_stem[path.stem].append(path)
    if duplicates := next((paths for paths in by_stem.values() if len(paths) > 1), None):
        raise DataError(f"{duplicates[0]} and {duplicates[1]} would share one mask: rename one of them")
    return dict(sorted(found.items()))


def _check_sizes(annotated: dict[Path, AnnotatedImage]) -> None:
    for path, image in annotated.items():
        size = read_size(path)
        if image.size not in (None, size):
            raise DataError(
                f"{image.where} annotates a photograph of {image.size[1]} x {image.size[0]} pixels, but {path} has "
                f"{size[1]} x {size[0]}: give the photographs that were annotated"
            )
