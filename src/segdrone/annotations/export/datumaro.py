"""Write Datumaro's JSON: `annotations/default.json` of masks or polygons."""

from __future__ import annotations

from segdrone.annotations.export.encodings import coco_counts, flat_points
from segdrone.annotations.export.image import Export, JsonObject, LabeledImage
from segdrone.annotations.export.regions import Region
from segdrone.annotations.export.text_files import compact, join_items, write_json_parts


class DatumaroWriter:
    """Compressed run lengths, or polygons; parts of a thing have its number as `group`."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._items: list[str] = []

    def add(self, image: LabeledImage) -> None:
        """Keeps the item of a photograph."""
        item = {
            "id": image.name.rpartition(".")[0] or image.name,
            "annotations": [
                {"id": i, **entry}
                for i, entry in enumerate(entry for shape in image.shapes for entry in _entries(shape, image))
            ],
            "attr": {},
            "image": {"path": image.name, "size": [*image.size]},
        }
        self._items.append(compact(item))

    def finish(self) -> None:
        """Writes the file."""
        table = self._export.table
        labels = [{"name": name, "parent": "", "attributes": []} for name in table.names]
        colors = [
            {"label_id": i, "r": red, "g": green, "b": blue} for i, (red, green, blue) in enumerate(table.colours)
        ]
        categories = {"label": {"labels": labels, "attributes": []}, "mask": {"colormap": colors}}
        parts = [f'{{"dm_format_version":"1.0","media_type":2,"infos":{{}},"categories":{compact(categories)},\n']
        parts += ['"items":', *join_items(self._items), "}\n"]
        write_json_parts(parts, self._export.folder / "annotations" / "default.json")


def _entries(shape: Region, image: LabeledImage) -> list[JsonObject]:
    common = {"attributes": {}, "group": shape.thing, "label_id": shape.class_id, "z_order": 0}
    if not shape.outlines:
        rle = {"counts": coco_counts(shape, image.size), "size": [*image.size]}
        return [{"type": "mask", **common, "rle": rle}]
    return [{"type": "polygon", **common, "points": flat_points(outline)} for outline in shape.outlines]
