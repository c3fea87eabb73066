"""Write Label Studio's JSON: `tasks.json` of brushes or polygons, and the labeling configuration that fits them.

Label Studio shows a region only if its `from_name` and `to_name` are those of the configuration. Photographs are named
by paths in its local storage, `/data/local-files/?d=NAME`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from segdrone.annotations.export.encodings import pack_brush
from segdrone.annotations.export.image import Export, JsonObject, LabeledImage, color_by_name, hex_color
from segdrone.annotations.export.regions import Regions
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
        result = region_results(image.regions, self._export.table.names, self._kind, self._kind, _TO_NAME, str(task))
        shapes = {"model_version": "segdrone", "result": result} if self._export.predictions else {"result": result}
        key = "predictions" if self._export.predictions else "annotations"
        data = {"image": _LOCAL_FILES + quote(image.name)}
        self._tasks.append(compact({"id": task, "data": data, key: [shapes]}))

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


def region_results(
    regions: Regions, names: Sequence[str], kind: str, from_name: str, to_name: str, prefix: str
) -> list[JsonObject]:
    """Returns regions as results of an annotation or a prediction.

    Args:
        regions: Of `mask_regions` for brushes, of `outline_regions` for polygons.
        names: Labels, by class id.
        kind: `brush` or `polygon`.
        from_name: Name of the control in the labeling interface.
        to_name: Name of the photograph there.
        prefix: Begin of their ids.
    """
    height, width = regions.size
    common = {"type": f"{kind}labels", "from_name": from_name, "to_name": to_name,
              "original_width": width, "original_height": height, "image_rotation": 0}  # fmt: skip
    return [
        {"id": f"{prefix}-{number}", **common, "value": {**values, f"{kind}labels": [names[class_id]]}}
        for number, (values, class_id) in enumerate(_values(regions, kind), 1)
    ]


def _values(regions: Regions, kind: str) -> Iterator[tuple[JsonObject, int]]:
    height, width = regions.size
    for shape in regions.shapes:
        if kind == "brush":
            yield {"format": "rle", "rle": pack_brush(shape, regions.size).tolist()}, shape.class_id
        for outline in shape.outlines:
            yield {"points": (outline * (100 / width, 100 / height)).tolist(), "closed": True}, shape.class_id
