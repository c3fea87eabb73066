from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as cocotools

from tests.annotations.conftest import document, imported, mask, photograph, refusal
from tests.annotations.test_bitmaps import runs_of

SQUARE = [10.0, 10.0, 50.0, 10.0, 50.0, 40.0, 10.0, 40.0]
SMALL = [20, 20, 30, 20, 30, 30, 20, 30]


def annotation(category: Any, segmentation: Any, **more: Any) -> dict[str, Any]:
    head = {"id": 1, "image_id": 7, "category_id": category, "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0}
    return {**head, "segmentation": segmentation, **more}


def coco(path: Path, *annotations: Any, **more: Any) -> Path:
    root = {
        "info": {},
        "licenses": [],
        "images": [{"id": 7, "width": 96, "height": 64, "file_name": "deep/a.png"}],
        "categories": [{"id": 1, "name": "street", "supercategory": ""}, {"id": 90, "name": "car"}],
        "annotations": list(annotations),
    }
    return document(path, {**root, **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "deep" / "a.png")
    return tmp_path / "in"


def test_larger_areas_are_drawn_first(folder: Path) -> None:
    coco(folder / "a.json", annotation(90, [SMALL]), annotation(1, [SQUARE]))
    imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 1
    expected[20:30, 20:30] = 0
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)


def test_several_polygons_are_joined(folder: Path) -> None:
    coco(folder / "a.json", annotation(1, [SMALL, SQUARE, [1, 1, 2, 2]]))
    summary = imported(folder, folder.parent / "out")
    assert (mask(folder.parent / "out") == 1).sum() == 30 * 40
    assert summary.shapes.tolist() == [0, 1]
    assert summary.skipped == {"polygons of fewer than 3 points": 1}


def test_parent_that_roboflow_adds_is_no_class(folder: Path) -> None:
    parent = {"id": 0, "name": "things", "supercategory": "none"}
    named = [{"id": i, "name": name, "supercategory": "things"} for i, name in ((1, "street"), (90, "car"))]
    coco(folder / "a.json", annotation(1, [SQUARE]), categories=[parent, *named])
    assert imported(folder, folder.parent / "out").table.names == ("car", "street")
    coco(folder / "a.json", annotation(0, [SQUARE]), categories=[parent, *named])  # it is used
    assert imported(folder, folder.parent / "out").table.names == ("car", "street", "things")
    apart = [{**category, "supercategory": "none"} for category in (parent, *named)]
    coco(folder / "a.json", annotation(1, [SQUARE]), categories=apart)
    assert imported(folder, folder.parent / "out").table.names == ("car", "street", "things")


@pytest.mark.parametrize("compressed", [True, False])
def test_rle_masks_equal_pycocotools(folder: Path, compressed: bool) -> None:
    truth = np.kron(np.random.default_rng(0).random((16, 24)) < 0.4, np.ones((4, 4), bool))
    counts: Any = cocotools.encode(np.asfortranarray(truth.astype(np.uint8)))["counts"].decode()
    if not compressed:
        counts = runs_of(truth.ravel(order="F"))
    segmentation = {"size": [64, 96], "counts": counts}
    coco(folder / "a.json", annotation(90, segmentation, iscrowd=1))
    imported(folder, folder.parent / "out")
    np.testing.assert_array_equal(mask(folder.parent / "out") == 0, truth)


def test_small_rle_masks_are_drawn_over_large_polygons(folder: Path) -> None:
    truth = np.zeros((64, 96), np.uint8, order="F")
    truth[20:25, 20:30] = 1
    segmentation = {"size": [64, 96], "counts": cocotools.encode(truth)["counts"].decode()}
    coco(folder / "a.json", annotation(90, segmentation), annotation(1, [SQUARE]))
    imported(folder, folder.parent / "out")
    np.testing.assert_array_equal(mask(folder.parent / "out") == 0, truth)


def test_annotations_with_only_boxes_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    boxes = annotation(1, []), annotation(1, None)
    coco(folder / "a.json", *boxes, annotation(1, [SQUARE]), annotation(1, [], bbox=None))
    assert imported(folder, folder.parent / "out", background="ground").skipped == {"annotations of no area": 1}
    assert "left out: 2 bounding boxes; their pixels get the class 'ground'" in caplog.text
    coco(folder / "a.json", *boxes)
    text = refusal(folder, folder.parent / "out2", background="ground")
    assert "holds 2 bounding boxes, but no outlines, which a mask needs: draw polygons or masks in the tool" in text


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (annotation(1, [[1, 2, 3]]), "annotations[1].segmentation[0] is not a list of x, y, x, y"),
        (annotation(1, [[[1, 2], [3, 4], [5, 6]]]), "annotations[1].segmentation[0] is not a list of x, y, x, y"),
        (annotation(1, "text"), "annotations[1].segmentation is 'text', not a list"),
        (annotation(1, [[1, 2, 3, 4, 5, 1e30]]), "annotations[1].segmentation[0] contains a number that is not finite"),
        (annotation(2, [SMALL]), "annotations[1] has the category_id 2, which no category has"),
        (annotation(1, [SMALL], image_id=8), "annotations[1] has the image_id 8, which no image has"),
        (annotation([1], [SMALL]), "annotations[1].category_id is a list, not a number or a text"),
        (annotation(1, {"size": [64, 96]}), "annotations[1].segmentation has no counts"),
        (annotation(1, {"counts": [6144]}), "annotations[1].segmentation has no size"),
        (annotation(1, {"counts": [6144], "size": [96, 64]}), "has the size [96, 64], not the height and width of"),
        (annotation(1, {"counts": [6144], "size": [10**9, 10**9]}), "has the size [1000000000, 1000000000], not"),
        (annotation(1, {"counts": [6143], "size": [64, 96]}), "counts has run lengths for 6143 pixels"),
        (annotation(1, {"counts": [6143, 2], "size": [64, 96]}), "counts has run lengths for 6145 pixels"),
        (annotation(1, {"counts": [6144.5], "size": [64, 96]}), "counts is not a list of integers"),
        (annotation(1, {"counts": "abc~", "size": [64, 96]}), "counts is cut short, or is not a compressed RLE string"),
        (annotation(1, {"counts": "0123", "size": [64, 96]}), "counts has run lengths for"),
        (annotation(1, {"counts": {}, "size": [64, 96]}), "counts is not a list of integers"),
    ],
)
def test_invalid_annotation_is_reported_with_file_and_item(folder: Path, invalid: Any, expected: str) -> None:
    path = coco(folder / "a.json", annotation(1, [SQUARE]), invalid)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: annotations[1]")
    assert expected in text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"images": [{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}]},
            "images[1] has the id 7 of an",
        ),
        ({"images": [{"id": 7}]}, "images[0] has no file_name"),
        ({"images": 3}, "images is 3, not a list"),
        ({"categories": None}, "has no categories"),
        ({"categories": [{"id": 1, "name": "x"}, {"id": 1, "name": "y"}]}, "has the id 1 of the category 'x'"),
        ({"categories": [{"id": 1, "name": ["x"]}]}, "categories[0].name is a list, not a text"),
    ],
)
def test_invalid_header_is_reported(folder: Path, more: dict[str, Any], expected: str) -> None:
    coco(folder / "a.json", **more)
    assert expected in refusal(folder, folder.parent / "out")


@pytest.mark.parametrize(("height", "width"), [(10**6, 10**6), (32, 48), (96, 64)])
def test_rle_mask_of_an_image_without_size_must_have_that_of_the_photograph(
    folder: Path, height: int, width: int
) -> None:
    images = [{"id": 7, "file_name": "a.png"}]
    runs = annotation(1, {"counts": [0, height * width], "size": [height, width]})
    coco(folder / "a.json", runs, images=images)
    assert f"has {width} x {height} pixels, its photograph 96 x 64" in refusal(folder, folder.parent / "out")
