"""Batches of the data module: their content, and what they depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, default_collate

from segdrone.data import DataConfig, DroneDataModule, SegmentationDataModule
from segdrone.data.sampler import SampleIndex
from segdrone.errors import ConfigError, DataError
from tests.helpers.datamodule import AUGMENT, SIZE, epochs, error_text, module, same


@pytest.mark.parametrize(("split", "size"), [("train", (8, 12)), ("val", (8, 12)), ("test", (10, 14))])
def test_batches_have_the_documented_keys_types_and_shapes(root: Path, split: str, size: tuple[int, int]) -> None:
    datamodule = module(root)
    loader = getattr(datamodule, f"{split}_dataloader")()
    batches = list(loader)
    assert sum(len(batch["id"]) for batch in batches) == len(datamodule.splits[split])
    for batch in batches:
        count = len(batch["id"])
        assert set(batch) == {"image", "mask", "id"}
        assert (batch["image"].dtype, batch["mask"].dtype) == (torch.float32, torch.int64)
        assert batch["image"].shape == (count, 3, *size)
        assert batch["mask"].shape == (count, *size)
        assert all(isinstance(name, str) for name in batch["id"])


def test_normalization_is_that_of_the_config_or_imagenet(root: Path) -> None:
    plain = module(root, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    image = next(iter(plain.test_dataloader()))["image"]
    assert 0 <= image.min() < image.max() <= 1
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    usual = next(iter(module(root).test_dataloader()))["image"]
    torch.testing.assert_close(usual, (image - mean) / std, atol=1e-5, rtol=1e-5)


SAMPLINGS: list[dict[str, Any]] = [
    {"sampling": "whole", "cache": "disk"},
    {"sampling": "whole", "cache": "memory", "interpolation": "nearest"},
    {"sampling": "tiles", "cache": "none", "tile_size": (8, 8)},
    {"sampling": "crops", "cache": "disk", "crop_size": (6, 8), "samples_per_image": 2, "rare_share": 0.5},
    {
        "sampling": "crops",
        "cache": "memory",
        "crop_size": (6, 8),
        "scale": 0.75,
        "rare_share": 0.5,
        "rare_classes": ("dog",),
    },
]


@pytest.mark.parametrize("changes", SAMPLINGS, ids=lambda changes: f"{changes['sampling']}-{changes['cache']}")
def test_batches_do_not_depend_on_the_number_of_workers(root: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    augment = {**AUGMENT, "combine": {"mosaic": 0.3, "cutmix": 0.3}}
    runs = []
    for workers in (0, 1, 4):
        config = DataConfig(
            root=str(root), image_size=(8, 12), num_workers=workers, cache_dir=str(tmp_path / "cache"), **changes
        )
        datamodule = SegmentationDataModule(config, augment)
        datamodule.setup("fit")
        runs.append(epochs(datamodule.train_dataloader()))
    for run in runs[1:]:
        assert all(same(one, other) for one, other in zip(runs[0], run, strict=True))
    assert not same(*runs[0])


@pytest.mark.parametrize("changes", SAMPLINGS, ids=lambda changes: f"{changes['sampling']}-{changes['cache']}")
def test_a_batch_equals_its_samples(root: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    dataset = module(root, cache_dir=str(tmp_path / "cache"), **changes).fit_dataset("train")
    draws = [SampleIndex(index, 7 * index) for index in (3, 0, 5)]
    batch = dataset.pipeline.finish(default_collate(dataset.__getitems__(draws)))
    for position, draw in enumerate(draws):
        sample = dataset[draw]
        assert batch["id"][position] == sample["id"]
        for key in ("image", "mask"):
            assert torch.equal(batch[key][position], sample[key])


def test_workers_depend_on_the_machine(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = module(root, num_workers=None).train_dataloader()
    assert (loader.num_workers, loader.pin_memory) == (0, False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    loader = module(root, num_workers=None).train_dataloader()
    assert 1 <= loader.num_workers <= 8
    assert (loader.persistent_workers, loader.prefetch_factor, loader.pin_memory) == (True, 2, True)
    changes = {"persistent_workers": False, "prefetch_factor": 5, "pin_memory": False}
    loader = module(root, num_workers=3, **changes).train_dataloader()
    assert (loader.num_workers, loader.persistent_workers, loader.prefetch_factor) == (3, False, 5)
    assert loader.pin_memory is False


def test_batches_depend_on_the_seed_and_0_is_a_seed(root: Path) -> None:
    zero, again, one = (epochs(module(root, seed=seed).train_dataloader(), 1)[0] for seed in (0, 0, 1))
    assert same(zero, again)
    assert not same(zero, one)


def test_validation_is_not_shuffled_and_the_same_in_every_epoch(root: Path) -> None:
    datamodule = module(root)
    loader = datamodule.val_dataloader()
    assert isinstance(loader, DataLoader)
    first, second = epochs(loader)
    assert same(first, second)
    assert [name for batch in first for name in batch["id"]] == [pair.id for pair in datamodule.splits["val"]]


def test_test_photographs_are_not_augmented(root: Path) -> None:
    datamodule = module(root, test_image_size=SIZE)
    for batch in datamodule.test_dataloader("train"):
        for name, mask in zip(batch["id"], batch["mask"], strict=True):
            np.testing.assert_array_equal(mask, np.array(Image.open(root / "masks" / f"{name}.png")))


def test_a_batch_larger_than_the_training_split_is_refused(root: Path) -> None:
    assert error_text(root, batch_size=8) == "data.batch_size=8 is larger than the 7 training samples: lower it"
    assert len(module(root, batch_size=7).train_dataloader()) == 1


def test_the_last_smaller_batch_is_kept(root: Path) -> None:
    assert [len(batch["id"]) for batch in module(root, batch_size=3).train_dataloader()] == [3, 3, 1]


def test_the_class_table_is_read_from_the_config(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "classes.csv"
    table.write_text("name,r,g,b\na,0,0,0\nb,1,1,1\n")
    datamodule = module(root, classes=str(table))
    assert datamodule.table.names == ("a", "b")
    with pytest.raises(DataError, match="not in the class table of 2 classes"):
        next(iter(datamodule.train_dataloader()))


def test_an_unknown_transform_is_refused_at_once(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"augment\.val\[0\]: Flop is not a transform"):
        SegmentationDataModule(DataConfig(root=str(root)), augment={"train": [], "val": [{"transform": "Flop"}]})


def test_the_former_name_is_an_alias() -> None:
    assert DroneDataModule is SegmentationDataModule
