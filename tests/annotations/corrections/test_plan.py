"""What does not fit the dataset is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.annotations.corrections import CorrectionOptions, compare_annotators
from segdrone.data import DataConfig, open_dataset
from segdrone.data.masks.instance_maps import find_instance_maps
from tests.annotations.corrections.conftest import (
    ALL_SOIL,
    CAR_BOX,
    CORRECTED,
    RIGHT_ROAD,
    SIZE,
    box,
    corrected,
    correction,
    read,
    refusal,
    write_image,
)
from tests.annotations.test_via import region, via

THINGS = "name,r,g,b,thing\nsoil,90,60,30,0\nroad,90,90,90,0\ncar,200,0,0,1\n"


def numbered(dataset: Path) -> Path:
    """Gives the dataset instance maps without things."""
    (dataset / "classes.csv").write_text(THINGS)
    for name in "abc":
        write_image(np.zeros(SIZE, np.uint16), dataset / "instances" / f"{name}.png")
    return dataset


def test_labels_that_the_dataset_lacks_are_listed(dataset: Path, fixed: Path) -> None:
    correction(fixed, "a", ALL_SOIL, box("Car", 0, 0, 2, 2), box("pool", 0, 0, 2, 2), box("pool", 4, 4, 6, 6))
    text = refusal(fixed, dataset)
    assert "(soil, road, car) lack 'pool' (2 shapes, first in " in text
    assert "'Car' (1 shapes, first in " in text and "; the table has 'car')" in text
    assert text.endswith("rename the labels in the tool, or add a class at the end of the class table")


def test_the_background_is_a_class_of_the_dataset(dataset: Path, fixed: Path) -> None:
    assert "lack 'lawn' (the background)" in refusal(fixed, dataset, background="lawn")


def test_annotations_without_a_shape_are_refused(dataset: Path, fixed: Path) -> None:
    text = (fixed / "a.json").read_text()
    (fixed / "a.json").write_text(text[: text.index('"shapes"')] + '"shapes": [], "imagePath": "a.png"}')
    assert "has no shape on any photograph: give --background CLASS" in refusal(fixed, dataset)


def test_instance_maps_that_would_not_fit_are_refused(dataset: Path, fixed: Path) -> None:
    assert "has instance maps, which would no longer fit" in refusal(fixed, numbered(dataset))


def test_instance_maps_are_replaced(dataset: Path, fixed: Path) -> None:
    summary = corrected(fixed, numbered(dataset), instances=True)
    numbers = read(dataset / "instances" / "a.png")
    assert len({*np.unique(numbers[2:8, 2:10])}) == 1 and numbers[2, 2] not in (0, numbers[20, 2])
    assert summary.folder is not None
    kept = dataset / summary.folder / "before" / "instances" / "a.png"
    assert not read(kept).any()
    opened = open_dataset(DataConfig(root=str(dataset)))
    assert {*find_instance_maps(opened.files, opened.pairs).files} == {"a", "b", "c"}
    assert not corrected(fixed, dataset, instances=True).changed


def test_things_that_are_numbered_otherwise_are_not_written(dataset: Path, fixed: Path) -> None:
    corrected(fixed, numbered(dataset), instances=True)
    numbers = read(dataset / "instances" / "a.png")
    write_image((numbers * 7).astype(np.uint16), dataset / "instances" / "a.png")
    before = (dataset / "instances" / "a.png").read_bytes()
    assert not corrected(fixed, dataset, instances=True).changed
    halves = (box("car", 2, 2, 6, 8), box("car", 6, 2, 10, 8))
    correction(fixed, "a", ALL_SOIL, RIGHT_ROAD, *halves)
    summary = corrected(fixed, dataset, instances=True)  # two cars: the mask stays
    assert [(change.changes_mask, str(change.instances)) for change in summary.changed] == [
        (False, str(Path("instances", "a.png")))
    ]
    assert (dataset / "instances" / "a.png").read_bytes() != before


def test_some_photographs_alone_cannot_get_instance_maps(dataset: Path, fixed: Path) -> None:
    assert "2 photographs without corrections, b first, would have none" in refusal(fixed, dataset, instances=True)
    for name in "bc":
        correction(fixed, name, *CORRECTED)
    assert len(corrected(fixed, dataset, instances=True).changed) == 3
    assert sorted(path.name for path in (dataset / "instances").iterdir()) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("instances", [True, False])
def test_a_dataset_that_is_not_corrected_has_no_new_folders(dataset: Path, fixed: Path, instances: bool) -> None:
    correction(fixed, "a", box("pool", 0, 0, 2, 2), CAR_BOX)
    refusal(fixed, dataset, instances=instances)
    assert sorted(path.name for path in dataset.iterdir()) == ["classes.csv", "images", "masks"]


def test_a_photograph_of_another_size_than_the_tool_saw_is_told(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, told = (
        dataset / "images" / "a.png",
        "1 photographs have another number of bytes than when they were annotated",
    )
    for by in ("anna", "ben"):
        path = via(tmp_path / f"{by}.json", region(label="car"))
        path.write_text(path.read_text().replace('"size": -1', f'"size": {file.stat().st_size}'))
    sources, options = [tmp_path / "anna.json", tmp_path / "ben.json"], CorrectionOptions(images=dataset / "images")
    corrected(sources, dataset, prefer=["anna"])
    assert "another number of bytes" not in caplog.text
    file.write_bytes(file.read_bytes() + b"more")
    corrected(sources, dataset, prefer=["ben"])
    assert told in caplog.text
    caplog.clear()
    compare_annotators(sources, tmp_path / "out", options, progress=False)
    assert told in caplog.text


def test_shapes_that_cover_no_pixel_are_told(dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for by, left in (("anna", 30), ("ben", 36)):  # a photograph is 36 pixels wide
        image = (
            '<image id="0" name="a.png" width="36" height="24">'
            f'<box label="car" xtl="{left}" ytl="1" xbr="40" ybr="9"/>'
            '<box label="road" xtl="1" ytl="1" xbr="9" ybr="9"/></image>'
        )
        (tmp_path / f"{by}.xml").write_text(f"<annotations><version>1.1</version><meta/>{image}</annotations>")
    anna, ben = tmp_path / "anna.xml", tmp_path / "ben.xml"
    corrected(anna, dataset)
    assert "cover no pixel" not in caplog.text
    corrected(ben, dataset)
    assert f"1 shapes cover no pixel, {ben}: image 'a.png' box (shape 1) first" in caplog.text
    caplog.clear()
    compare_annotators([anna, ben], tmp_path / "out", CorrectionOptions(images=dataset / "images"), progress=False)
    assert "1 shapes cover no pixel" in caplog.text


def test_shapes_of_cvat_that_overlap_on_one_layer_are_told(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    road = '<polygon label="road" points="0,0;36,0;36,24;0,24" z_order="0"/>'
    car = '<polygon label="car" points="2,2;10,2;10,8;2,8" z_order="{}"/>'
    for by, layer in (("anna", 0), ("ben", 1)):
        image = f'<image id="0" name="a.png" width="36" height="24">{road}{car.format(layer)}</image>'
        (tmp_path / f"{by}.xml").write_text(f"<annotations><version>1.1</version><meta/>{image}</annotations>")
    anna, ben = tmp_path / "anna.xml", tmp_path / "ben.xml"
    told = "1 photographs, a first, have shapes of other labels that overlap on one layer (z_order), in 48 pixels"
    corrected(ben, dataset)
    assert "overlap on one layer" not in caplog.text
    corrected(anna, dataset)
    assert told in caplog.text
    caplog.clear()
    options = CorrectionOptions(images=dataset / "images")
    compare_annotators([anna, ben], tmp_path / "out", options, progress=False)
    assert told in caplog.text
