"""Write YOLO segmentation: `data.yaml`, and a text file of polygons per photograph in `labels/`."""

from __future__ import annotations

import yaml

from segdrone.annotations.export.image import Export, LabeledImage
from segdrone.annotations.export.text_files import write_text

_DIGITS = 9  # of a share of the width or height: a thousandth of a pixel, in photographs of any size


class YoloWriter:
    """A line is a class id and x, y, x, y, ... as shares of width and height."""

    def __init__(self, export: Export) -> None:
        self._export = export

    def add(self, image: LabeledImage) -> None:
        """Writes the file of a photograph, empty if it has no shapes."""
        height, width = image.size
        lines = [
            f"{shape.class_id} {' '.join(f'{share:.{_DIGITS}g}' for share in (outline / (width, height)).ravel())}"
            for shape in image.shapes
            for outline in shape.outlines
        ]
        write_text([*lines, ""], self._export.folder / "labels" / f"{image.stem}.txt")

    def finish(self) -> None:
        """Writes `data.yaml`; photographs go into `images/` beside it."""
        names = dict(enumerate(self._export.table.names))
        document = {"path": ".", "train": "images", "val": "images", "names": names}
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
        write_text([text], self._export.folder / "data.yaml")
