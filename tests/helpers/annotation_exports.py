"""An export of each annotation format, with one shape."""

from __future__ import annotations

from pathlib import Path

from tests.annotations import (
    test_coco,
    test_coco_panoptic,
    test_cvat,
    test_cvat_video,
    test_darwin,
    test_datumaro,
    test_encord,
    test_hasty,
    test_label_studio,
    test_labelbox,
    test_labelme_xml,
    test_supervisely,
    test_via,
    test_yolo,
)
from tests.annotations.conftest import document
from tests.annotations.test_labelme import labelme, shape

STREET = shape("street", [[10, 10], [50, 10], [50, 40], [10, 40]])
CAR = shape("car", [[20, 20], [30, 20], [30, 30], [20, 30]])


def panoptic(path: Path) -> Path:
    test_coco_panoptic.segments(path / "a" / "a.png")
    info = [{"id": test_coco_panoptic.ROAD, "category_id": 1}, {"id": test_coco_panoptic.CAR, "category_id": 1}]
    large = {"id": test_coco_panoptic.LARGE, "category_id": 1}
    return test_coco_panoptic.panoptic(path / "a.json", segments_info=[*info, large])


EXPORTS = {
    "labelme": lambda path: labelme(path / "a.json", CAR),
    "labelme-xml": lambda path: test_labelme_xml.labelme_xml(
        path / "a.xml", test_labelme_xml.thing("car", *test_labelme_xml.CAR)
    ),
    "coco": lambda path: test_coco.coco(path / "a.json", test_coco.annotation(90, [test_coco.SMALL])),
    "coco-panoptic": lambda path: panoptic(path),
    "cvat": lambda path: test_cvat.cvat(path / "a.xml", test_cvat.CAR.format(0)),
    "cvat-video": lambda path: test_cvat_video.video(path / "a.xml", test_cvat_video.outline(0, 10)),
    "label-studio": lambda path: document(path / "a.json", [test_label_studio.task(test_label_studio.SQUARE)]),
    "labelbox": lambda path: test_labelbox.ndjson(path / "a.json", test_labelbox.row(test_labelbox.SQUARE)),
    "darwin": lambda path: test_darwin.darwin(path / "a.json", test_darwin.polygon("a", test_darwin.square(1, 1, 9))),
    "encord": lambda path: test_encord.encord(path / "a.json", test_encord.thing(polygon=test_encord.POINTS)),
    "yolo": lambda path: test_yolo.yolo(path, test_yolo.SQUARE, label="labels/a.txt"),
    "via": lambda path: test_via.via(path / "a.json", test_via.region()),
    "datumaro": lambda path: test_datumaro.datumaro(path / "a.json", test_datumaro.SQUARE),
    "supervisely": lambda path: test_supervisely.supervisely(path, test_supervisely.SQUARE),
    "hasty": lambda path: test_hasty.hasty(path / "a.json", test_hasty.SQUARE),
}
