"""Find and read the annotation files of what the user gave: files, or folders of any depth."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segdrone.annotations import yolo
from segdrone.annotations.checked import without_line_breaks
from segdrone.annotations.documents import YAML_SUFFIXES, read_document
from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.refused_formats import refusal, refusal_of_file
from segdrone.annotations.shapes import Annotations
from segdrone.errors import DataError, SegdroneError
from segdrone.raster.header import IMAGE_SUFFIXES

log = logging.getLogger(__name__)

_BESIDE = ("annotations", "annotation", "ann", "labels", "result", "json", "xml")  # folders next to the photographs


@dataclass(frozen=True)
class Source:
    """A file or folder that the user gave, with the annotations that were read from it.

    Attributes:
        path: The file or folder.
        format: Name of the format, a key of `ANNOTATION_FORMATS`.
        annotations: Content of all its annotation files.
        passed_over: Files that might be annotations and are none, with the reason if it is known.
    """

    path: Path
    format: str
    annotations: Annotations
    passed_over: dict[Path, str | None] = field(default_factory=dict)

    @property
    def images(self) -> Path:
        """Folder to look for photographs in, unless the user names another one."""
        if self.path.is_dir():
            return self.path
        parent = self.path.parent
        return parent.parent if parent.resolve().name.lower() in _BESIDE else parent


def read_source(source: Path, name: str | None) -> Source:
    """Reads all annotation files of one format in a file or folder.

    Args:
        source: The file or folder.
        name: Format, a key of `ANNOTATION_FORMATS`; None recognizes it from the content.

    Raises:
        DataError: There is no such format or path, no annotations, annotations in two formats or in one that cannot
            become masks, or a file is broken.
    """
    if name is not None and name not in ANNOTATION_FORMATS:
        raise DataError(f"{name!a} is not an annotation format: choose one of {', '.join(ANNOTATION_FORMATS)}")
    if not source.exists():
        raise DataError(f"{source} does not exist: give an annotation file or a folder of such files")
    suffixes = {suffix for known in ANNOTATION_FORMATS.values() for suffix in known.suffixes}
    found: defaultdict[str, Annotations] = defaultdict(Annotations)
    first: dict[str, Path] = {}
    passed_over: dict[Path, str | None] = {}
    for path in _files(source):
        if path.suffix.lower() not in suffixes:
            if reason := refusal_of_file(path):
                passed_over[path] = reason
            continue
        try:
            document = read_document(path)
        except DataError:
            if path == source or path.suffix.lower() not in YAML_SUFFIXES:
                raise
            passed_over[path] = "is no YAML file of a dataset"  # but of some other program
            continue
        try:
            key = _recognize(document, ANNOTATION_FORMATS if name is None else [name])
            if key is None:
                passed_over[path] = refusal(document)
                continue
            found[key].extend(ANNOTATION_FORMATS[key].read(document, path))
        except SegdroneError:
            raise
        except Exception as error:  # of content that no format foresees
            reason = without_line_breaks(f"{type(error).__name__}: {error}")
            raise DataError(f"{path} holds what no labeling tool writes ({reason}): export it again") from error
        first.setdefault(key, path)
    if len(found) > 1:
        kinds = ", ".join(f"{key} ({path})" for key, path in first.items())
        raise DataError(f"{source} holds annotations in {len(found)} formats: {kinds}: choose one with --format")
    if not found and name in (None, "yolo") and (annotations := yolo.read_without_config(source)):
        found["yolo"] = annotations
    if not found:
        raise _nothing_found(source, name, passed_over)
    key, annotations = next(iter(found.items()))
    return Source(source, key, annotations, passed_over)


def _files(source: Path) -> Iterator[Path]:
    """Yields the files of a source in a fixed order; hidden files and folders are passed over, links not followed."""
    if not source.is_dir():
        yield source
        return
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _recognize(document: Any, names: Iterable[str]) -> str | None:
    return next((name for name in names if ANNOTATION_FORMATS[name].matches(document)), None)


def _nothing_found(source: Path, name: str | None, passed_over: dict[Path, str | None]) -> DataError:
    if name is None and (masks := _mask_folder(source)):
        return DataError(
            f"{source} contains no outlines but finished masks ({masks}): no import is needed, train on this folder"
        )
    for path, reason in passed_over.items():
        if reason is not None and name is None:
            return DataError(f"{path} {reason}")
    if passed_over:
        path = next(iter(passed_over))
        if name is not None:
            return DataError(f"{path} is not in the format {name}: give the right --format, or leave it out")
        return DataError(
            f"{path} contains no annotations in a known format: export it as {', '.join(ANNOTATION_FORMATS)}"
        )
    suffixes = _suffixes([name] if name else list(ANNOTATION_FORMATS))
    return DataError(
        f"{source} contains no annotations ({suffixes}): give the file or the folder "
        "that the labeling tool exported, unpacked"
    )


def _suffixes(names: Sequence[str]) -> str:
    *most, last = sorted({suffix for name in names for suffix in ANNOTATION_FORMATS[name].suffixes})
    return f"{', '.join(most)} or {last}" if most else last


def _mask_folder(source: Path) -> str | None:
    """Returns the name of a folder or file that shows that a dataset has its masks already."""
    for path in _files(source) if source.is_dir() else ():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if path.stem.endswith("_mask"):
                return path.name
            if path.parent.name.lower() in _MASK_FOLDERS:
                return path.parent.name
    return None


_MASK_FOLDERS = ("masks", "segmentationclass", "label_images_semantic", "gt")
