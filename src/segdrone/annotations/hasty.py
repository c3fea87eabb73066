"""Read Hasty's JSON (version 1.1): polygons and masks of many photographs, drawn by z_index."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.bitmaps import RunLengths
from segdrone.annotations.checked import CheckedNode, parse_color
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return isinstance(document, dict) and {"label_classes", "images"} <= document.keys()


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document.

    Raises:
        DataError: Something is missing or has a wrong type.
    """
    root = CheckedNode(document, path)
    labels, colors = [], {}
    for node in root["label_classes"].items():
        labels.append(node["class_name"].label())
        if (color := node.get("color")) and (parsed := parse_color(color.text())):
            colors[labels[-1]] = parsed
    unread: Counter[str] = Counter()
    images = []
    for image in root["images"].items():
        shapes = []
        for node in image["labels"].items():
            shape = _read_shape(node)
            if shape is None:
                unread["bounding boxes"] += 1
            else:
                shapes.append(shape)
        name, folder = image["image_name"].text(), image.get("dataset_name")
        names = [f"/{folder.text()}/{name}"] if folder else [name]
        images.append(AnnotatedImage(names, image.size("height", "width"), shapes, image.where, path))
    return Annotations(images, labels, colors, unread=unread)


def _read_shape(node: CheckedNode) -> Shape | None:
    label = node["class_name"].label()
    z_index = node.get("z_index")
    z_order = z_index.number() if z_index else 0
    if (mask := node.get("mask")) and mask.content:
        return Shape(label, node.where, bitmap=_read_mask(node, mask), z_order=z_order)
    if (polygon := node.get("polygon")) and len(points := polygon.points()) > 2:
        return Shape(label, node.where, [points], z_order=z_order)
    return None


def _read_mask(node: CheckedNode, mask: CheckedNode) -> RunLengths:
    """Returns the mask in a bounding box: pairs of the first pixel, counted from 1 along the rows, and a length."""
    corners = node["bbox"].numbers()
    if corners.shape != (4,):
        raise node["bbox"].error("is not left, top, right and bottom")
    left, top, right, bottom = (int(corner) for corner in corners)
    size = (bottom - top, right - left)
    try:
        return RunLengths(_alternating(mask.integers(), size[0] * size[1]), size, top, left)
    except ValueError as error:
        raise node.error(error) from None


def _alternating(numbers: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Returns alternating run lengths outside and inside, from pairs of first pixel and length."""
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    if numbers.size % 2 or (numbers.size and numbers[0] == 0):
        return numbers  # these are alternating already
    ends = starts + lengths
    edges = np.stack([starts, ends], 1).reshape(-1)
    return np.diff(np.concatenate([[0], edges, [total]]))
