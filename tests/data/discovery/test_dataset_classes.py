from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segdrone.classes import DRONE, ClassTable
from segdrone.data import DataConfig, open_dataset
from segdrone.data.dataset_folder import DatasetFolder
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import DataError

ROAD_ROOF = ClassTable(("road", "roof"), ((90, 90, 90), (200, 0, 0)))
KAGGLE = (*DRONE.names, "conflicting")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return dataset(tmp_path / "set")


def dataset(root: Path, images: str = "images", masks: str = "masks") -> Path:
    for folder, value in ((images, 100), (masks, 1)):
        (root / folder).mkdir(parents=True)
        shape = (6, 8, 3) if folder == images else (6, 8)
        cv2.imwrite(str(root / folder / "a.png"), np.full(shape, value, np.uint8))
    return root


def write_table(path: Path, *names: str) -> Path:
    path.write_text("name,r,g,b\n" + "".join(f"{name},{i},{i},{i}\n" for i, name in enumerate(names)))
    return path


def opened(root: Path, model: ModelClasses | None = None, **options: Any) -> DatasetFolder:
    return open_dataset(DataConfig(**{"root": str(root), **options}), model=model)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_table_in_the_root_is_used_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    table = write_table(root / "classes.csv", "soil", "crop", "weed")
    assert opened(root).table.names == ("soil", "crop", "weed")
    assert f"the classes are those of {table}: soil, crop, weed" in caplog.text
    assert not warnings(caplog)


def test_a_class_whose_name_says_no_label_is_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_table(root / "classes.csv", "No Data", "crop", "weed")
    assert opened(root).table.names == ("No Data", "crop", "weed")
    assert warnings(caplog) == [
        "the class table has No Data as a class, which is trained on and scored; if such pixels have no label, give "
        "data.class_groups={ignored: [No Data]}"
    ]
    caplog.clear()
    assert opened(root, class_groups={"ignored": ["No Data"]}).table.names == ("crop", "weed")
    assert not warnings(caplog)


def test_the_table_nearest_to_the_masks_is_used(root: Path) -> None:
    write_table(root / "classes.csv", "soil", "crop")
    write_table(root / "masks/classes.csv", "crop", "soil")
    assert opened(root).table.names == ("crop", "soil")


def test_a_table_beside_named_folders_is_used(root: Path) -> None:
    write_table(root / "classes.csv", "soil", "crop")
    named = DataConfig.from_dict({"images": str(root / "images"), "masks": str(root / "masks")})
    assert open_dataset(named).table.names == ("soil", "crop")
    masks = DataConfig.from_dict({"root": ".", "masks": str(root / "masks")})
    assert open_dataset(masks, masks_only=True).table.names == ("soil", "crop")


def test_a_given_table_wins_and_says_what_is_not_used(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = write_table(root / "classes.csv", "soil", "crop")
    other = write_table(root / "other.csv", "crop", "soil")
    assert opened(root, classes=str(other)).table.names == ("crop", "soil")
    (message,) = warnings(caplog)
    assert f"data.classes={other} is used, not {own}" in message
    caplog.clear()
    assert opened(root, classes=str(own)).table.names == ("soil", "crop")
    assert not warnings(caplog)


def test_a_given_table_decides_between_tables_that_contradict_one_another(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = write_table(root / "masks" / "class_dict.csv", "soil", "crop")
    write_table(root / "masks" / "labelmap.txt", "crop", "soil")
    with pytest.raises(DataError, match=f"say which one the masks are written for with data.classes={own}"):
        opened(root)
    assert opened(root, classes=str(own)).table.names == ("soil", "crop")
    assert f"data.classes={own} is used, not the class tables that lie with the masks" in caplog.text


def test_a_given_table_with_exchanged_colors_is_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_table(root / "classes.csv", "soil", "crop")
    other = root / "other.csv"
    other.write_text("name,r,g,b\nsoil,1,1,1\ncrop,0,0,0\n")
    opened(root, classes=str(other))
    assert "exchanged colors" in caplog.text
    caplog.clear()
    other.write_text("name,r,g,b\nsoil,7,1,1\ncrop,0,9,0\n")  # other colors for the same ids
    opened(root, classes=str(other))
    assert not warnings(caplog)


def test_classes_may_share_a_color_where_masks_hold_ids(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "classes.csv").write_text("name,r,g,b\nsoil,0,0,0\ncrop,0,0,0\nweed,0,0,0\n")
    for options in ({}, {"classes": str(root / "classes.csv")}, {"classes": opened(root).encoding.source.to_dict()}):
        dataset = opened(root, **options)
        assert dataset.table.names == ("soil", "crop", "weed")
        assert set(read_pair_mask(dataset.pairs[0], dataset.encoding).flat) == {1}
    assert not warnings(caplog)


def test_masks_without_a_table_are_read_as_the_drone_classes_with_a_warning(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(root).table == DRONE
    (message,) = warnings(caplog)
    assert "has no class table" in message and "data.classes=FILE.csv" in message
    caplog.clear()
    assert opened(dataset(tmp_path / "drone", "original_images", "label_images_semantic")).table == DRONE
    assert opened(root, classes="drone").table == DRONE
    assert not warnings(caplog)


def test_the_table_of_kaggle_is_the_drone_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = dataset(tmp_path / "drone", "original_images", "label_images_semantic")
    write_table(root / "class_dict_seg.csv", *KAGGLE)
    assert opened(root).table == DRONE
    assert not warnings(caplog)


def test_things_are_added_to_the_table_of_kaggle(tmp_path: Path) -> None:
    root = dataset(tmp_path / "drone", "original_images", "label_images_semantic")
    rows = [f"{name},{i},{i},{i},{int(name in ('tree', 'conflicting'))}" for i, name in enumerate(KAGGLE)]
    (root / "class_dict_seg.csv").write_text("\n".join(["name,r,g,b,thing", *rows]))
    table = opened(root).table
    assert table.names == DRONE.names
    assert table.things == ("tree",)


def test_things_are_added_to_the_table_after_the_training(root: Path) -> None:
    (root / "classes.csv").write_text("name,r,g,b,thing\nroad,90,90,90,0\nroof,200,0,0,1\n")
    assert opened(root, classes=ROAD_ROOF.to_dict()).table.things == ("roof",)  # as a checkpoint says them
    write_table(root / "classes.csv", *ROAD_ROOF.names)
    assert opened(root, classes=replace(ROAD_ROOF, things=("road",)).to_dict()).table.things == ("road",)


def test_the_masks_of_another_folder_become_the_classes_of_the_model(root: Path) -> None:
    write_table(root / "classes.csv", "roof", "road")
    dataset = opened(root, ModelClasses(ROAD_ROOF, None, ROAD_ROOF))
    assert dataset.table == ROAD_ROOF
    assert (read_pair_mask(dataset.pairs[0], dataset.encoding) == ROAD_ROOF.names.index("road")).all()


def test_the_masks_are_merged_as_the_model_merges_them(root: Path) -> None:
    merged = ClassTable(("built", "grass"), ((1, 1, 1), (2, 2, 2)))
    model = ModelClasses(merged, {"built": ["road", "roof"]}, None)
    write_table(root / "classes.csv", "grass", "roof")
    dataset = opened(root, model)
    assert (read_pair_mask(dataset.pairs[0], dataset.encoding) == 0).all()
    write_table(root / "classes.csv", "built", "grass")  # merged before
    dataset = opened(root, model)
    assert (read_pair_mask(dataset.pairs[0], dataset.encoding) == 1).all()


def test_classes_that_the_model_lacks_are_refused_unless_they_are_ignored(root: Path) -> None:
    own, model = write_table(root / "classes.csv", "road", "pool"), ModelClasses(ROAD_ROOF, None, ROAD_ROOF)
    with pytest.raises(DataError) as caught:
        opened(root, model)
    for part in ("road, pool", "those of the checkpoint are road, roof", "lack pool", str(own), "ignored: [CLASS]"):
        assert part in str(caught.value)
    dataset = opened(root, model, class_groups={"ignored": ["pool"]})
    assert dataset.table == ROAD_ROOF
    assert (read_pair_mask(dataset.pairs[0], dataset.encoding) == 255).all()


def test_masks_without_a_table_are_read_as_those_of_the_training(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = ModelClasses(ROAD_ROOF, None, ClassTable(("roof", "road"), ROAD_ROOF.colours))
    dataset = opened(root, model)
    assert (read_pair_mask(dataset.pairs[0], dataset.encoding) == 0).all()
    (message,) = warnings(caplog)
    assert "its ids are read as those of the checkpoint (roof, road)" in message


def test_a_table_that_has_changed_since_the_training_is_not_passed_over(root: Path) -> None:
    own = write_table(root / "classes.csv", "roof", "road")
    trained = ROAD_ROOF.to_dict()
    with pytest.raises(DataError, match="gives the ids to roof, road, in training they were road, roof: say which"):
        opened(root, ModelClasses(ROAD_ROOF, None, ROAD_ROOF), classes=trained)
    write_table(own, "road", "roof")
    assert opened(root, ModelClasses(ROAD_ROOF, None, ROAD_ROOF), classes=trained).table == ROAD_ROOF
