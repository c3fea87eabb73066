"""Write Label Studio's JSON: `tasks.json` of brushes or polygons, and the labeling configuration that fits them.

Label Studio shows a region only if its `from_name` and `to_name` are those of the configuration. Photographs are named
by paths in its local storage, `/data/local-files/?d=NAME`.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from segdrone.annotations.export.encodings import pack_brush
from segdrone.annotations.export.image import Export, JsonObject, LabeledImage, color_by_name, hex_color
from segdrone.annotations.export.text_files import compact, join_items, write_json_parts, write_text

_TO_NAME = "image"
_LOCAL_FILES = "/data/local-files/?d="


class LabelStudioWriter:
    """Brushes of the whole photograph, or polygons in percent of its size."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._kind = "polygon" if export.has_outlines else "brush"
        self._tasks: list[str] = []

    def add(self, image: LabeledImage) -> None:
        """Keeps the task of a photograph."""
        task = len(self._tasks) + 1
        height, width = image.size
        result: list[JsonObject] = []
        for values, name in self._values(image):
            result.append(
                {
                    "id": f"{task}-{len(result) + 1}",
                    "type": f"{self._kind}labels",
                    "from_name": self._kind,
                    "to_name": _TO_NAME,
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "value": {**values, f"{self._kind}labels": [name]},
                }
            )
        shapes = {"model_version": "segdrone", "result": result} if self._export.predictions else {"result": result}
        key = "predictions" if self._export.predictions else "annotations"
        data = {"image": _LOCAL_FILES + quote(image.name)}
        self._tasks.append(compact({"id": task, "data": data, key: [shapes]}))

    def _values(self, image: LabeledImage) -> list[tuple[JsonObject, str]]:
        names, (height, width) = self._export.table.names, image.size
        if not self._export.has_outlines:
            return [
                ({"format": "rle", "rle": pack_brush(shape, image.size).tolist()}, names[shape.class_id])
                for shape in image.shapes
            ]
        return [
            ({"points": (outline * (100 / width, 100 / height)).tolist(), "closed": True}, names[shape.class_id])
            for shape in image.shapes
            for outline in shape.outlines
        ]

    def finish(self) -> None:
        """Writes both files."""
        write_json_parts([*join_items(self._tasks), "\n"], self._export.folder / "tasks.json")
        tag = f"{self._kind.capitalize()}Labels"
        labels = [
            f"    <Label value={quoteattr(name)} background={quoteattr(hex_color(color))}/>"
            for name, color in color_by_name(self._export.table).items()
        ]
        image = f'  <Image name="{_TO_NAME}" value="$image" zoom="true" zoomControl="true"/>'
        control = f'  <{tag} name="{self._kind}" toName="{_TO_NAME}">'
        lines = ["<View>", image, control, *labels, f"  </{tag}>", "</View>", ""]
        write_text(lines, self._export.folder / "label_config.xml")
