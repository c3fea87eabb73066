"""The formats of labeling tools that annotations are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from segdrone.annotations.export import coco, coco_panoptic, cvat, datumaro, label_studio, labelme, via, voc, yolo
from segdrone.annotations.export.image import Export, Writer

MASKS, POLYGONS = "masks", "polygons"

_MOST_SHAPES = 1000  # CVAT gets slow at 400 to 1,000
_MOST_BRUSHES = 100  # Label Studio keeps each as a picture of the whole photograph


class LabelFormat(NamedTuple):
    """A format to write.

    Attributes:
        write: Returns its writer.
        files: Files and folders that it writes.
        kinds: What shapes can be, the default first: `masks`, `polygons`.
        most_masks: Most masks of a photograph, unless the user asks for more; 0: one per class, and one per thing.
        by_columns: Whether run lengths go down the columns.
        is_named_by_stem: Whether files are named without the suffix of their photograph.
        images: Folder of the photographs, if they are written too.
    """

    write: Callable[[Export], Writer]
    files: tuple[str, ...]
    kinds: tuple[str, ...] = (MASKS, POLYGONS)
    most_masks: int = _MOST_SHAPES
    by_columns: bool = False
    is_named_by_stem: bool = False
    images: str = "images"

    def most(self, kind: str) -> int:
        """Returns the most shapes of a photograph, unless the user asks for more."""
        return self.most_masks if kind == MASKS else _MOST_SHAPES


LABEL_FORMATS = {
    "cvat": LabelFormat(cvat.CvatWriter, ("annotations.xml", "labels.json")),
    "label-studio": LabelFormat(
        label_studio.LabelStudioWriter, ("tasks.json", "label_config.xml"), most_masks=_MOST_BRUSHES
    ),
    "labelme": LabelFormat(labelme.LabelmeWriter, (labelme.FOLDER,), is_named_by_stem=True),
    "coco": LabelFormat(coco.CocoWriter, ("annotations.json",), by_columns=True),
    "coco-panoptic": LabelFormat(
        coco_panoptic.CocoPanopticWriter, ("panoptic.json", "panoptic"), (MASKS,), most_masks=0
    ),
    "voc": LabelFormat(
        voc.VocWriter,
        ("SegmentationClass", "SegmentationObject", "ImageSets", "labelmap.txt", "classes.csv"),
        (MASKS,),
        most_masks=voc.MOST,
        is_named_by_stem=True,
        images="JPEGImages",
    ),
    "yolo": LabelFormat(yolo.YoloWriter, ("labels", "data.yaml"), (POLYGONS,), is_named_by_stem=True),
    "datumaro": LabelFormat(datumaro.DatumaroWriter, ("annotations",), by_columns=True),
    "via": LabelFormat(via.ViaWriter, ("via_project.json",), (POLYGONS,)),
}
"""Formats by the name that `--to` takes."""
