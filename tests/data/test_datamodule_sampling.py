"""Tiles and crops of each split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader

from tests.helpers.datamodule import SIZE, epochs, module, same


def test_crops_differ_in_each_epoch_and_validation_is_a_fixed_grid(root: Path, tmp_path: Path) -> None:
    crops = {"sampling": "crops", "crop_size": (6, 8), "samples_per_image": 3, "cache": "none"}
    datamodule = module(root, **crops)
    train = datamodule.train_dataloader()
    first, second = epochs(train)
    assert sum(len(batch["id"]) for batch in first) == 7 * 3
    assert all(batch["image"].shape[2:] == (6, 8) for batch in first)
    assert not same(first, second)
    loader = datamodule.val_dataloader()
    assert isinstance(loader, DataLoader)
    assert len(loader.dataset) == 2 * 2 * 3
    assert same(*epochs(loader))


def test_tiles_without_a_label_are_left_out_of_training_but_not_of_test_samples(root: Path) -> None:
    for path in (root / "masks").iterdir():
        mask = np.full(SIZE, 255, np.uint8)
        mask[:4, 3] = 1
        Image.fromarray(mask).save(path)
    datamodule = module(root, sampling="tiles", tile_size=(8, 10), cache="none")
    assert len(datamodule.fit_dataset("train")) == 7  # each has four tiles, which begin in rows 0, 4 and columns 0, 8
    assert len(datamodule.test_dataset("train")) == 7 * 4


def test_tiles_have_the_tile_size_in_every_split(root: Path) -> None:
    datamodule = module(root, sampling="tiles", tile_size=(8, 10))
    assert len(datamodule.fit_dataset("train")) == 7 * 4
    for loader in (datamodule.train_dataloader(), datamodule.test_dataloader()):
        assert next(iter(loader))["image"].shape[2:] == (8, 10)


def test_scored_tiles_count_every_pixel_once(root: Path) -> None:
    datamodule = module(root, sampling="tiles", tile_size=(8, 10))
    for dataset, photographs in ((datamodule.fit_dataset("val"), 2), (datamodule.test_dataset("train"), 7)):
        labeled = sum(int((dataset[i]["mask"] != 255).sum()) for i in range(len(dataset)))
        assert labeled == photographs * SIZE[0] * SIZE[1]
    train = datamodule.fit_dataset("train")
    assert all((train[i]["mask"] != 255).all() for i in range(len(train)))
