"""Write COCO panoptic: `panoptic.json`, and its PNG files of segment ids in `panoptic/`."""

from __future__ import annotations

import numpy as np

from segdrone.annotations.export.coco import write_coco
from segdrone.annotations.export.image import Export, LabeledImage
from segdrone.annotations.export.text_files import compact
from segdrone.classes import thing_classes
from segdrone.inference.panoptic_segments import to_panoptic
from segdrone.raster.encode import write_rgb_png

_NAME = "panoptic"


class CocoPanopticWriter:
    """A segment is a thing, or all pixels of another class. The PNG of photograph 7 is `000000000007.png`."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._images: list[str] = []
        self._annotations: list[str] = []

    def add(self, image: LabeledImage) -> None:
        """Writes the PNG of a photograph, and keeps its segments."""
        table, number = self._export.table, len(self._images) + 1
        mask = image.paint([shape.class_id for shape in image.shapes], table.ignore_index).astype(np.uint8)
        things = [i if shape.thing else 0 for i, shape in enumerate(image.shapes, 1)]  # each of one class
        numbers = image.paint(things).astype(np.uint16)
        segments = to_panoptic(mask, numbers, table)
        png = f"{number:012d}.png"  # names in several folders could be equal, and tools look in one
        write_rgb_png(segments.pixels, self._export.folder / _NAME / png, sync=False)
        document = segments.document(image.name, png, thing_classes(table))
        (entry,), (annotation,) = document["images"], document["annotations"]
        self._images.append(compact({**entry, "id": number}))
        self._annotations.append(compact({**annotation, "image_id": number}))

    def finish(self) -> None:
        """Writes the JSON."""
        write_coco(self._images, self._annotations, self._export.table, self._export.folder / f"{_NAME}.json")
