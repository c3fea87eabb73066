"""Read V7's Darwin JSON (2.0): one file per photograph, and the classes in `.v7/metadata.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.checked import CheckedNode, read_points
from segdrone.annotations.documents import read_document
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape, box, ellipse, rotate
from segdrone.errors import DataError
from segdrone.utils.digest import file_state
from segdrone.windows import Size

_METADATA = Path(".v7", "metadata.json")


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return (
        isinstance(document, dict)
        and "annotations" in document
        and isinstance(document.get("item"), dict)
        and "slots" in document["item"]
    )


@dataclass(frozen=True)
class RasterLayer:
    """The pixels of one class in a raster layer of Darwin.

    Args:
        runs: Alternating values and counts along the rows, int64 `[2 N]`.
        values: Values of the class.
    """

    runs: NDArray[np.int64]
    values: tuple[int, ...]

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns row 0, column 0 and the pixels of the class, bool `[H, W]`."""
        values, counts = self._runs(size)
        return 0, 0, np.repeat(np.isin(values, self.values), counts).reshape(size)

    def number(self, size: Size) -> NDArray[np.int64]:
        """Returns the value of each mask of the class, and 0 elsewhere, int64 `[H, W]`."""
        values, counts = self._runs(size)
        return np.repeat(np.where(np.isin(values, self.values), values, 0), counts).reshape(size)

    def _runs(self, size: Size) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns values and counts, which are those of a photograph of this size."""
        values, counts = self.runs[::2], self.runs[1::2]
        total = counts.sum(dtype=np.float64)  # cannot overflow
        if len(values) != len(counts) or counts.min(initial=0) < 0 or total != size[0] * size[1]:
            raise ValueError(f"has run lengths for {total:.0f} pixels, not the {size[0] * size[1]} of its photograph")
        return values, counts


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document. Several paths of a polygon are one region, with holes.

    Raises:
        DataError: Something is missing or has a wrong type, or it annotates a video or a volume.
    """
    root = CheckedNode(document, path)
    slots = list(root["item"]["slots"].items())
    if len(slots) != 1 or ((kind := slots[0].get("type")) and kind.text() != "image"):
        raise DataError(f"{path} annotates a video, a volume or several images at once: export single images from V7")
    skipped: Counter[str] = Counter()
    shapes: list[Shape] = []
    annotations = list(root["annotations"].items())
    names = {node["id"].key(): node["name"].label() for node in annotations if node.get("mask") and node.get("id")}
    for node in annotations:
        if (layer := node.get("raster_layer")) is not None:
            shapes.extend(_read_layer(layer, names))
        elif shape := _read_shape(node):
            shapes.append(shape)
        elif node.get("mask") is None:
            skipped["tags, keypoints, lines and skeletons"] += 1
    name, folder = root["item"]["name"].text(), root["item"].get("path")
    parents = str(folder.content).strip("/") if folder else ""  # mostly /, the top
    in_folder = f"/{parents}/{name}" if parents else name
    image = AnnotatedImage([in_folder], slots[0].size("height", "width"), shapes, str(path), path)
    return Annotations([image], list(_declared(path)), skipped=skipped)


def _read_shape(node: CheckedNode) -> Shape | None:
    label = node["name"].label()
    if polygon := node.get("polygon"):
        paths = polygon.get("paths")
        outlines = [read_points(outline.items()) for outline in (paths.items() if paths else [polygon["path"]])]
        return Shape(label, node.where, [outline for outline in outlines if len(outline) > 2], has_holes=True)
    if data := node.get("ellipse"):
        (x, y), (radius_x, radius_y) = data["center"].xy(), data["radius"].xy()
        angle = data.get("angle")  # radians, clockwise
        outline = rotate(ellipse(x, y, radius_x, radius_y), float(np.degrees(angle.number())) if angle else 0, x, y)
        return Shape(label, node.where, [outline])
    others = ("mask", "tag", "keypoint", "line", "skeleton", "text", "string", "cuboid", "eye", "graph", "table")
    if (data := node.get("bounding_box")) and not any(key in node.mapping() for key in others):
        left, top, width, height = (data[key].number() for key in ("x", "y", "w", "h"))
        return Shape(label, node.where, [box(left, top, left + width, top + height)], is_box=True)
    return None


def _read_layer(layer: CheckedNode, names: dict[Any, str]) -> list[Shape]:
    """Returns one shape for each class of a raster layer."""
    mapping = layer["mask_annotation_ids_mapping"]
    values: dict[str, list[int]] = {}
    for key in mapping.mapping():
        if key not in names:
            raise mapping.error(f"names the annotation {key!a}, which has no mask")
        values.setdefault(names[key], []).append(mapping[key].integer())
    runs = layer["dense_rle"].integers()
    known = {0, *(value for group in values.values() for value in group)}
    if unknown := set(runs[::2].tolist()) - known:
        raise layer["dense_rle"].error(f"has the value {min(unknown)}, which no mask has")
    return [Shape(label, layer.where, bitmap=RasterLayer(runs, tuple(group))) for label, group in values.items()]


def _declared(path: Path) -> Sequence[str]:
    """Returns the classes in the metadata beside an annotation, or in one of the two folders above."""
    found = (folder / _METADATA for folder in list(path.resolve().parents)[:3])
    metadata = next((file for file in found if file.is_file()), None)
    return _read_metadata(metadata, tuple(file_state(metadata))) if metadata else ()


@lru_cache(maxsize=8)
def _read_metadata(path: Path, version: object) -> tuple[str, ...]:
    classes = CheckedNode(read_document(path), path)["classes"]
    area = ("polygon", "mask", "ellipse", "bounding_box")
    return tuple(node["name"].label() for node in classes.items() if node["type"].content in area)
