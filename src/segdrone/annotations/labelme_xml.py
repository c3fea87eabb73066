"""The XML of MIT's LabelMe, one file a photograph, as the Semantic Drone Dataset has it in `label_me_xml`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from segdrone.annotations.checked import node_from_xml
from segdrone.annotations.shapes import Annotated, Annotations, Shape


def matches(document: Any) -> bool:
    """Tells whether a document is of this kind; Pascal VOC has the same root, but boxes."""
    return isinstance(document, Element) and document.tag == "annotation" and document.find("object/bndbox") is None


def read(document: Any, path: Path) -> Annotations:
    """Returns what a document holds; objects that were deleted in the tool are counted.

    Raises:
        DataError: Something is missing or no number.
    """
    left_out: Counter[str] = Counter()
    shapes = []
    for i, element in enumerate(document.iterfind("object")):
        corners = [[pt.findtext("x"), pt.findtext("y")] for pt in element.iterfind("polygon/pt")]
        place = f"object {i + 1}"
        if (element.findtext("deleted") or "").strip() in ("1", "yes"):
            left_out["deleted objects"] += 1
        elif element.find("polygon") is None:
            left_out["objects without a polygon"] += 1
        elif len(corners) < 3:
            left_out["polygons of fewer than 3 points"] += 1
        else:
            value = node_from_xml(element, path, place, name=element.findtext("name"))
            polygon = node_from_xml(element, path, f"{place}, polygon", points=corners)["points"].points()
            shapes.append(Shape(value["name"].label(), value.where, [polygon]))
    root = node_from_xml(
        document,
        path,
        "annotation",
        filename=document.findtext("filename"),
        nrows=document.findtext("imagesize/nrows") or None,
        ncols=document.findtext("imagesize/ncols") or None,
    )
    size = root.size("nrows", "ncols")
    return Annotations([Annotated([root["filename"].text()], size, shapes, str(path))], left_out=left_out)
