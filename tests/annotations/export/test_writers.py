"""What the tools need beyond that an import reads the same pixels again."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from segdrone.annotations.corrections import CorrectionOptions, import_corrections
from segdrone.annotations.export import export_labels
from segdrone.class_files import read_class_table
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from tests.annotations.export.conftest import IGNORED, TABLE, blobs, exported, write_masks


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A photograph with a square of cars that has a hole, on a road, in a corner without a label."""
    mask = np.zeros((20, 30), np.uint8)
    mask[4:12, 6:16], mask[6:9, 8:12], mask[18:, 25:] = 1, 0, IGNORED
    write_masks(tmp_path, {"flight/a": mask})
    return tmp_path


def test_cvat_declares_its_labels(one: Path) -> None:
    exported(one, "cvat", kind="polygons")
    root = ElementTree.parse(one / "out" / "annotations.xml").getroot()
    image = root.find("image")
    assert image is not None and image.attrib == {"id": "0", "name": "flight/a.jpg", "width": "30", "height": "20"}
    assert [polygon.get("label") for polygon in image] == ["road", "car", "road"]
    names = [label.findtext("name") for label in root.iter("label")]
    colors = [label.findtext("color") for label in root.iter("label")]
    assert (names, colors[1]) == ([*TABLE.names], "#098f96")
    labels = json.loads((one / "out" / "labels.json").read_text())
    assert labels[1] == {"name": "car", "color": "#098f96", "attributes": []}


@pytest.mark.parametrize(("kind", "control"), [("masks", "BrushLabels"), ("polygons", "PolygonLabels")])
def test_regions_of_label_studio_fit_the_configuration(one: Path, kind: str, control: str) -> None:
    for predictions in (False, True):
        exported(one, "label-studio", kind=kind, predictions=predictions)
        view = ElementTree.parse(one / "out" / "label_config.xml").getroot()
        tag, image = view.find(control), view.find("Image")
        assert tag is not None and image is not None
        (task,) = json.loads((one / "out" / "tasks.json").read_text())
        assert task["data"] == {"image": "/data/local-files/?d=flight/a.jpg"}
        (labeled,) = task["predictions" if predictions else "annotations"]
        assert ("annotations" in task) != predictions
        for region in labeled["result"]:
            assert (region["from_name"], region["to_name"]) == (tag.get("name"), image.get("name"))
            assert tag.get("toName") == image.get("name") and image.get("value") == "$image"
            assert (region["original_width"], region["original_height"]) == (30, 20)
            (label,) = region["value"][region["type"]]
            assert label in {element.get("value") for element in tag}
        assert len({region["id"] for region in labeled["result"]}) == len(labeled["result"]) > 1


def test_labelme_finds_the_photograph_from_its_file(one: Path) -> None:
    exported(one, "labelme")
    file = one / "out" / "annotations" / "flight" / "a.json"
    document = json.loads(file.read_text())
    assert (file.parent / document["imagePath"]).resolve() == (one / "photographs" / "flight" / "a.jpg").resolve()
    assert (document["imageHeight"], document["imageWidth"], document["imageData"]) == (20, 30, None)
    labels = (one / "out" / "annotations" / "labels.txt").read_text().splitlines()
    assert labels == [*TABLE.names]


def test_labelme_names_a_link_not_the_file_that_it_leads_to(tmp_path: Path) -> None:
    masks = {"a": np.zeros((4, 6), np.uint8), "b": np.ones((4, 6), np.uint8)}
    root = write_masks(tmp_path, masks).parent
    (root / "photographs").rename(root / "images")
    (root / "masks" / "classes.csv").rename(root / "classes.csv")
    (root / "camera").mkdir()
    for name, other in (("a", "b"), ("b", "a")):
        (root / "images" / f"{name}.jpg").rename(root / "camera" / f"{other}.jpg")
        (root / "images" / f"{name}.jpg").symlink_to(root / "camera" / f"{other}.jpg")
    export_labels(root, root / "out", "labelme", progress=False)
    summary = import_corrections([root / "out"], root, CorrectionOptions(), progress=False)
    assert len(summary.changes) == 2 and not summary.changed


def test_pycocotools_reads_the_same_pixels(tmp_path: Path) -> None:
    mask = blobs(5)
    write_masks(tmp_path, {"a": mask})
    exported(tmp_path, "coco", max_shapes=12)
    coco = COCO(str(tmp_path / "out" / "annotations.json"))
    drawn = np.full(mask.shape, IGNORED, np.uint8)
    for annotation in coco.loadAnns(coco.getAnnIds()):
        inside = coco.annToMask(annotation).astype(bool)
        drawn[inside] = annotation["category_id"] - 1
        assert annotation["area"] == inside.sum()
        assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()
        rest = annotation["iscrowd"]
        assert rest in (0, 1)
    np.testing.assert_array_equal(drawn, mask)
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == [*TABLE.names]


def test_polygons_of_coco_have_the_area_of_their_pixels(one: Path) -> None:
    exported(one, "coco", kind="polygons")
    coco = COCO(str(one / "out" / "annotations.json"))
    areas = {annotation["area"]: annotation["bbox"] for annotation in coco.loadAnns(coco.getAnnIds())}
    assert areas[8 * 10 - 3 * 4] == [6, 4, 10, 8]


def test_voc_is_black_without_a_label_and_no_class_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mask = np.array([[0, 1, IGNORED]], np.uint8)
    write_masks(tmp_path, {"a": mask}, ClassTable(("void-like", "car"), ((0, 0, 0), (9, 143, 150))))
    exported(tmp_path, "voc")
    assert "other colors in labelmap.txt: void-like" in caplog.text
    colors = np.array(Image.open(tmp_path / "out" / "SegmentationClass" / "a.png").convert("RGB"))[0].tolist()
    lines = (tmp_path / "out" / "labelmap.txt").read_text().splitlines()
    assert lines[1] == "background:0,0,0::" and lines[3] == "car:9,143,150::"
    assert colors[1:] == [[9, 143, 150], [0, 0, 0]] and colors[0] != [0, 0, 0]
    assert f"void-like:{','.join(map(str, colors[0]))}::" == lines[2]
    objects = np.array(Image.open(tmp_path / "out" / "SegmentationObject" / "a.png").convert("RGB"))[0].tolist()
    assert objects == [[128, 0, 0], [0, 128, 0], [0, 0, 0]]
    assert (tmp_path / "out" / "ImageSets" / "Segmentation" / "default.txt").read_text() == "a\n"


def test_the_background_of_a_table_is_that_of_voc(tmp_path: Path) -> None:
    write_masks(
        tmp_path,
        {"a": np.array([[0, 1, IGNORED]], np.uint8)},
        ClassTable(("car", "background"), ((9, 9, 9), (1, 1, 1))),
    )
    exported(tmp_path, "voc")
    assert np.array(Image.open(tmp_path / "out" / "SegmentationClass" / "a.png")).tolist() == [[1, 0, 2]]
    lines = (tmp_path / "out" / "labelmap.txt").read_text().splitlines()[1:]
    assert lines == ["background:0,0,0::", "car:9,9,9::", "ignored:224,224,192::"]


def test_the_table_of_voc_says_what_things_are(tmp_path: Path) -> None:
    table = ClassTable(("road", "truck"), ((9, 9, 9), (1, 1, 1)), things=("truck",))
    write_masks(tmp_path, {"a": np.array([[0, 1, IGNORED]], np.uint8)}, table)
    exported(tmp_path, "voc")
    assert read_class_table(tmp_path / "out" / "classes.csv").things == ("truck",)


def test_a_name_with_a_colon_is_not_for_labelmap(tmp_path: Path) -> None:
    write_masks(tmp_path, {"a": np.zeros((4, 4), np.uint8)}, ClassTable(("a:b",), ((9, 9, 9),)))
    with pytest.raises(DataError, match="'a:b' cannot be in labelmap.txt"):
        exported(tmp_path, "voc")
    assert not (tmp_path / "out" / "labelmap.txt").exists()


def test_via_offers_all_classes(one: Path) -> None:
    exported(one, "via")
    project = json.loads((one / "out" / "via_project.json").read_text())
    assert [*project["_via_attributes"]["region"]["label"]["options"]] == [*TABLE.names]
    size = (one / "photographs" / "flight" / "a.jpg").stat().st_size
    assert [*project["_via_img_metadata"]] == project["_via_image_id_list"] == [f"flight/a.jpg{size}"]


def test_yolo_names_its_classes(one: Path) -> None:
    exported(one, "yolo")
    assert "3: tree & <bush>" in (one / "out" / "data.yaml").read_text()
    lines = (one / "out" / "labels" / "flight" / "a.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "0"]
    assert max(float(share) for line in lines for share in line.split()[1:]) == 1


def test_more_objects_than_a_palette_has_are_refused(tmp_path: Path) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[::2, ::2] = 1
    write_masks(tmp_path, {"a": mask})
    exported(tmp_path, "voc")
    assert np.array(Image.open(tmp_path / "out" / "SegmentationObject" / "a.png")).max() <= 254
    with pytest.raises(DataError, match="has 401 shapes, of which the palette of SegmentationObject tells 254 apart"):
        exported(tmp_path, "voc", max_shapes=1000)


def test_a_number_that_two_classes_have_is_two_segments(tmp_path: Path) -> None:
    mask = np.array([[1, 1, 2, 2]], np.uint8)
    write_masks(tmp_path, {"a": mask})
    (tmp_path / "instances").mkdir()
    Image.fromarray(np.full((1, 4), 9, np.uint16)).save(tmp_path / "instances" / "a.png")
    exported(tmp_path, "coco-panoptic")
    document = json.loads((tmp_path / "out" / "panoptic.json").read_text())
    (annotation,) = document["annotations"]
    found = {segment["category_id"]: segment["area"] for segment in annotation["segments_info"]}
    assert found == {2: 2, 3: 2}
