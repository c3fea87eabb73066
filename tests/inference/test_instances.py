from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from numpy.typing import NDArray
from pycocotools import mask as cocotools
from pycocotools.coco import COCO

from segdrone.annotations.bitmaps import decode_coco_counts
from segdrone.classes import DRONE, THING_CLASSES, ClassTable, thing_classes
from segdrone.errors import ConfigError
from segdrone.inference.instances import (
    Instance,
    find_instances,
    to_coco,
)
from tests.helpers.drawn_masks import noise, patchwork

PERSON, CAR, TREE = (DRONE.names.index(name) for name in ("person", "car", "tree"))
TABLE = ClassTable(("ground", "car", "person"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def scene() -> NDArray[np.uint8]:
    """Two cars, a person who touches one, and two who touch each other at a corner, among trees."""
    mask = np.full((40, 60), TREE, np.uint8)
    mask[30:36, 3:12] = CAR
    mask[5:11, 20:29] = CAR
    mask[11:13, 22:24] = PERSON
    mask[20:22, 50:52] = mask[22:24, 52:54] = PERSON
    return mask


def loaded(document: dict[str, Any], path: Path) -> COCO:
    path.write_text(json.dumps(document))
    return COCO(path)


def test_instances_are_connected_components_in_reading_order() -> None:
    found = find_instances(scene(), None, DRONE)
    assert [(thing.class_id, thing.box, thing.area) for thing in found] == [
        (PERSON, (22, 11, 2, 2), 4),
        (PERSON, (50, 20, 4, 4), 8),
        (CAR, (20, 5, 9, 6), 54),
        (CAR, (3, 30, 9, 6), 54),
    ]
    assert [thing.confidence for thing in found] == [None] * 4


@settings(deadline=None)
@given(noise(classes=3))
@example(np.isin(np.add.outer(np.arange(7), np.arange(7)), [0, 1, 2, 3, 6]).astype(np.uint8))  # boxes of one corner
def test_instances_of_a_class_are_sorted_by_row_then_column(mask: NDArray[np.uint8]) -> None:
    found = find_instances(mask, None, TABLE)
    assert found == sorted(found, key=lambda thing: (thing.class_id, thing.box[1], thing.box[0], thing.counts))


def test_confidence_is_the_mean_over_the_pixels_of_the_instance() -> None:
    confidence = np.zeros((40, 60), np.uint8)
    confidence[11:13, 22:24] = [[255, 255], [51, 0]]
    confidence[20:24, 50:54] = 255
    confidence[20:22, 52:54] = 0
    found = find_instances(scene(), confidence, DRONE, ["person"])
    assert [thing.confidence for thing in found] == [pytest.approx(0.55), 1.0]


@settings(deadline=None)
@given(noise(classes=3) | patchwork(classes=3))
def test_run_lengths_are_those_of_pycocotools(mask: NDArray[np.uint8]) -> None:
    for class_id, name in enumerate(TABLE.names):
        found = find_instances(mask, None, TABLE, [name])
        count, labels = cv2.connectedComponents((mask == class_id).view(np.uint8), connectivity=8)
        packed = [cocotools.encode(np.asfortranarray(labels == label)) for label in range(1, count)]
        expected = [
            (decode_coco_counts(one["counts"].decode()).tolist(), cocotools.toBbox(one).tolist()) for one in packed
        ]
        assert sorted((thing.counts, [*thing.box]) for thing in found) == sorted(expected)


def test_pycocotools_draws_the_mask_again(tmp_path: Path) -> None:
    masks = {"deep/a.jpg": scene(), "b.jpg": np.full((7, 5), TREE, np.uint8), "c.jpg": scene()[::-1, :30].copy()}
    confidence = np.full((40, 60), 102, np.uint8)
    found = {
        name: (
            (mask.shape[0], mask.shape[1]),
            find_instances(mask, confidence[: mask.shape[0], : mask.shape[1]], DRONE),
        )
        for name, mask in masks.items()
    }
    reader = loaded(to_coco(found, DRONE), tmp_path / "objects.json")
    assert [image["file_name"] for image in reader.loadImgs(reader.getImgIds())] == [*masks]
    for image in reader.loadImgs(reader.getImgIds()):
        mask = masks[image["file_name"]]
        assert (image["height"], image["width"]) == mask.shape
        drawn = np.zeros_like(mask)
        for one in reader.loadAnns(reader.getAnnIds(image["id"])):
            pixels = reader.annToMask(one)
            (category,) = reader.loadCats(one["category_id"])
            drawn[pixels > 0] = DRONE.names.index(category["name"])
            assert one["area"] == cocotools.area(reader.annToRLE(one)) == pixels.sum()
            assert one["bbox"] == cocotools.toBbox(reader.annToRLE(one)).tolist()
            assert one["score"] == pytest.approx(0.4) and one["iscrowd"] == 0
        np.testing.assert_array_equal(drawn, np.where(np.isin(mask, [PERSON, CAR]), mask, 0))


def test_all_classes_are_categories_and_no_id_is_0(tmp_path: Path) -> None:
    objects = find_instances(scene(), None, DRONE)
    document = to_coco({"a.jpg": ((40, 60), objects), "b.jpg": ((40, 60), objects)}, DRONE)
    reader = loaded(document, tmp_path / "objects.json")
    assert reader.getCatIds(catNms=["car"]) == [CAR + 1]
    assert [category["name"] for category in document["categories"]] == [*DRONE.names]
    assert [image["id"] for image in document["images"]] == [1, 2]
    assert [one["id"] for one in document["annotations"]] == [*range(1, 9)]
    assert [one["image_id"] for one in document["annotations"]] == [1] * 4 + [2] * 4
    assert not any("score" in one for one in document["annotations"])


def test_a_document_without_instances_is_valid(tmp_path: Path) -> None:
    assert loaded(to_coco({}, TABLE), tmp_path / "none.json").getAnnIds() == []
    assert loaded(to_coco({"a.jpg": ((3, 4), [])}, TABLE), tmp_path / "empty.json").getImgIds() == [1]


def test_instances_are_plain_values() -> None:
    found = find_instances(scene(), np.full((40, 60), 9, np.uint8), DRONE)
    assert [Instance(one[0], tuple(one[1]), *one[2:]) for one in json.loads(json.dumps(found))] == found


def test_by_default_only_thing_classes_of_the_table_are_found() -> None:
    assert thing_classes(DRONE) == [*THING_CLASSES]
    assert thing_classes(TABLE) == ["car", "person"]
    stuff = ClassTable(("ground", "water"), ((0, 0, 0), (1, 1, 1)))
    assert find_instances(np.eye(9, dtype=np.uint8), None, stuff) == []
    assert len(find_instances(np.eye(9, dtype=np.uint8), None, stuff, ["water", "water"])) == 1
    assert find_instances(scene(), None, DRONE, []) == []


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="no class lorry, bus: choose the classes of objects from ground, car, person"
    ):
        find_instances(np.zeros((3, 3), np.uint8), None, TABLE, ["car", "lorry", "bus"])


def test_things_are_those_that_the_table_names() -> None:
    table = ClassTable(("cow", "car", "road"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    assert thing_classes(table) == ["car"]
    assert thing_classes(replace(table, things=("cow",))) == ["cow"]
    assert thing_classes(replace(table, things=())) == []


def test_instances_are_those_of_the_numbers() -> None:
    table = ClassTable(("road", "car", "person"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)), things=("car", "person"))
    mask = np.array([[1, 1, 1, 0, 1], [2, 2, 0, 0, 1], [0, 0, 0, 1, 1]], np.uint8)
    numbers = np.array([[7, 7, 3, 9, 7], [3, 3, 9, 0, 7], [0, 0, 0, 0, 7]], np.uint16)
    found = find_instances(mask, None, table, None, numbers)
    assert [(one.class_id, one.box, one.area) for one in found] == [
        (1, (0, 0, 5, 3), 5),  # in two parts, without the pixel of number 0
        (1, (2, 0, 1, 1), 1),
        (2, (0, 1, 2, 1), 2),
    ]
    assert found[0].counts == find_instances((numbers == 7).astype(np.uint8), None, table, ["car"], numbers)[0].counts
    assert find_instances(mask, None, table, None, np.zeros_like(numbers)) == []
