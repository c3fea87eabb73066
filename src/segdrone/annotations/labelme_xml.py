"""Read the XML of MIT's LabelMe, one file per photograph, such as `label_me_xml` of the Semantic Drone Dataset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from segdrone.annotations.checked import node_from_xml
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape


def matches(document: Any) -> bool:
    """Returns whether a document has this format. Pascal VOC has the same root element, but bounding boxes."""
    return isinstance(document, Element) and document.tag == "annotation" and document.find("object/bndbox") is None


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Objects that were deleted in the tool are counted as skipped.

    Raises:
        DataError: Something is missing or not a number.
    """
    skipped: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    shapes = []
    for i, element in enumerate(document.iterfind("object")):
        corners = [[pt.findtext("x"), pt.findtext("y")] for pt in element.iterfind("polygon/pt")]
        place = f"object {i + 1}"
        if (element.findtext("deleted") or "").strip() in ("1", "yes"):
            skipped["deleted objects"] += 1
        elif element.find("segm/mask") is not None:
            unread["objects drawn as masks in files of their own"] += 1
        elif element.find("polygon") is None:
            skipped["objects without a polygon"] += 1
        elif len(corners) < 3:
            skipped["polygons of fewer than 3 points"] += 1
        else:
            node = node_from_xml(element, path, place, name=element.findtext("name"))
            polygon = node_from_xml(element, path, f"{place}, polygon", points=corners)["points"].points()
            shapes.append(Shape(node["name"].label(), node.where, [polygon]))
    root = node_from_xml(
        document,
        path,
        "annotation",
        filename=document.findtext("filename"),
        folder=(document.findtext("folder") or "").strip() or None,
        nrows=document.findtext("imagesize/nrows") or None,
        ncols=document.findtext("imagesize/ncols") or None,
    )
    size = root.size("nrows", "ncols")
    name, folder = root["filename"].text(), root.get("folder")
    names = [f"/{folder.text()}/{name}"] if folder else [name]  # a folder on the server: it only chooses
    return Annotations([AnnotatedImage(names, size, shapes, str(path), path)], skipped=skipped, unread=unread)
