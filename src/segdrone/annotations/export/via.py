"""Write a project of VGG Image Annotator 2, `via_project.json`, with polygons."""

from __future__ import annotations

from segdrone.annotations.export.encodings import flat_points
from segdrone.annotations.export.image import Export, LabeledImage
from segdrone.annotations.export.text_files import compact, write_json_parts

_ATTRIBUTE = "label"


class ViaWriter:
    """A region has its class as the attribute `label`, a choice of all classes."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._files: dict[str, str] = {}

    def add(self, image: LabeledImage) -> None:
        """Keeps the entry of a photograph."""
        size = image.file_bytes
        regions = []
        for shape in image.shapes:
            for outline in shape.outlines:
                numbers = flat_points(outline)
                points = {"name": "polygon", "all_points_x": numbers[::2], "all_points_y": numbers[1::2]}
                attributes = {_ATTRIBUTE: self._export.table.names[shape.class_id]}
                regions.append({"shape_attributes": points, "region_attributes": attributes})
        entry = {"filename": image.name, "size": size, "regions": regions, "file_attributes": {}}
        self._files[f"{image.name}{size}"] = compact(entry)

    def finish(self) -> None:
        """Writes the project."""
        options = dict.fromkeys(self._export.table.names, "")
        attribute = {"type": "dropdown", "description": "", "options": options, "default_options": {}}
        attributes = {"region": {_ATTRIBUTE: attribute}, "file": {}}
        settings = {
            "ui": {"image": {"region_label": _ATTRIBUTE, "region_color": _ATTRIBUTE}},
            "core": {"filepath": {}, "default_filepath": ""},
            "project": {"name": "segdrone"},
        }
        entries = (f"{',' if i else ''}\n{compact(key)}:{text}" for i, (key, text) in enumerate(self._files.items()))
        parts = [f'{{"_via_settings":{compact(settings)},\n"_via_img_metadata":{{', *entries]
        parts += [f'}},\n"_via_attributes":{compact(attributes)},"_via_data_format_version":"2.0.10",']
        parts += [f'"_via_image_id_list":{compact([*self._files])}}}\n']
        write_json_parts(parts, self._export.folder / "via_project.json")
