"""Formats that are recognized and cannot become masks, each with the export to choose instead."""

from __future__ import annotations

from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from segdrone.annotations.documents import JsonLines
from segdrone.utils.regular_file import open_regular

_DRAW = "draw outlines (polygons or masks)"


def refusal(document: Any) -> str | None:
    """Returns what a document is and what to export instead, for an error; None if it is in no known format.

    Example:
        >>> refusal({"type": "FeatureCollection", "features": []})
        'is GeoJSON, whose places are on the map: export the outlines in pixels, such as COCO'
    """
    return next((text for matches, text in _REFUSED if matches(document)), None)


def refusal_of_file(path: Path) -> str | None:
    """Returns the same for a file that is no document: by its suffix or the first line of a table."""
    suffix = path.suffix.lower()
    if suffix in _REFUSED_SUFFIXES:
        return _REFUSED_SUFFIXES[suffix]
    if path.name.lower() == "_classes.csv":
        return "is Roboflow's table of classes of whole photographs: export COCO segmentation, or masks as PNG"
    if suffix not in (".csv", ".tsv"):
        return None
    try:
        with TextIOWrapper(open_regular(path), encoding="utf-8-sig", errors="replace") as file:
            header = file.readline(4096).lower()
    except OSError:
        return None
    return next((text for word, text in _REFUSED_TABLES.items() if word in header), None)


def _first(document: Any) -> dict[str, Any]:
    """Returns a mapping, or the first mapping of a list, or an empty one."""
    if isinstance(document, list) and document:
        document = document[0]
    return document if isinstance(document, dict) else {}


def _has(*keys: str) -> Callable[[Any], bool]:
    return lambda document: set(keys) <= _first(document).keys()


def _is_voc(document: Any) -> bool:
    return (
        isinstance(document, Element)
        and document.tag == "annotation"
        and any(document.find(child) is not None for child in ("object/bndbox", "size", "segmented"))
    )


def _is_label_studio_min(document: Any) -> bool:
    first = _first(document)
    return isinstance(document, list) and {"annotation_id", "annotator"} <= first.keys()


_REFUSED: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        _is_voc,
        "is Pascal VOC with bounding boxes, as LabelImg, Make Sense and Roboflow write it; boxes are no outlines: "
        f"{_DRAW} in LabelMe, CVAT or Make Sense and export COCO; a VOC dataset with SegmentationClass/ has its masks "
        "already and needs no import",
    ),
    (
        lambda document: isinstance(document, list) and {"image", "annotations"} <= _first(document).keys(),
        f"is CreateML, which holds bounding boxes only: {_DRAW}, and export COCO segmentation",
    ),
    (
        _is_label_studio_min,
        "is Label Studio's JSON-MIN, which leaves out what is needed: export JSON",
    ),
    (
        lambda document: isinstance(document, list) and {"image_id", "category_id", "score"} <= _first(document).keys(),
        "is a list of COCO results, which name no photographs: give the file with images, annotations and categories",
    ),
    (
        lambda document: "uuid" in _first(document) and bool({"dataRow", "classifications"} & _first(document).keys()),
        "is Labelbox's format for uploading predictions: export the labels of the project instead (NDJSON)",
    ),
    (
        _has("type", "features"),
        "is GeoJSON, whose places are on the map: export the outlines in pixels, such as COCO",
    ),
    (_has("asset", "regions"), f"is VoTT, whose regions are mostly boxes: {_DRAW} and export COCO or VIA"),
    (_has("assets", "tags"), f"is VoTT, whose regions are mostly boxes: {_DRAW} and export COCO or VIA"),
    (_has("metadata", "instances"), "is SuperAnnotate's own format: export COCO from it"),
    (_has("project", "config", "file"), "is VIA 3, for videos: annotate with VIA 2, or export COCO"),
    (
        lambda document: "caption" in _first(_first(document).get("annotations")),
        "is COCO captions, which describe whole photographs: give the file with instances or stuff",
    ),
    (_has("images", "categories"), "is COCO without annotations (image info): give the file that has annotations"),
    (
        _has("image", "annotations"),
        "is Segment Anything's format, whose masks have no classes: label them in a tool and export COCO",
    ),
    (lambda document: isinstance(document, JsonLines), "holds JSON lines of no known tool: export COCO"),
)

_REFUSED_SUFFIXES = {
    ".zip": "is an archive: unpack it, and give its folder",
    ".tar": "is an archive: unpack it, and give its folder",
    ".gz": "is an archive: unpack it, and give its folder",
    ".7z": "is an archive: unpack it, and give its folder",
    ".rar": "is an archive: unpack it, and give its folder",
    ".tfrecord": "is TFRecord: export COCO segmentation, or masks as PNG",
    ".record": "is TFRecord: export COCO segmentation, or masks as PNG",
    ".npy": "is an array of NumPy, such as a brush export of Label Studio: export JSON",
    ".parquet": "is a table in Parquet: export COCO segmentation, or masks as PNG",
}

_REFUSED_TABLES = {
    "region_shape_attributes": "is VIA's CSV: save the project as JSON (Annotation > Export Annotations (as json))",
    "xmin": f"is a table of bounding boxes: {_DRAW}, and export COCO segmentation",
    "polygonlabels": "is a table of Label Studio: export JSON",
    "annotation_id": "is a table of Label Studio: export JSON",
}
