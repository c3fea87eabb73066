"""Read COCO's panoptic JSON, whose segments are in PNG files beside it: id = R + 256 G + 65536 B, 0 is unlabeled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.coco import covers_several, first_has, read_categories, read_images, read_things
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape
from segdrone.errors import DataError
from segdrone.raster.header import open_file
from segdrone.utils.digest import file_state
from segdrone.windows import Size

_IDS = 1 << 24


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return (
        isinstance(document, dict)
        and {"images", "annotations", "categories"} <= document.keys()
        and first_has(document["annotations"], "segments_info")
    )


@dataclass(frozen=True)
class PanopticSegments:
    """Some segments of a panoptic PNG.

    Args:
        path: The PNG.
        ids: Ids of the segments.
        known: Ids of all segments that the JSON describes.
    """

    path: Path
    ids: frozenset[int]
    known: frozenset[int]

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns row 0, column 0 and the pixels of the segments, bool `[H, W]`."""
        return 0, 0, _table(self.ids)[self._segments(size)]

    def number(self, size: Size) -> NDArray[np.int32]:
        """Returns the id of each segment, and 0 elsewhere, int32 `[H, W]`."""
        segments = self._segments(size)
        return np.where(_table(self.ids)[segments], segments, np.int32(0))

    def _segments(self, size: Size) -> NDArray[np.int32]:
        segments = _read_ids(self.path, self.known, tuple(file_state(self.path)))
        if segments.shape != size:
            got, expected = (f"{width} x {height}" for height, width in (segments.shape, size))
            raise ValueError(f"has the panoptic PNG {self.path} of {got} pixels, not {expected}")
        return segments


@lru_cache(maxsize=1)  # one photograph's classes are drawn one after the other
def _read_ids(path: Path, known: frozenset[int], version: object) -> NDArray[np.int32]:
    """Returns the id of each pixel of a version of a file, int32 `[H, W]`, all of them `known` or 0."""
    with open_file(path) as image:
        if image.mode not in ("RGB", "RGBA"):
            raise ValueError(f"has the panoptic PNG {path} of mode {image.mode}, not RGB")
        pixels = np.asarray(image.convert("RGB")).astype(np.int32)
    ids = np.asarray(pixels[..., 0] + 256 * pixels[..., 1] + 65536 * pixels[..., 2], np.int32)
    if (unknown := ids[~_table(known | {0})[ids]]).size:
        raise ValueError(f"has the panoptic PNG {path} with a segment {unknown[0]} that it does not describe")
    return ids


def _table(ids: frozenset[int]) -> NDArray[np.bool_]:
    """Returns whether each id of 24 bits is one of `ids`, bool `[2^24]`."""
    table = np.zeros(_IDS, bool)
    table[[id_ for id_ in ids if 0 <= id_ < _IDS]] = True
    return table


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document; each class of a photograph is one shape, but for its crowds.

    Raises:
        DataError: Something is missing, has a wrong type, or refers to an id that does not exist; or a PNG is missing.
    """
    root = CheckedNode(document, path)
    labels = read_categories(root)
    shapes: dict[int | str, list[Shape]] = defaultdict(list)
    images: dict[int | str, AnnotatedImage] = read_images(root, shapes)
    for node in root["annotations"].items():
        key = node["image_id"].key()
        if key not in images:
            raise node.error(f"has the image_id {key!a}, which no image has")
        by_label: defaultdict[tuple[str, bool], set[int]] = defaultdict(set)
        for segment in node["segments_info"].items():
            category = segment["category_id"].key()
            if category not in labels:
                raise segment.error(f"has the category_id {category!a}, which no category has")
            if not isinstance(id_ := segment["id"].key(), int):  # up to 2^24
                raise segment["id"].error(f"is {id_!a}, not an integer")
            by_label[labels[category], covers_several(segment)].add(id_)
        if by_label:
            png = _find_png(node, path, {name for image in images.values() for name in image.names})
            known = frozenset(id_ for ids in by_label.values() for id_ in ids)
            shapes[key].extend(
                Shape(label, node.where, bitmap=PanopticSegments(png, frozenset(ids), known), is_crowd=is_crowd)
                for (label, is_crowd), ids in by_label.items()
            )
    return Annotations(list(images.values()), list(labels.values()), things=read_things(root))


def _find_png(node: CheckedNode, path: Path, photographs: Container[str]) -> Path:
    """Returns the PNG of an annotation: in the folder of the JSON's name, or beside it."""
    name = Path(node["file_name"].text().replace("\\", "/")).name
    folders = [path.with_suffix(""), path.parent]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if name in photographs and found == path.parent / name:
        found = None  # it is the photograph
    if found is None:
        raise DataError(
            f"{node.where} is COCO panoptic, whose segments are in PNG files, but neither {folders[0]} nor "
            f"{path.parent} has {name!a}: unpack the panoptic PNG files there, or export instances or stuff"
        )
    return found
