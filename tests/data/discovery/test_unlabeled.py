"""Folders of photographs of which some or none have masks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.classes import DRONE
from segdrone.data import DataConfig, DatasetFolder, SegmentationDataModule, open_dataset
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.discovery.unlabeled import find_unlabeled
from segdrone.errors import DataError
from tests.helpers.dataset_folders import write_dataset, write_mask, write_photograph

MODEL = ModelClasses(DRONE, None, DRONE)


def opened(root: Path, **options: Any) -> DatasetFolder:
    return open_dataset(DataConfig(root=str(root), unlabeled=True, **options), model=MODEL)


def names(dataset: DatasetFolder) -> dict[str, list[str]]:
    return {split: [pair.id for pair in pairs] for split, pairs in dataset.splits.items()}


@pytest.mark.parametrize("folder", ["", "images", "flight 1/jpg"])
def test_a_folder_without_masks_trains(tmp_path: Path, folder: str, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("b.jpg", "a.jpg"):
        write_photograph(tmp_path / folder / name)
    dataset = opened(tmp_path)
    assert names(dataset) == {"train": ["a", "b"], "val": [], "test": [], "all": ["a", "b"]}
    assert all(pair.mask is None for pair in dataset.splits["all"])
    assert dataset.table == DRONE
    assert "class table" not in caplog.text


def test_photographs_with_a_mask_only_score(tmp_path: Path) -> None:
    labeled = [f"{i:02d}" for i in range(10)]
    root = write_dataset(tmp_path / "a", [f"{name}.jpg" for name in labeled], [f"{name}.png" for name in labeled])
    for name in ("x", "y"):
        write_photograph(root / "images" / f"{name}.jpg")
    dataset = opened(root, test_share=0.2)
    split = names(dataset)
    assert split["train"] == ["x", "y"]
    assert sorted(split["val"] + split["test"]) == labeled and len(split["test"]) == 2
    assert all(pair.mask is not None for name in ("val", "test") for pair in dataset.splits[name])


def test_photographs_with_a_mask_in_no_list_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labeled = [f"{i:02d}" for i in range(6)]
    root = write_dataset(tmp_path / "a", [f"{name}.jpg" for name in labeled], [f"{name}.png" for name in labeled])
    write_photograph(root / "images" / "x.jpg")
    (root / "val.txt").write_text("00\n01\n02\n")
    (root / "test.txt").write_text("03\n04\n")
    split = {"train": ["x"], "val": ["00", "01", "02"], "test": ["03", "04"]}
    assert names(opened(root)) == {**split, "all": ["00", "01", "02", "03", "04", "x"]}
    assert "photographs in no list: images/05.jpg" in caplog.text


def test_masks_of_the_train_split_are_not_used(tmp_path: Path) -> None:
    labeled = [f"{i:02d}" for i in range(10)]
    root = write_dataset(tmp_path / "a", [f"{name}.jpg" for name in labeled], [f"{name}.png" for name in labeled])
    datamodule = SegmentationDataModule(
        DataConfig(root=str(root), unlabeled=True, image_size=(6, 9), num_workers=0, cache="memory"), model=MODEL
    )
    datamodule.setup()
    assert [len(datamodule.splits[name]) for name in ("train", "val", "test")] == [7, 2, 1]
    train, val = (datamodule.fit_dataset(name) for name in ("train", "val"))
    assert np.unique(train.read(train.samples[0])[1]).tolist() == [len(DRONE)]  # an id that no class has
    assert np.unique(val.read(val.samples[0])[1]).tolist() == [3]
    with pytest.raises(DataError, match="has no mask: it can be predicted"):
        scored = datamodule.test_dataset("train")
        scored.read(scored.samples[0])


def test_lists_say_the_split(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "a", ["a.jpg", "b.jpg", "c.jpg"], ["a.png"])
    for split, name in (("train", "b\nc"), ("val", "a")):
        (tmp_path / f"{split}.txt").write_text(name)
    assert names(opened(root, split_dir=str(tmp_path)))["val"] == ["a"]
    (tmp_path / "val.txt").write_text("a\nb")
    (tmp_path / "train.txt").write_text("c")
    with pytest.raises(DataError, match="1 photographs .* have no mask to score with, b first: list them"):
        names(opened(root, split_dir=str(tmp_path)))


def test_a_folder_of_photographs_can_be_named(tmp_path: Path) -> None:
    write_photograph(tmp_path / "rgb" / "a.jpg")
    write_mask(tmp_path / "odd" / "a.png")
    files = find_unlabeled(tmp_path, "rgb")
    assert [*files.photographs] == [tmp_path / "rgb" / "a.jpg"] and files.given == (str(tmp_path / "rgb"), "")


def test_images_that_may_be_masks_are_refused(tmp_path: Path) -> None:
    for name in "abcde":
        write_photograph(tmp_path / f"{name}.jpg")
    write_mask(tmp_path / "a_mask.png")
    with pytest.raises(DataError, match=r"a_mask\.png in .* has the name of a mask .* data\.masks=PATTERN"):
        find_unlabeled(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpeg", "b.jpg"):
        write_photograph(tmp_path / name)
    with pytest.raises(DataError, match=r"b\.jpeg and .*b\.jpg have the same name: rename or remove one of them"):
        names(opened(tmp_path))


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(str(tmp_path))):
        find_unlabeled(tmp_path)
    with pytest.raises(DataError, match="nowhere does not exist"):
        find_unlabeled(tmp_path / "nowhere")


def test_a_broken_photograph_and_other_classes_are_refused(tmp_path: Path) -> None:
    write_photograph(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"b\.jpg"):
        names(opened(tmp_path))
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "classes.csv").write_text("name,r,g,b\nlava,255,0,0\n")
    with pytest.raises(DataError, match="lava"):
        opened(tmp_path)
