"""Read YOLO segmentation: `data.yaml` with the class names, and one text file of polygons per photograph.

A line is a class id and x, y, x, y, ... as shares of width and height; with four numbers it is a bounding box.
Without `data.yaml`, names are read from `classes.txt` or `obj.names`, one per line, as Label Studio, LabelImg and CVAT
write them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape
from segdrone.errors import DataError
from segdrone.utils.regular_file import open_regular

_MAX_BYTES = 1 << 26
_NAMES_FILES = ("classes.txt", "obj.names", "obj_names.txt")
_LABELS = ("labels", "labeltxt")
_LINE = re.compile(r"\d+(\.0+)?(\s+[-+.\deE]+){4,}\s*")
_FURTHEST = 2.0  # largest share: outlines may reach out of the photograph, pixels would be larger


def matches(document: Any) -> bool:
    """Returns whether a document has this format: the YAML file of the dataset."""
    return isinstance(document, dict) and "names" in document and bool({"train", "val", "nc", "path"} & document.keys())


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations in the label files below the folder of `data.yaml`.

    Raises:
        DataError: Something is missing or has a wrong type, or the labels are keypoints.
    """
    root = CheckedNode(document, path)
    if "kpt_shape" in document:
        raise DataError(f"{path} describes keypoints (pose), which cover no pixels: export YOLO segmentation or COCO")
    return _read_labels(path.parent, _class_names(root["names"]), path)


def read_without_config(source: Path) -> Annotations | None:
    """Returns the annotations below a folder without `data.yaml`, or None if it has no YOLO labels.

    Raises:
        DataError: There are labels but no names of the classes, or several lists of them differ, or labels are broken.
    """
    if not source.is_dir() or not any(_first_line_matches(path) for path in _text_files(source)):
        return None
    lists = [path for path in _text_files(source, (".txt", ".names")) if path.name.lower() in _NAMES_FILES]
    if not lists:
        raise DataError(
            f"{source} holds YOLO labels but no names of their classes: put data.yaml or classes.txt (one name per "
            "line, in the order of the ids) beside them"
        )
    names = _read_names(lists[0])
    if other := next((path for path in lists[1:] if _read_names(path) != names), None):
        raise DataError(
            f"{lists[0]} and {other} give ids to other classes: give the folder of each as a source of its own, or "
            "remove the one that the labels do not follow"
        )
    return _read_labels(source, names, lists[0])


def _read_names(path: Path) -> dict[int, str]:
    """Returns the names by id in a text file, one per line.

    Raises:
        DataError: It cannot be read, or has an empty line between others.
    """
    lines = "\n".join(_read_lines(path)).rstrip().split("\n")
    if (empty := next((number for number, line in enumerate(lines, 1) if not line.strip()), None)) is not None:
        raise DataError(
            f"{path} has an empty line {empty}, but the id of a class is the number of its line: remove the line if "
            "those after it have the ids that follow without it, or write a name there"
        )
    return _class_names(CheckedNode(lines, path))


def _class_names(names: CheckedNode) -> dict[int, str]:
    """Returns the names by id, from a list or a mapping."""
    if not isinstance(names.content, dict):
        return {i: node.label() for i, node in enumerate(names.items())}
    return {
        CheckedNode(key, names.path, names.place).integer(): CheckedNode(name, names.path, names.place).label()
        for key, name in names.content.items()
    }


def _read_labels(folder: Path, names: dict[int, str], names_file: Path) -> Annotations:
    unread: Counter[str] = Counter()
    images = []
    for path in _text_files(folder):
        if path.name.lower() in _NAMES_FILES or not (_in_labels(path, folder) or _first_line_matches(path)):
            continue
        shapes = []
        for number, line in enumerate(_read_lines(path), start=1):
            if line.strip():
                node = CheckedNode(line.split(), path, f"line {number}")
                shape = _read_line(node, names, names_file)
                if shape is None:
                    unread["bounding boxes"] += 1
                else:
                    shapes.append(shape)
        parts = ["images" if part.lower() in _LABELS else part for part in path.relative_to(folder).parent.parts]
        images.append(AnnotatedImage(["/".join([*parts, path.stem])], None, shapes, str(path), path))
    return Annotations(images, list(names.values()), unread=unread)


def _read_line(node: CheckedNode, names: dict[int, str], names_file: Path) -> Shape | None:
    """Returns the polygon of a line, or None if it is a bounding box."""
    if len(node.content) in (9, 10) and not _LINE.fullmatch(" ".join(node.content)):
        raise node.error("is DOTA's format of oriented bounding boxes, which are no outlines; export polygons")
    numbers = node.numbers()
    if len(numbers) < 5 or len(numbers) % 2 == 0:
        raise node.error(f"has {len(numbers)} numbers, not a class id and x, y, x, y, ...")
    class_id = numbers[0]
    if class_id not in names:
        raise node.error(f"has the class {class_id:g}, but {names_file} names {len(names)} classes from 0 on")
    if not (np.abs(numbers[1:]) <= _FURTHEST).all():
        raise node.error("has coordinates that are not shares of the width and height")
    if len(numbers) == 5:
        return None
    return Shape(names[int(class_id)], node.where, [numbers[1:].reshape(-1, 2)], is_relative=True)


def _in_labels(path: Path, folder: Path) -> bool:
    return any(part.lower() in _LABELS for part in path.relative_to(folder).parent.parts)


def _first_line_matches(path: Path) -> bool:
    try:
        with TextIOWrapper(open_regular(path), encoding="utf-8-sig", errors="replace") as file:
            return bool(_LINE.fullmatch(file.readline(1 << 16)))
    except OSError:
        return False


def _text_files(folder: Path, suffixes: Sequence[str] = (".txt",)) -> Iterator[Path]:
    """Yields the text files below a folder, in a fixed order."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (
            Path(parent, name) for name in sorted(names) if Path(name).suffix in suffixes and not name.startswith(".")
        )


def _read_lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} has more than {_MAX_BYTES >> 20} MiB, which is no label file")
        with TextIOWrapper(open_regular(path), encoding="utf-8-sig") as file:
            return file.read().splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a UTF-8 text file: export it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None
