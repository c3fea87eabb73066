"""The formats of annotations: those that are read, and those that are known but hold no outlines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from segdrone.annotations import (
    coco,
    coco_panoptic,
    cvat,
    cvat_video,
    darwin,
    datumaro,
    encord,
    hasty,
    label_studio,
    labelbox,
    labelme,
    labelme_xml,
    supervisely,
    via,
    yolo,
)
from segdrone.annotations.shapes import Annotations


class AnnotationFormat(NamedTuple):
    """A file format of annotations.

    Attributes:
        suffixes: Suffixes of its files.
        matches: Whether a document has this format.
        read: Returns the annotations of a document and its file.
        per_photograph: Whether a file describes one photograph, so that its name says nothing about a split.
        keeps_order: Whether shapes of one layer are in the order in which they were drawn. CVAT sorts what its database
            returns by frame and z_order alone.
    """

    suffixes: tuple[str, ...]
    matches: Callable[[Any], bool]
    read: Callable[[Any, Path], Annotations]
    per_photograph: bool = False
    keeps_order: bool = True


_JSON, _XML = (".json",), (".xml",)

ANNOTATION_FORMATS = {
    "labelme": AnnotationFormat(_JSON, labelme.matches, labelme.read, per_photograph=True),
    "labelme-xml": AnnotationFormat(_XML, labelme_xml.matches, labelme_xml.read, per_photograph=True),
    "coco": AnnotationFormat(_JSON, coco.matches, coco.read),
    "coco-panoptic": AnnotationFormat(_JSON, coco_panoptic.matches, coco_panoptic.read),
    "cvat": AnnotationFormat(_XML, cvat.matches, cvat.read, keeps_order=False),
    "cvat-video": AnnotationFormat(_XML, cvat_video.matches, cvat_video.read, keeps_order=False),
    "label-studio": AnnotationFormat((*_JSON, *_XML), label_studio.matches, label_studio.read),
    "labelbox": AnnotationFormat((*_JSON, ".ndjson", ".jsonl"), labelbox.matches, labelbox.read),
    "darwin": AnnotationFormat(_JSON, darwin.matches, darwin.read, per_photograph=True),
    "encord": AnnotationFormat(_JSON, encord.matches, encord.read),
    "yolo": AnnotationFormat((".yaml", ".yml"), yolo.matches, yolo.read, per_photograph=True),
    "via": AnnotationFormat(_JSON, via.matches, via.read),
    "datumaro": AnnotationFormat(_JSON, datumaro.matches, datumaro.read),
    "supervisely": AnnotationFormat(_JSON, supervisely.matches, supervisely.read, per_photograph=True),
    "hasty": AnnotationFormat(_JSON, hasty.matches, hasty.read),
}
"""Formats by the name that `--format` takes. No document has two of them."""
