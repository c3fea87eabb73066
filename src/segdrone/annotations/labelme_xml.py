"""Read the XML of MIT's LabelMe, one file per photograph, such as `label_me_xml` of the Semantic Drone Dataset."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.bitmaps import inside_png
from segdrone.annotations.checked import node_from_xml
from segdrone.annotations.people import join_names
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape
from segdrone.raster.header import open_file
from segdrone.windows import Size


def matches(document: Any) -> bool:
    """Returns whether a document has this format. Pascal VOC has the same root element, but boxes and another size."""
    return (
        isinstance(document, Element)
        and document.tag == "annotation"
        and document.find("object/bndbox") is None
        and document.find("size") is None
        and document.find("segmented") is None
    )


@dataclass(frozen=True)
class MaskFile:
    """A mask in an image file of its own, of the size of the photograph.

    Args:
        path: The file.
    """

    path: Path

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns row 0, column 0 and the pixels that are not black, bool `[H, W]`."""
        with open_file(self.path) as image:
            if image.size != size[::-1]:
                raise ValueError(f"has the mask {self.path} of another size than the photograph")
            return 0, 0, inside_png(image)


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
        elif mask := (element.findtext("segm/mask") or "").strip():
            node = node_from_xml(element, path, place, name=element.findtext("name"))
            if file := _find_mask(mask, document.findtext("folder") or "", path):
                shapes.append(Shape(node["name"].label(), node.where, bitmap=MaskFile(file)))
            else:
                unread["objects whose masks are not in Masks/ beside the annotations"] += 1
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
    by = join_names(element.findtext("polygon/username") for element in document.iterfind("object"))
    image = AnnotatedImage(names, size, shapes, str(path), path, by=by)
    return Annotations([image], skipped=skipped, unread=unread)


def _find_mask(name: str, folder: str, path: Path) -> Path | None:
    """Returns a mask in `Masks/`, `Masks/FOLDER/` or beside an annotation, or in the folders above; None if missing."""
    name, folder = Path(name.replace("\\", "/")).name, Path(folder.strip().replace("\\", "/")).name
    places = [path.parent / name, *(up / "Masks" / part / name for up in path.parents[:3] for part in ("", folder))]
    return next((place for place in places if place.is_file()), None)
