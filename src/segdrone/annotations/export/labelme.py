"""Write LabelMe's JSON: a file per photograph in `annotations/`, and `labels.txt` for `labelme --labels`."""

from __future__ import annotations

import os
from pathlib import PurePath

from segdrone.annotations.export.encodings import crop_png, flat_points
from segdrone.annotations.export.image import Export, JsonObject, LabeledImage
from segdrone.annotations.export.regions import Region
from segdrone.annotations.export.text_files import compact, write_json_parts, write_text

FOLDER = "annotations"
_VERSION = "5.5.0"  # whose masks and group ids these are


class LabelmeWriter:
    """Masks as PNG in their bounding boxes, or polygons; parts of a thing have its number as `group_id`."""

    def __init__(self, export: Export) -> None:
        self._export = export

    def add(self, image: LabeledImage) -> None:
        """Writes the file of a photograph."""
        file = self._export.final / FOLDER / f"{image.stem}.json"
        path = image.name
        if image.photograph is not None:  # where LabelMe opens it from
            place = image.photograph.parent.resolve() / image.photograph.name  # of a link its own name
            path = PurePath(os.path.relpath(place, file.parent.resolve())).as_posix()
        document: JsonObject = {
            "version": _VERSION,
            "flags": {},
            "shapes": [entry for shape in image.shapes for entry in self._entries(shape, image)],
            "imagePath": path,
            "imageData": None,
            "imageHeight": image.size[0],
            "imageWidth": image.size[1],
        }
        write_json_parts([compact(document), "\n"], self._export.folder / FOLDER / f"{image.stem}.json")

    def _entries(self, shape: Region, image: LabeledImage) -> list[JsonObject]:
        common: JsonObject = {
            "label": self._export.table.names[shape.class_id],
            "group_id": shape.thing or None,
            "description": "",
            "flags": {},
        }
        if not shape.outlines:
            box, png = crop_png(shape, image.size)
            corners = [[box.left, box.top], [box.left + box.width - 1, box.top + box.height - 1]]
            return [{**common, "points": corners, "shape_type": "mask", "mask": png}]
        return [
            {**common, "points": _pairs(flat_points(outline)), "shape_type": "polygon", "mask": None}
            for outline in shape.outlines
        ]

    def finish(self) -> None:
        """Writes the names of the classes."""
        write_text([*self._export.table.names, ""], self._export.folder / FOLDER / "labels.txt")


def _pairs(numbers: list[int | float]) -> list[list[int | float]]:
    return [numbers[i : i + 2] for i in range(0, len(numbers), 2)]
