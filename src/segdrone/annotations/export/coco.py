"""Write COCO's JSON, `annotations.json`: compressed run lengths, or polygons."""

from __future__ import annotations

from pathlib import Path

from segdrone.annotations.export.encodings import bounding_box, coco_counts, flat_points
from segdrone.annotations.export.image import Export, JsonObject, LabeledImage
from segdrone.annotations.export.text_files import compact, join_items, write_json_parts
from segdrone.classes import ClassTable, thing_classes


class CocoWriter:
    """The id of a category is that of its class + 1.

    All small regions of a class together are a crowd; so is what has no number, of a thing class, where things have.
    """

    def __init__(self, export: Export) -> None:
        self._export = export
        self._images: list[str] = []
        self._annotations: list[str] = []

    def add(self, image: LabeledImage) -> None:
        """Keeps the annotations of a photograph."""
        height, width = image.size
        number, things = len(self._images) + 1, {*thing_classes(self._export.table)}
        is_numbered = any(shape.thing for shape in image.shapes)
        self._images.append(compact({"id": number, "file_name": image.name, "width": width, "height": height}))
        for shape in image.shapes:
            segmentation: JsonObject | list[list[int | float]] = [flat_points(outline) for outline in shape.outlines]
            if not shape.outlines:
                segmentation = {"size": [height, width], "counts": coco_counts(shape, image.size)}
            annotation = {
                "id": len(self._annotations) + 1,
                "image_id": number,
                "category_id": shape.class_id + 1,
                "segmentation": segmentation,
                "area": shape.pixels,
                "bbox": [*bounding_box(shape, image.size, by_columns=True)],
                "iscrowd": int(
                    shape.is_rest
                    or (is_numbered and not shape.thing and self._export.table.names[shape.class_id] in things)
                ),
            }
            self._annotations.append(compact(annotation))

    def finish(self) -> None:
        """Writes the file."""
        write_coco(self._images, self._annotations, self._export.table, self._export.folder / "annotations.json")


def write_coco(images: list[str], annotations: list[str], table: ClassTable, path: Path) -> None:
    """Writes a document of COCO, whose images and annotations are JSON already."""
    parts = ['{"images":', *join_items(images), ',\n"annotations":', *join_items(annotations)]
    write_json_parts([*parts, f',\n"categories":{compact(_categories(table))}}}\n'], path)


def _categories(table: ClassTable) -> list[JsonObject]:
    """Returns the classes as categories of COCO."""
    things = thing_classes(table)
    return [
        {"id": i, "name": name, "supercategory": "", "isthing": int(name in things), "color": list(color)}
        for i, (name, color) in enumerate(zip(table.names, table.colours, strict=True), 1)
    ]
