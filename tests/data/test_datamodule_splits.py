"""Which photographs the data module finds, and in which split each is."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import DataError
from tests.helpers.datamodule import module


def test_setup_splits_the_photographs(root: Path) -> None:
    splits = module(root).splits
    assert {split: len(pairs) for split, pairs in splits.items()} == {"train": 7, "val": 2, "test": 1, "all": 10}
    held = [pair.id for split in ("train", "val", "test") for pair in splits[split]]
    assert sorted(held) == [pair.id for pair in splits["all"]]


def test_an_empty_split_is_refused_when_it_is_scored(root: Path) -> None:
    with pytest.raises(DataError) as caught:
        module(root, test_share=0.0).test_dataloader()
    assert str(caught.value) == f"the test split of {root} has no photographs: choose another split"


def test_without_validation_photographs_there_are_no_batches(root: Path) -> None:
    datamodule = module(root, val_share=0.0)
    assert datamodule.val_dataloader() == []
    assert len(datamodule.splits["train"]) == 9


def test_split_dir_without_test_file(root: Path, tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "train.txt").write_text("003\n001\n")
    (splits / "val.txt").write_text("002\n")
    datamodule = module(root, split_dir=str(splits), batch_size=2)
    assert {split: [pair.id for pair in datamodule.splits[split]] for split in ("train", "val", "test")} == {
        "train": ["003", "001"],
        "val": ["002"],
        "test": [],
    }
    assert len(datamodule.splits["all"]) == 10
    with pytest.raises(DataError, match=r"the test split of .* has no photographs"):
        datamodule.test_dataloader()


def test_given_ids_replace_the_split(root: Path) -> None:
    datamodule = SegmentationDataModule(DataConfig(root=str(root)), ids={"train": ["004"], "test": ["001", "000"]})
    datamodule.setup("fit")
    assert {split: [pair.id for pair in pairs] for split, pairs in datamodule.splits.items() if split != "all"} == {
        "train": ["004"],
        "val": [],
        "test": ["001", "000"],
    }


def test_named_folders_need_no_root(root: Path) -> None:
    datamodule = module(root / "nowhere", images=str(root / "images"), masks=str(root / "masks"))
    assert len(datamodule.splits["all"]) == 10


def test_missing_root_names_the_three_ways_to_continue(tmp_path: Path) -> None:
    root = tmp_path / "nowhere"
    with pytest.raises(DataError) as caught:
        module(root)
    text = str(caught.value)
    assert text.startswith(f"data.root={root} does not exist")
    for way in ("data=sample", "data.root=", "data.download=true"):
        assert way in text
    assert not root.exists()


def test_sample_scenes_are_rendered_and_found(tmp_path: Path) -> None:
    values = {
        "root": str(tmp_path / "sample"),
        "sample": {"count": 4, "height": 64, "width": 96, "seed": 0},
        "image_size": [32, 48],
        "batch_size": 2,
        "num_workers": 0,
    }
    datamodule = SegmentationDataModule(DataConfig.from_dict(values))
    datamodule.prepare_data()
    datamodule.setup("fit")
    assert [pair.size for pair in datamodule.splits["all"]] == [(64, 96)] * 4
    assert next(iter(datamodule.train_dataloader()))["image"].shape == (2, 3, 32, 48)
