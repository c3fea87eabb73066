"""Read Label Studio's JSON export: tasks of one photograph each, with coordinates in percent of its size.

If a photograph has several annotations, the one marked as ground truth is used, else the one updated last.
Predictions are not used. The labeling configuration, an XML file with the root `View`, declares labels and colors;
regions are named by the alias of a label if it has one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree.ElementTree import Element

from segdrone.annotations.checked import CheckedNode, node_from_xml, parse_color
from segdrone.annotations.label_studio_regions import NO_AREA_TYPES, OUTLINES, is_keypoint, read_bitmap, read_line
from segdrone.annotations.people import name_of
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.windows import Size

NAME, DIGEST = "photograph", "sha256"
"""Keys of a task's data by which `segdrone data export-labels --push` names the photograph that it has uploaded."""


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    if isinstance(document, Element):
        return bool(document.tag == "View")
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and "data" in first and ("annotations" in first or "completions" in first)


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document, or the labels of a labeling configuration.

    Raises:
        DataError: Something is missing or has a wrong type, a region has several labels or an unknown kind, regions of
            a task are on several images, or a photograph was rotated in the tool.
    """
    if isinstance(document, Element):
        return _read_configuration(document, path)
    skipped: Counter[str] = Counter()
    images = []
    for task in CheckedNode(document if isinstance(document, list) else [document], path).items():
        annotations = (task.get("completions") or task["annotations"]).items()
        submitted = [annotation for annotation in annotations if not _flag(annotation, "was_cancelled")]
        if not submitted:
            skipped["tasks without an annotation"] += 1
            continue
        skipped["further annotations of the same photograph"] += len(submitted) - 1
        first, *others = sorted(submitted, key=_priority, reverse=True)
        further = [partial(_read_task, task, other, Counter[str]()) for other in others]
        images.append(replace(_read_task(task, first, skipped), others=further))
    return Annotations(images, skipped=+skipped)


def _read_configuration(document: Element, path: Path) -> Annotations:
    labels, colors = [], {}
    for element in document.iter("Label"):
        label = node_from_xml(element, path, "Label")["alias" if element.get("alias") else "value"].label()
        labels.append(label)
        if color := parse_color(element.get("background") or ""):
            colors[label] = color
    return Annotations(labels=labels, colors=colors)


def _flag(annotation: CheckedNode, name: str) -> bool:
    node = annotation.get(name)
    return node is not None and node.content is True


def _priority(annotation: CheckedNode) -> tuple[bool, str]:
    updated = annotation.get("updated_at")
    return _flag(annotation, "ground_truth"), updated.text() if updated else ""


def _read_task(task: CheckedNode, annotation: CheckedNode, skipped: Counter[str]) -> AnnotatedImage:
    shapes: list[Shape] = []
    size: Size | None = None
    images: dict[str, None] = {}
    for result in annotation["result"].items():
        value = result.get("value")
        kind = next((key for key in ("rle", "imageDataURL", *OUTLINES) if value and value.get(key)), None)
        if kind is None and is_keypoint(result):
            kind = "keypoint"
        if value is None or kind is None:
            _check_has_no_area(result)
            skipped["results that cover no pixels"] += 1
            continue
        labels = [label for key in value.mapping() if key.endswith("labels") for label in value[key].items()]
        if len(labels) > 1:
            raise value.error(f"has {len(labels)} labels, but a pixel can have only one")
        if not labels:
            skipped["regions without a label"] += 1
            continue
        if (own_size := result.size("original_height", "original_width")) is None or size not in (None, own_size):
            raise result.error("has no original_width and original_height, or other ones than earlier regions")
        if (rotation := result.get("image_rotation")) and rotation.number() % 360:
            raise result.error("is on a photograph that was rotated in the tool: rotate it back there")
        size = own_size
        images[result.word("to_name")] = None
        if len(images) > 1:
            raise DataError(
                f"{result.where} is on another image of its task than earlier regions "
                f"({', '.join(map(ascii, images))}): give each photograph a task of its own"
            )
        label = labels[0].label()
        scale = size[1] / 100, size[0] / 100
        if kind in ("rle", "imageDataURL"):
            shapes.append(Shape(label, value.where, bitmap=read_bitmap(value, kind)))
        elif kind not in OUTLINES or (outline := OUTLINES[kind](value, *scale)) is None:
            if len(line := read_line(value, *scale)):
                shapes.append(Shape(label, value.where, lines=[line]))
            else:
                skipped["vectors without points"] += 1
        elif len(outline) < 3:
            skipped["polygons of fewer than 3 points"] += 1
        else:
            shapes.append(Shape(label, value.where, [outline], is_box=kind == "height"))
    by = name_of(annotation.get("completed_by"))
    digest = _pushed(task).get(DIGEST, "")
    return AnnotatedImage(_image_names(task), size, shapes, annotation.where, annotation.path, digest=digest, by=by)


def _check_has_no_area(result: CheckedNode) -> None:
    """Refuses a result of an unknown type: it may cover pixels.

    Raises:
        DataError: Its type is unknown.
    """
    type_ = result.get("type")
    if type_ is not None and type_.text().lower().removesuffix("labels") not in NO_AREA_TYPES:
        raise result.error(f"is of the type {type_.text()!a}, which is not known here")


def _image_names(task: CheckedNode) -> list[str]:
    """Returns possible names of the photograph: also without the eight digits that an upload puts before the name."""
    texts = {key: text for key, text in task["data"].mapping().items() if isinstance(text, str) and text.strip()}
    paths = {key: _path_in_url(text) for key, text in texts.items()}
    with_suffix = [key for key, path in paths.items() if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES]
    key = "image" if "image" in paths else next((keys[0] for keys in (with_suffix, [*paths]) if len(keys) == 1), None)
    if key == "image" and (pushed := _pushed(task)):
        return [pushed[NAME]]
    if key is None:
        raise task["data"].error(
            f"has {len(with_suffix) or len(paths)} texts that may name the photograph ({', '.join(sorted(paths))}): "
            "name the right one 'image'"
        )
    path = PurePosixPath(paths[key])
    if "upload" in path.parts[:-1]:
        return [path.name, re.sub("^[0-9a-f]{8}-", "", path.name), texts[key]]
    return [paths[key], texts[key]]  # eight digits are its own, such as a date


def _pushed(task: CheckedNode) -> dict[str, str]:
    """Returns name and digest of a photograph that `segdrone data export-labels --push` sent; empty for others."""
    data = task["data"].mapping()
    found = {key: data[key] for key in (NAME, DIGEST) if isinstance(data.get(key), str) and data[key].strip()}
    return found if len(found) == len((NAME, DIGEST)) else {}


def _path_in_url(text: str) -> str:
    """Returns the path in a URL, or the file that `/data/local-files/?d=` names, or `text` itself."""
    try:
        url = urlsplit(text, allow_fragments=False)  # a name may have a #
        return parse_qs(url.query).get("d", [unquote(url.path)])[0] or text
    except ValueError:
        return text
