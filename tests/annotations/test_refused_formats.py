from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.annotations.conftest import document, imported, photograph, refusal
from tests.annotations.test_labelme import labelme, shape

VOC = "<annotation><folder>x</folder><filename>a.png</filename><size><width>96</width></size>{}</annotation>"
BOX = "<object><name>car</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
IMAGES = [{"id": 1, "file_name": "a.png"}]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.xml", VOC.format(BOX), "is Pascal VOC with bounding boxes, as LabelImg"),
        ("a.xml", VOC.format(""), "is Pascal VOC with bounding boxes, as LabelImg"),
        ("a.json", [{"image": "a.png", "annotations": []}], "is CreateML, which holds bounding boxes only"),
        ("a.json", [{"id": 1, "image": "x", "annotator": 1, "annotation_id": 2}], "is Label Studio's JSON-MIN"),
        ("a.json", [{"image_id": 1, "category_id": 1, "score": 0.5}], "is a list of COCO results"),
        ("a.json", [{"uuid": "x", "dataRow": {"id": "y"}}], "is Labelbox's format for uploading predictions"),
        ("a.json", {"type": "FeatureCollection", "features": []}, "is GeoJSON"),
        ("a.json", {"asset": {}, "regions": []}, "is VoTT"),
        ("a.json", {"metadata": {}, "instances": []}, "is SuperAnnotate's own format: export COCO"),
        ("a.json", {"project": {}, "config": {}, "file": {}}, "is VIA 3, for videos"),
        ("a.json", {"images": IMAGES, "annotations": [{"caption": "x"}], "categories": []}, "is COCO captions"),
        ("a.json", {"images": IMAGES, "categories": []}, "is COCO without annotations (image info)"),
        ("a.json", {"image": {}, "annotations": []}, "is Segment Anything's format, whose masks have no classes"),
        ("a.ndjson", '{"a": 1}\n{"b": 2}\n', "holds JSON lines of no known tool"),
        (
            "a.csv",
            "#filename,file_size,region_count,region_shape_attributes\n",
            "is VIA's CSV: save the project as JSON",
        ),
        ("_annotations.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\n", "is a table of bounding boxes"),
        ("_classes.csv", "filename, car, road\n", "is Roboflow's table of classes of whole photographs"),
        ("export.zip", "PK", "is an archive: unpack it, and give its folder"),
        ("a.tfrecord", "", "is TFRecord: export COCO segmentation"),
    ],
)
def test_format_without_outlines_is_refused_by_name(tmp_path: Path, name: str, content: Any, expected: str) -> None:
    photograph(tmp_path / "in" / "a.png")
    path = document(tmp_path / "in" / "deep" / name, content)
    for source in (path, tmp_path / "in"):
        text = refusal(source, tmp_path / "out", background="ground")
        assert text.startswith(f"{path} {expected}")


def test_such_files_beside_others_are_passed_over_and_named(tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "a.png")
    labelme(tmp_path / "in" / "a.json", shape("car", [[10, 10], [50, 10], [50, 40]]))
    path = document(tmp_path / "in" / "b.xml", VOC.format(BOX))
    notes = imported(tmp_path / "in", tmp_path / "out").notes
    assert notes == [f"passed over: 1 files that hold no such annotations: {path}"]


@pytest.mark.parametrize("mask", ["SegmentationClass/a.png", "masks/a.png", "train/a_mask.png"])
def test_finished_masks_need_no_import(tmp_path: Path, mask: str) -> None:
    photograph(tmp_path / "in" / "images" / "a.jpg")
    photograph(tmp_path / "in" / mask)
    document(tmp_path / "in" / "Annotations" / "a.xml", VOC.format(BOX))
    text = refusal(tmp_path / "in", tmp_path / "out")
    assert "contains no outlines but finished masks" in text
    assert text.endswith("no import is needed, train on this folder")
