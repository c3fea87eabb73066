"""Write CVAT for images 1.1: `annotations.xml`, and `labels.json` for the label constructor (Raw) of a task."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from segdrone.annotations.export.encodings import cvat_counts
from segdrone.annotations.export.image import Export, LabeledImage, color_by_name, hex_color
from segdrone.annotations.export.regions import Region
from segdrone.annotations.export.text_files import write_text
from segdrone.utils.atomic import write_json


class CvatWriter:
    """Masks as run lengths in their bounding boxes, or polygons; parts of a thing have its number as `group_id`."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._images: list[str] = []

    def add(self, image: LabeledImage) -> None:
        """Keeps the element of a photograph."""
        height, width = image.size
        lines = [
            f"  <image id={quoteattr(str(len(self._images)))} name={quoteattr(image.name)} "
            f'width="{width}" height="{height}">'
        ]
        for shape in image.shapes:
            name = self._export.table.names[shape.class_id]
            group = f' group_id="{shape.thing}"' if shape.thing else ""
            common = f'label={quoteattr(name)} source="auto" occluded="0" z_order="0"{group}'
            lines += [f"    <{element} {common}/>" for element in _elements(shape, image)]
        self._images.append("\n".join([*lines, "  </image>"]))

    def finish(self) -> None:
        """Writes both files."""
        colors = color_by_name(self._export.table)
        labels = "".join(
            f"<label><name>{escape(name)}</name><color>{hex_color(color)}</color><type>any</type>"
            "<attributes></attributes></label>"
            for name, color in colors.items()
        )
        meta = f"<meta><task><size>{len(self._images)}</size><labels>{labels}</labels></task></meta>"
        parts = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>", f"  {meta}"]
        write_text([*parts, *self._images, "</annotations>", ""], self._export.folder / "annotations.xml")
        entries = [{"name": name, "color": hex_color(color), "attributes": []} for name, color in colors.items()]
        write_json(entries, self._export.folder / "labels.json")


def _elements(shape: Region, image: LabeledImage) -> list[str]:
    if not shape.outlines:
        box, counts = cvat_counts(shape, image.size)
        rle = ", ".join(map(str, counts.tolist()))
        return [f'mask rle="{rle}" left="{box.left}" top="{box.top}" width="{box.width}" height="{box.height}"']
    outlines = (";".join(f"{x:.17g},{y:.17g}" for x, y in outline.tolist()) for outline in shape.outlines)
    return [f'polygon points="{points}"' for points in outlines]
