"""Read CVAT for video 1.1: the tracks of a video, whose frames are photographs named by their number.

CVAT writes the outline of every frame in which an object is seen, interpolated ones too. The photographs are the frames
that CVAT exports as `frame_000010.png`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from segdrone.annotations.checked import CheckedNode, node_from_xml
from segdrone.annotations.cvat import NO_AREA, read_labels, read_shape
from segdrone.annotations.shapes import AnnotatedImage, Annotations, Shape


def matches(document: Any) -> bool:
    """Returns whether a document has this format."""
    return isinstance(document, Element) and document.tag == "annotations" and document.find("track") is not None


def read(document: Any, path: Path) -> Annotations:
    """Returns the annotations of a document: one photograph per frame that shows a track.

    Raises:
        DataError: Something is missing or not a number, or a track has frames without an outline between others.
    """
    skipped: Counter[str] = Counter()
    frames: defaultdict[int, list[Shape]] = defaultdict(list)
    step = _frame_step(document)
    for track in document.iterfind("track"):
        place = f"track {track.get('id', '?')}"
        last: int | None = None
        common = {"label": track.get("label"), "group_id": track.get("group_id")}
        nodes = [node_from_xml(child, path, f"{place} {child.tag}", **common) for child in track]
        for node, element in sorted(zip(nodes, track, strict=True), key=lambda pair: pair[0]["frame"].integer()):
            frame = node["frame"].integer()
            if last is not None and frame > last + step:
                raise node.error(
                    f"has no outline between the frames {last} and {frame}, only key frames: export CVAT for images 1.1"
                )
            is_outside = (outside := node.get("outside")) is not None and outside.integer() == 1
            last = None if is_outside else frame
            if is_outside:
                continue
            if (shape := read_shape(node, element.tag)) and not shape.lines:
                frames[frame].append(shape)
            else:
                skipped[f"polylines, points, {NO_AREA}"] += 1
    size = _original_size(document, path)
    images = [
        AnnotatedImage([f"frame_{frame:06d}"], size, shapes, f"{path}: frame {frame}", path, subset=_subset(document))
        for frame, shapes in sorted(frames.items())
    ]
    labels, colors = read_labels(document, path)
    return Annotations(images, labels, colors, skipped)


def _frame_step(document: Element) -> int:
    """Returns the distance of the annotated frames in the video, from a filter such as `step=3`."""
    text = document.findtext("meta//frame_filter") or ""
    value = text.partition("step=")[2].split("&")[0].strip()
    return max(1, int(value)) if value.isdecimal() and len(value) < 7 else 1


def _original_size(document: Element, path: Path) -> tuple[int, int] | None:
    size = document.find("meta//original_size")
    if size is None:
        return None
    texts = {key: size.findtext(key) for key in ("width", "height")}
    return CheckedNode(texts, path, "meta.original_size").size("height", "width")


def _subset(document: Element) -> str | None:
    return (document.findtext("meta/task/subset") or "").strip() or None
