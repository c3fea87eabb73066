"""Write Pascal VOC's masks as CVAT imports them (Segmentation mask 1.1): PNG with palettes, and `labelmap.txt`."""

from __future__ import annotations

import csv
import io
import logging

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.export.image import Export, LabeledImage
from segdrone.annotations.export.text_files import write_text
from segdrone.class_files import CLASSES_FILE
from segdrone.classes import ClassTable, Color, generate_colors
from segdrone.errors import DataError
from segdrone.raster.encode import write_palette_png

log = logging.getLogger(__name__)

MOST = 254
"""Objects that a palette of 256 colors can tell apart."""

_BACKGROUND, _BLACK, _IGNORED, _VOID = "background", (0, 0, 0), "ignored", (224, 224, 192)


class VocWriter:
    """Index 0, black, is the background of VOC, which CVAT takes for unlabeled; a class has the index id + 1.

    A class that is called background gets index 0, and unlabeled pixels are `ignored` then, of VOC's own color.
    `classes.csv` says for segdrone which index is ignored, and which classes are things.

    Raises:
        DataError: A class has a name that `labelmap.txt` cannot hold.
    """

    def __init__(self, export: Export) -> None:
        table = export.table
        if bad := next((name for name in table.names if ":" in name or name.startswith("#")), None):
            raise DataError(
                f"the class {bad!a} cannot be in labelmap.txt, whose cells : divides and whose comments # begins: "
                "rename it, or choose another --to"
            )
        self._export = export
        self._names: list[str] = []
        self._has_background = _BACKGROUND in table.names
        others = [name for name in table.names if name != _BACKGROUND]
        self._index = {name: i for i, name in enumerate([_BACKGROUND, *others])}
        self._ignored = len(self._index) if self._has_background else 0
        self._colors = _distinct_colors(table)
        self._objects = _voc_colors()

    def add(self, image: LabeledImage) -> None:
        """Writes both masks of a photograph.

        Raises:
            DataError: It has more than `MOST` shapes.
        """
        if len(image.shapes) > MOST:
            raise DataError(
                f"{image.name} has {len(image.shapes)} shapes, of which the palette of SegmentationObject tells {MOST} "
                f"apart: give --max-shapes {MOST} or less; if they are things, choose another --to, such as coco"
            )
        indices = [self._index[self._export.table.names[shape.class_id]] for shape in image.shapes]
        classes = image.paint(indices, self._ignored).astype(np.uint8)
        palette = np.zeros((256, 3), np.uint8)
        for name, color in self._colors.items():
            palette[self._index[name]] = color
        if self._has_background:
            palette[self._ignored] = _VOID
        write_palette_png(classes, palette, self._export.folder / "SegmentationClass" / f"{image.stem}.png", sync=False)
        objects = image.paint(range(1, len(image.shapes) + 1)).astype(np.uint8)
        objects_file = self._export.folder / "SegmentationObject" / f"{image.stem}.png"
        write_palette_png(objects, self._objects, objects_file, sync=False)
        self._names.append(image.stem)

    def finish(self) -> None:
        """Writes the list of the photographs, `labelmap.txt` and `classes.csv`."""
        folder = self._export.folder
        write_text([*self._names, ""], folder / "ImageSets" / "Segmentation" / "default.txt")
        rows = {_BACKGROUND: _BLACK, **{name: self._colors[name] for name in self._index if name in self._colors}}
        if self._has_background:
            rows[_IGNORED] = _VOID
        lines = [f"{name}:{','.join(map(str, color))}::" for name, color in rows.items()]
        write_text(["# label:color_rgb:parts:actions", *lines, ""], folder / "labelmap.txt")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        things = self._export.table.things
        writer.writerow(("id", "name", "r", "g", "b", *([] if things is None else ["thing"])))
        for i, (name, color) in enumerate(rows.items()):
            is_class = name in self._colors
            thing = [] if things is None else [int(name in things)]
            writer.writerow((i, name if is_class else _IGNORED, *color, *thing))
        write_text([text.getvalue()], folder / CLASSES_FILE)


def _distinct_colors(table: ClassTable) -> dict[str, Color]:
    """Returns a color for each class: its own, unless that is black, which is the background, or another's already."""
    colors: dict[str, Color] = {_BACKGROUND: _BLACK} if _BACKGROUND in table.names else {}
    taken = {_BLACK, _VOID}
    changed = []
    new = iter(generate_colors(3 * len(table) + 3))
    for name, color in zip(table.names, table.colours, strict=True):
        if name == _BACKGROUND:
            continue
        if color in taken:
            changed.append(name)
            color = next(other for other in new if other not in taken and other not in table.colours)
        colors[name] = color
        taken.add(color)
    if changed:
        log.warning(
            "other colors in labelmap.txt: %s, as black is the background of VOC and each class needs a color of its "
            "own",
            ", ".join(changed),
        )
    return colors


def _voc_colors() -> NDArray[np.uint8]:
    """Returns the color map of VOC, uint8 `[256, 3]`: the bits of an index in turn to red, green, blue, high first."""
    index = np.arange(256)
    bits = [[(index >> 3 * k + channel & 1) << 7 - k for k in range(3)] for channel in range(3)]
    return np.stack([sum(parts) for parts in bits], 1).astype(np.uint8)
