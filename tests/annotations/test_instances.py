"""Things that shapes show, numbered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.annotations import shapes
from segdrone.annotations.shapes import Shape, box, number_shapes, rasterize
from segdrone.class_files import read_class_table
from segdrone.data import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from tests.annotations.conftest import SIZE, document, imported, mask
from tests.annotations.test_coco_panoptic import panoptic, segments
from tests.annotations.test_cvat import cvat
from tests.annotations.test_labelme import labelme, shape
from tests.annotations.test_orientation import WHITE, turned


def numbers(out: Path) -> NDArray[np.uint16]:
    found = cv2.imread(str(out / "instances" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert found is not None and found.dtype == np.uint16
    return np.asarray(found, np.uint16)


def square(label: str, left: int, **more: Any) -> dict[str, Any]:
    return shape(label, [[left, 10], [left + 10, 10], [left + 10, 20], [left, 20]], **more)


def test_each_shape_is_a_thing_where_it_is_seen(folder: Path) -> None:
    labelme(folder / "a.json", square("car", 10), square("car", 15), square("tree", 22))
    out = folder.parent / "out"
    imported(folder, out, instances=True)
    assert numbers(out)[15, 8:34].tolist() == [0] * 2 + [1] * 5 + [2] * 7 + [3] * 10 + [0] * 2
    dataset = open_dataset(DataConfig(root=str(out)))
    assert np.array_equal(find_instance_maps(dataset.files, dataset.pairs).read("a", SIZE), numbers(out))


def test_shapes_of_one_group_and_label_are_one_thing(folder: Path) -> None:
    parts = [square("car", 10, group_id=4), square("tree", 30, group_id=4), square("car", 50, group_id=4)]
    labelme(folder / "a.json", *parts, square("car", 70, group_id=None), square("car", 82, group_id=["x"]))
    imported(folder, folder.parent / "out", instances=True)
    assert numbers(folder.parent / "out")[15, [12, 32, 52, 72, 84]].tolist() == [1, 2, 1, 3, 4]


def test_ignored_shapes_are_no_things(folder: Path) -> None:
    labelme(folder / "a.json", square("car", 10), square("__ignore__", 15))
    imported(folder, folder.parent / "out", instances=True)
    assert numbers(folder.parent / "out")[15, 10:25].tolist() == [1] * 5 + [0] * 10


def test_groups_of_cvat(folder: Path) -> None:
    boxes = (
        f'<box label="car" xtl="{x}" ytl="10" xbr="{x + 10}" ybr="20" z_order="0" group_id="{group}"></box>'
        for x, group in ((10, 0), (30, 0), (50, 7), (70, 7))
    )
    cvat(folder / "annotations.xml", *boxes)
    imported(folder, folder.parent / "out", instances=True)
    assert numbers(folder.parent / "out")[15, [12, 32, 52, 72]].tolist() == [1, 2, 3, 3]


def test_segments_of_coco_panoptic(folder: Path) -> None:
    (folder / "a.png").rename(folder / "a.jpg")
    panoptic(folder / "panoptic.json")
    segments(folder / "panoptic" / "a.png")
    out = folder.parent / "out"
    imported(folder, out, instances=True)
    found = numbers(out)
    road, car, other = found[5, 5], found[15, 15], found[45, 65]
    assert len({road, car, other, 0}) == 4
    expected = np.zeros(SIZE, bool)
    expected[10:20, 10:30] = True
    assert np.array_equal(found == car, expected)
    assert np.array_equal(found > 0, mask(out) != 255)


@pytest.mark.parametrize("thing", [1, True])
def test_what_coco_calls_things_are_things(folder: Path, thing: Any) -> None:
    out, path = folder.parent / "out", panoptic(folder / "panoptic.json")
    (folder / "a.png").rename(folder / "a.jpg")
    segments(folder / "panoptic" / "a.png")
    imported(folder, out, instances=True)
    assert read_class_table(out / "classes.csv").things is None  # the car does not say it
    content = json.loads(path.read_text())
    for of_sky, expected in ((0, None), (thing, ("sky",))):  # Datumaro writes 0 for all categories
        for category, is_thing in zip(content["categories"], (0, 0, of_sky), strict=True):
            category["isthing"] = is_thing
        document(path, content)
        imported(folder, out, instances=True)
        table = read_class_table(out / "classes.csv")
        assert table.names == ("car", "road", "sky")
        assert table.things == expected


def test_what_somebody_called_things_are_things_after_the_next_import(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", square("boat", 10), square("car", 30))
    imported(folder, out, instances=True)
    (out / "classes.csv").write_text("name,r,g,b,thing\nboat,9,9,9,1\ncar,8,8,8,0\n")
    labelme(folder / "a.json", square("boat", 10), square("car", 30), square("aeroplane", 50))
    summary = imported(folder, out, instances=True)
    table = read_class_table(out / "classes.csv")
    assert (table.names, table.things) == (("aeroplane", "boat", "car"), ("boat",))
    assert any(note.startswith("things, as ") and note.endswith("said before: boat") for note in summary.notes)


@pytest.mark.parametrize("crowd", [1, True, "1"])  # COCO Annotator writes true
def test_crowds_are_no_things(folder: Path, caplog: pytest.LogCaptureFixture, crowd: int | str) -> None:
    def annotation(left: int, crowd: int | str, *, runs: bool = False) -> dict[str, Any]:
        polygon = [left, 10, left + 10, 10, left + 10, 20, left, 20]
        area = {"counts": [10 * 64 * left // 10, 640, 64 * 96 - 640 * (left // 10 + 1)], "size": [64, 96]}
        return {"image_id": 1, "category_id": 1, "segmentation": area if runs else [polygon], "iscrowd": crowd}

    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 96, "height": 64}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [annotation(10, False), annotation(30, crowd, runs=True), annotation(50, crowd)],
    }
    document(folder / "coco.json", content)
    imported(folder, folder.parent / "out")
    assert "crowds" not in caplog.text
    imported(folder, folder.parent / "out", instances=True)
    assert "2 shapes are crowds (iscrowd), and no things in instances/" in caplog.text
    found, drawn = numbers(folder.parent / "out"), mask(folder.parent / "out")
    assert found[15, [15, 35, 55]].tolist() == [1, 0, 0]
    assert drawn[15, [15, 35, 55]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_numbers_are_turned_as_the_mask(tmp_path: Path, orientation: int) -> None:
    path = turned(tmp_path / "in" / "a.png", orientation)
    labelme(tmp_path / "in" / "a.json", WHITE)
    imported(tmp_path / "in", tmp_path / "out", orientation="stored", instances=True)
    assert np.array_equal(numbers(tmp_path / "out") == 1, read_image(path)[..., 0] == 255)


def test_an_import_without_instances_removes_those_of_an_earlier_one(folder: Path) -> None:
    labelme(folder / "a.json", square("car", 10))
    imported(folder, folder.parent / "out", instances=True)
    imported(folder, folder.parent / "out")
    assert not (folder.parent / "out" / "instances" / "a.png").exists()


def test_more_things_than_16_bits_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shapes._MOST_THINGS == 65535
    monkeypatch.setattr(shapes, "_MOST_THINGS", 99)  # drawing 65,536 takes half a minute
    with pytest.raises(DataError, match="has 100 things, of which 16 bits number 99"):
        number_shapes([Shape("car", "a.json", [box(0, 0, 1, 1)])] * 100, (1, 1))


def test_numbers_cover_what_the_mask_covers() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-5, 60, (30, 2))
    shapes = [
        Shape("ab"[i % 2], "a.json", [box(x, y, x + 15, y + 9)], z_order=float(rng.integers(3)), group=str(i % 5))
        for i, (x, y) in enumerate(corners.tolist())
    ]
    drawn, found = rasterize(shapes, SIZE, {"a": 0, "b": 1}, 255), number_shapes(shapes, SIZE)
    assert np.array_equal(found > 0, drawn != 255)
    assert len(np.unique(found[drawn == 0])) <= 5
    assert not {*np.unique(found[drawn == 0])} & {*np.unique(found[drawn == 1])}
