"""Several exports, splits, and photographs of equal names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from segdrone.class_files import read_class_table
from tests.annotations.conftest import document, imported, mask, photograph, refusal
from tests.annotations.test_coco import SMALL, SQUARE

CATEGORIES = [{"id": 1, "name": "street"}, {"id": 90, "name": "car"}]


def coco(path: Path, *names: str, category: int = 1, size: tuple[int, int] | None = (64, 96), **more: Any) -> Path:
    """One square on each photograph."""
    sides = {} if size is None else {"height": size[0], "width": size[1]}
    root = {
        "images": [{"id": i, "file_name": name, **sides} for i, name in enumerate(names)],
        "categories": CATEGORIES,
        "annotations": [
            {"id": i, "image_id": i, "category_id": category, "segmentation": [SQUARE]} for i in range(len(names))
        ],
    }
    return document(path, {**root, **more})


def names(out: Path) -> list[str]:
    return sorted(path.stem for path in (out / "masks").iterdir())


@pytest.fixture
def roboflow(tmp_path: Path) -> Path:
    """An export with the folders of a split; the classes of train/ and valid/ that occur differ."""
    for split, names_, category in (("train", "ab", 1), ("valid", "c", 90), ("test", "d", 90)):
        for name in names_:
            photograph(tmp_path / "in" / split / f"{name}.jpg")
        coco(tmp_path / "in" / split / "_annotations.coco.json", *(f"{name}.jpg" for name in names_), category=category)
    return tmp_path / "in"


def lists(out: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().split() for path in sorted(out.glob("*.txt"))}


@pytest.mark.parametrize("given", ["folder", "folders", "files"])
def test_folders_of_a_split_become_one_dataset_with_one_table(roboflow: Path, given: str) -> None:
    parts = [roboflow / split for split in ("train", "valid", "test")]
    source = {"folder": roboflow, "folders": parts, "files": [part / "_annotations.coco.json" for part in parts]}[given]
    summary = imported(source, roboflow.parent / "out")  # type: ignore[arg-type]
    assert summary.table.names == ("car", "street")
    assert names(roboflow.parent / "out") == ["a", "b", "c", "d"]
    assert mask(roboflow.parent / "out", "a")[20, 20] == 1
    assert mask(roboflow.parent / "out", "c")[20, 20] == 0
    assert summary.splits == {"train": 2, "val": 1, "test": 1}
    assert lists(roboflow.parent / "out") == {
        "test.txt": ["d.jpg"], "train.txt": ["a.jpg", "b.jpg"], "val.txt": ["c.jpg"],
    }  # fmt: skip


def test_parts_of_an_export_get_the_same_table(roboflow: Path) -> None:
    tables = [imported(roboflow / split, roboflow.parent / split).table for split in ("train", "valid")]
    assert tables[0] == tables[1]
    assert lists(roboflow.parent / "train") == {}


def test_earlier_table_is_kept_to(roboflow: Path) -> None:
    imported(roboflow / "train", roboflow.parent / "first", background="ground")
    table = roboflow.parent / "first" / "classes.csv"
    coco(roboflow / "valid" / "_annotations.coco.json", "c.jpg", categories=CATEGORIES[:1])
    summary = imported(roboflow / "valid", roboflow.parent / "out", classes=str(table), background="ground")
    assert summary.table == read_class_table(table)
    assert (mask(roboflow.parent / "out", "c")[20, 20], mask(roboflow.parent / "out", "c")[0, 0]) == (2, 0)


def test_split_of_file_names_is_kept(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("val", "b")):
        photograph(tmp_path / "in" / "images" / f"{split}2017" / f"{name}.jpg")
        coco(tmp_path / "in" / "annotations" / f"instances_{split}2017.json", f"{name}.jpg")
    assert imported(tmp_path / "in", tmp_path / "out").splits == {"train": 1, "val": 1}


def test_photograph_without_a_split_is_told(roboflow: Path, caplog: pytest.LogCaptureFixture) -> None:
    photograph(roboflow / "e.jpg")
    coco(roboflow / "more.json", "e.jpg")
    assert imported(roboflow, roboflow.parent / "out").splits == {}
    assert "no split is written, since 1 of 5 photographs are in none, e first" in caplog.text


def test_lists_stay_if_a_later_export_has_no_split(roboflow: Path) -> None:
    out = roboflow.parent / "out"
    imported(roboflow, out)
    flat = roboflow.parent / "flat"
    flat.mkdir()
    for path in roboflow.rglob("*.jpg"):
        shutil.copy(path, flat)
    coco(flat / "a.json", "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    assert f"train.txt, val.txt, test.txt of {out} stay the split" in imported(flat, out).notes
    assert lists(out)["val.txt"] == ["c.jpg"]


def test_flights_of_equal_names_stay_apart(tmp_path: Path) -> None:
    for i, flight in enumerate(("flight 1", "flight 2")):
        photograph(tmp_path / "in" / flight / "DJI_0001.JPG", (64 + i, 96))
    images = [{"id": i, "file_name": f"flight {i + 1}/DJI_0001.JPG", "height": 64 + i, "width": 96} for i in range(2)]
    annotations = [{"image_id": i, "category_id": 1, "segmentation": [SQUARE if i else SMALL]} for i in range(2)]
    document(tmp_path / "in" / "a.json", {"images": images, "categories": CATEGORIES, "annotations": annotations})
    imported(tmp_path / "in", tmp_path / "out")
    assert names(tmp_path / "out") == ["flight 1_DJI_0001", "flight 2_DJI_0001"]
    assert (mask(tmp_path / "out", "flight 1_DJI_0001") == 1).sum() == 100
    assert (mask(tmp_path / "out", "flight 2_DJI_0001") == 1).sum() == 1200


def test_annotation_beside_its_photograph_belongs_to_it(tmp_path: Path) -> None:
    for flight, category in (("f1", 1), ("f2", 90)):
        photograph(tmp_path / "in" / flight / "images" / "a.jpg")
        coco(tmp_path / "in" / flight / "labels" / "export.json", "a.jpg", category=category)
    imported(tmp_path / "in", tmp_path / "out")
    assert mask(tmp_path / "out", "f1_a")[20, 20] == 1
    assert mask(tmp_path / "out", "f2_a")[20, 20] == 0


@pytest.mark.parametrize(
    ("written", "photograph_"), [("f1/a.jpg", "f2/a.jpg"), ("/d/100MEDIA/a.jpg", "101MEDIA/a.jpg")]
)
def test_photograph_of_another_flight_is_refused(tmp_path: Path, written: str, photograph_: str) -> None:
    photograph(tmp_path / "in" / photograph_)
    path = coco(tmp_path / "in" / "a.json", written)
    text = refusal(tmp_path / "in", tmp_path / "out")
    assert text.startswith(f"{path}: images[0] names '{written}', but the only photograph of that name is")
    assert refusal(path, tmp_path / "out", images=tmp_path / "in" / photograph_.split("/")[0]) != ""


def test_annotation_of_one_flight_is_not_for_a_photograph_of_another(tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "f1" / "images" / "b.jpg")
    photograph(tmp_path / "in" / "f2" / "images" / "a.jpg")
    path = coco(tmp_path / "in" / "f1" / "labels" / "export.json", "a.jpg", "b.jpg")
    text = refusal(tmp_path / "in", tmp_path / "out")
    assert text.startswith(f"{path}: images[0] names 'a.jpg', but the only photograph of that name is")


def test_folder_of_another_name_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photograph(tmp_path / "in" / "south" / "a.jpg")
    coco(tmp_path / "in" / "a.json", "north/a.jpg")
    imported(tmp_path / "in", tmp_path / "out")
    assert "1 photographs are in folders of another name than in the annotations" in caplog.text
    assert f"north/a.jpg as {tmp_path / 'in' / 'south' / 'a.jpg'} first" in caplog.text


def test_photograph_of_another_split_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photograph(tmp_path / "in" / "valid" / "a.jpg")
    coco(tmp_path / "in" / "train" / "a.json", "a.jpg")
    imported(tmp_path / "in", tmp_path / "out")
    assert "folders of another name than in the annotations" in caplog.text


def test_photographs_of_two_flights_that_both_fit_are_refused(tmp_path: Path) -> None:
    for flight in ("f1", "f2"):
        photograph(tmp_path / "in" / flight / "a.jpg")
    coco(tmp_path / "in" / "a.json", "a.jpg")
    assert "a.jpg fit: give the folder of its photographs alone with --images" in refusal(
        tmp_path / "in", tmp_path / "out"
    )


def test_masks_are_no_photographs(tmp_path: Path) -> None:
    for folder in ("images", "annotations/masks", "annotations/panoptic"):
        photograph(tmp_path / "in" / folder / "a.png")
    coco(tmp_path / "in" / "annotations" / "panoptic.json", "a.png")
    imported(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / "images" / "a.png").samefile(tmp_path / "in" / "images" / "a.png")


def test_parts_that_all_list_the_photographs_are_joined(tmp_path: Path) -> None:
    for name in "ab":
        photograph(tmp_path / "in" / f"{name}.jpg")
        path = coco(tmp_path / "in" / f"job_{name}.json", "a.jpg", "b.jpg")
        content = json.loads(path.read_text())
        content["annotations"] = content["annotations"]["ab".index(name) :][:1]
        document(path, content)
    assert imported(tmp_path / "in", tmp_path / "out").photographs == 2
    coco(tmp_path / "in" / "all.json", "a.jpg")
    text = refusal(tmp_path / "in", tmp_path / "out2")
    assert "all.json: images[0] and" in text
    assert "instead of their folder" in text


def test_missing_photograph_without_shapes_is_not_needed(tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "a.jpg")
    coco(tmp_path / "in" / "a.json", "a.jpg", images=[{"id": i, "file_name": f"{n}.jpg"} for i, n in enumerate("ab")])
    assert imported(tmp_path / "in", tmp_path / "out").photographs == 1


def test_sources_of_two_formats_are_refused(tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "a.jpg")
    first = coco(tmp_path / "in" / "a.json", "a.jpg")
    second = document(tmp_path / "in" / "b.json", {"shapes": [], "imagePath": "a.jpg"})
    assert "the sources are in the formats coco, labelme" in refusal([first, second], tmp_path / "out")  # type: ignore[arg-type]
