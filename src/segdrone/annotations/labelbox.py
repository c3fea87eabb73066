"""Read Labelbox's export: JSON lines with one photograph each. Masks are links to its server, and are not followed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from segdrone.annotations.checked import CheckedNode, read_points
from segdrone.annotations.documents import JsonLines
from segdrone.annotations.people import name_of
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape, box
from segdrone.errors import DataError


def matches(document: Any) -> bool:
    """Returns whether a document has this format: lines or a list of rows, or the older list of labels."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and ("data_row" in first or {"Labeled Data", "Label"} <= first.keys())


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Of several labels of a photograph, the first one with objects is used.

    Raises:
        DataError: Something is missing or has a wrong type, objects are masks on Labelbox's server, or a photograph
            has labels in several projects.
    """
    rows = document if isinstance(document, list) else [document]
    place = "line" if isinstance(document, JsonLines) else "row"
    skipped: Counter[str] = Counter()
    images = []
    for number, content in enumerate(rows, start=1):
        row = CheckedNode(content, path, f"{place} {number}")
        images.append(_read_row(row, skipped) if "data_row" in row.mapping() else _read_old_row(row, skipped))
    return Annotations(images, skipped=+skipped)


def _read_row(row: CheckedNode, skipped: Counter[str]) -> AnnotatedImage:
    data = row["data_row"]
    attributes, projects = row.get("media_attributes"), row.get("projects")
    labeled: list[CheckedNode] = []
    others: list[CheckedNode] = []
    for project in [projects[key] for key in projects.mapping()] if projects else ():
        labels = [label for label in project["labels"].items() if _objects(label)]
        labeled.extend(labels[:1])
        others.extend(labels[1:])
        skipped["further labels of the same photograph"] += len(labels[1:])
    if len(labeled) > 1:
        raise row.error("has labels in several projects: export one project")
    names = [text for key in ("external_id", "global_key", "row_data") if (text := _text(data, key))]
    if not names:
        raise data.error("has no external_id, global_key or row_data")
    split = row.get("data_split") or data.get("data_split")
    image = AnnotatedImage(
        names,
        attributes.size("height", "width") if attributes else None,
        [],
        row.where,
        row.path,
        subset=split.text() if split and split.content else None,
    )
    if not labeled:
        return image
    further = [partial(_with_label, image, other, Counter[str]()) for other in others]
    return replace(_with_label(image, labeled[0], skipped), others=further)


def _with_label(image: AnnotatedImage, label: CheckedNode, skipped: Counter[str]) -> AnnotatedImage:
    details = label.get("label_details")
    by = name_of(details.get("created_by") if details else None)
    return replace(image, shapes=_read_objects(_objects(label), skipped), by=by)


def _read_old_row(row: CheckedNode, skipped: Counter[str]) -> AnnotatedImage:
    objects = row["Label"].get("objects")
    names = [text for key in ("External ID", "Labeled Data") if (text := _text(row, key))]
    shapes = _read_objects(list(objects.items()) if objects else [], skipped)
    return AnnotatedImage(names, None, shapes, row.where, row.path)


def _objects(label: CheckedNode) -> list[CheckedNode]:
    objects = label["annotations"].get("objects")
    return list(objects.items()) if objects else []


def _read_objects(objects: list[CheckedNode], skipped: Counter[str]) -> list[Shape]:
    shapes = []
    for node in objects:
        label = (node.get("name") or node.get("title") or node["value"]).label()
        if polygon := node.get("polygon"):
            if len(points := read_points(polygon.items())) > 2:
                shapes.append(Shape(label, node.where, [points]))
            else:
                skipped["polygons of fewer than 3 points"] += 1
        elif corners := node.get("bounding_box") or node.get("bbox"):
            top, left, height, width = (corners[key].number() for key in ("top", "left", "height", "width"))
            shapes.append(Shape(label, node.where, [box(left, top, left + width, top + height)], is_box=True))
        elif any(key in node.mapping() for key in ("line", "point")):
            skipped["lines and points"] += 1
        elif not any(key in node.mapping() for key in ("mask", "composite_mask", "instanceURI")):
            raise node.error("has neither a polygon nor a box nor a line")
        else:
            raise DataError(
                f"{node.where} is a mask on Labelbox's server ({label!a}), which is not fetched: annotate with "
                "polygons, or download the masks with Labelbox's SDK and train on them as PNG"
            )
    return shapes


def _text(node: CheckedNode, key: str) -> str | None:
    """Returns a name, or the path of a URL; None if it is absent or empty."""
    content = node.mapping().get(key)
    if not isinstance(content, str) or not content.strip():
        return None
    try:
        url = urlsplit(content)
    except ValueError:
        return content
    return unquote(url.path) if url.scheme in ("http", "https", "s3", "gs") else content
