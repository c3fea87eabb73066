from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, default_collate

from segdrone.data import DataConfig, DroneDataModule
from segdrone.data.sampler import Draw
from segdrone.errors import ConfigError, DataError

AUGMENT = {
    "train": [
        {"transform": "HorizontalFlip", "p": 0.5},
        {"transform": "GaussNoise", "p": 0.5, "std_range": [0.05, 0.1]},
    ]
}
SIZE = (12, 18)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return photographs(tmp_path / "root", 10)


def photographs(root: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(root / "images" / f"{i:03d}.png")
        Image.fromarray(rng.integers(0, 23, SIZE, dtype=np.uint8)).save(root / "masks" / f"{i:03d}.png")
    return root


def module(root: Path, stage: str = "fit", **changes: Any) -> DroneDataModule:
    seed = changes.pop("seed", 42)
    values = {"image_size": (8, 12), "test_image_size": (10, 14), "num_workers": 0, **changes}
    datamodule = DroneDataModule(DataConfig(root=str(root), **values), augment=AUGMENT, seed=seed)
    datamodule.prepare_data()
    datamodule.setup(stage)
    return datamodule


def epochs(loader: DataLoader[dict[str, Any]], count: int = 2) -> list[list[dict[str, Any]]]:
    batches = []
    for epoch in range(count):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        batches.append(list(loader))
    return batches


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return len(one) == len(other) and all(
        a["id"] == b["id"] and torch.equal(a["image"], b["image"]) and torch.equal(a["mask"], b["mask"])
        for a, b in zip(one, other, strict=True)
    )


def refusal(root: Path, **changes: Any) -> str:
    with pytest.raises(DataError) as caught:
        module(root, **changes).train_dataloader()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_setup_splits_the_photographs(root: Path) -> None:
    splits = module(root).splits
    assert {split: len(pairs) for split, pairs in splits.items()} == {"train": 7, "val": 2, "test": 1, "all": 10}
    held = [pair.id for split in ("train", "val", "test") for pair in splits[split]]
    assert sorted(held) == [pair.id for pair in splits["all"]]


@pytest.mark.parametrize(("split", "size"), [("train", (8, 12)), ("val", (8, 12)), ("test", (10, 14))])
def test_batches_are_as_the_contract_says(root: Path, split: str, size: tuple[int, int]) -> None:
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


def test_normalisation_is_the_configs_or_imagenets(root: Path) -> None:
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
    combined = {**AUGMENT, "combine": {"mosaic": 0.3, "cutmix": 0.3}}
    runs = []
    for workers in (0, 1, 4):
        config = DataConfig(
            root=str(root), image_size=(8, 12), num_workers=workers, cache_dir=str(tmp_path / "cache"), **changes
        )
        datamodule = DroneDataModule(config, combined)
        datamodule.setup("fit")
        runs.append(epochs(datamodule.train_dataloader()))
    for run in runs[1:]:
        assert all(same(one, other) for one, other in zip(runs[0], run, strict=True))
    assert not same(*runs[0])


@pytest.mark.parametrize("changes", SAMPLINGS, ids=lambda changes: f"{changes['sampling']}-{changes['cache']}")
def test_a_batch_is_its_samples(root: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    dataset = module(root, cache_dir=str(tmp_path / "cache"), **changes).fit_dataset("train")
    draws = [Draw(place, 7 * place) for place in (3, 0, 5)]
    batch = dataset.pipeline.finish(default_collate(dataset.__getitems__(draws)))
    for place, draw in enumerate(draws):
        sample = dataset[draw]
        assert batch["id"][place] == sample["id"]
        for key in ("image", "mask"):
            assert torch.equal(batch[key][place], sample[key])


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
def test_what_is_kept_does_not_change_a_pixel(root: Path, tmp_path: Path, interpolation: str) -> None:
    runs = [
        list(module(root, cache=cache, cache_dir=str(tmp_path), interpolation=interpolation).train_dataloader())
        for cache in ("none", "memory", "disk", "disk")
    ]
    assert all(same(runs[0], run) for run in runs[1:])


def files(cache: Path) -> int:
    return len(list(cache.glob("*.pixels")))


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, 18),  # 7 + 2 photographs and their masks
        ({"image_size": SIZE}, 0),  # nothing to save by resizing
        ({"image_size": SIZE, "cache": "disk"}, 18),
        ({"cache": "none"}, 0),
        ({"sampling": "crops", "crop_size": (6, 8)}, 18),
        ({"sampling": "tiles", "tile_size": (32, 32)}, 0),
    ],
)
def test_photographs_larger_than_what_training_uses_are_kept_on_disk(
    root: Path, tmp_path: Path, changes: dict[str, Any], kept: int
) -> None:
    datamodule = module(root, cache_dir=str(tmp_path / "cache"), **changes)
    for loader in (datamodule.train_dataloader(), datamodule.val_dataloader()):
        list(loader)
    list(datamodule.test_dataloader())
    assert files(tmp_path / "cache") == kept


def test_runs_of_other_classes_share_what_is_kept(root: Path, tmp_path: Path) -> None:
    for groups in (None, "drone12", "landing_zone"):
        datamodule = module(root, cache_dir=str(tmp_path / "cache"), class_groups=groups)
        batches = list(datamodule.train_dataloader())
        assert max(int(batch["mask"][batch["mask"] != 255].max()) for batch in batches) == len(datamodule.table) - 1
    assert files(tmp_path / "cache") == 14


def test_crops_are_drawn_anew_each_epoch_and_validation_is_a_fixed_grid(root: Path, tmp_path: Path) -> None:
    crops = {"sampling": "crops", "crop_size": (6, 8), "samples_per_image": 3, "cache": "none"}
    datamodule = module(root, **crops)
    train = datamodule.train_dataloader()
    first, second = epochs(train)
    assert sum(len(batch["id"]) for batch in first) == 7 * 3
    assert all(batch["image"].shape[2:] == (6, 8) for batch in first)
    assert not same(first, second)
    loader = datamodule.val_dataloader()
    assert isinstance(loader, DataLoader)
    assert len(loader.dataset) == 2 * 2 * 3  # type: ignore[arg-type]
    assert same(*epochs(loader))


def test_tiles_without_a_label_are_left_out_of_training_and_stay_in_pictures(root: Path) -> None:
    for path in (root / "masks").iterdir():
        mask = np.full(SIZE, 255, np.uint8)
        mask[:4, 3] = 1
        Image.fromarray(mask).save(path)
    datamodule = module(root, sampling="tiles", tile_size=(8, 10), cache="none")
    assert len(datamodule.fit_dataset("train")) == 7  # each has four tiles, that begin in rows 0, 4 and columns 0, 8
    assert len(datamodule.test_dataset("train")) == 7 * 4


def test_a_cache_without_room_or_right_is_refused_before_training(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = refusal(root, cache_dir=str(tmp_path / "file"))
    assert "file cannot be written" in text
    assert "data.cache=none" in text


def test_machine_chooses_the_workers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_seeds_differ_and_0_is_one(root: Path) -> None:
    zero, again, one = (epochs(module(root, seed=seed).train_dataloader(), 1)[0] for seed in (0, 0, 1))
    assert same(zero, again)
    assert not same(zero, one)


def test_validation_is_not_shuffled_and_alike_every_epoch(root: Path) -> None:
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


def test_tiles_are_of_tile_size_in_every_split(root: Path) -> None:
    datamodule = module(root, sampling="tiles", tile_size=(8, 10))
    assert len(datamodule.fit_dataset("train")) == 7 * 4
    for loader in (datamodule.train_dataloader(), datamodule.test_dataloader()):
        assert next(iter(loader))["image"].shape[2:] == (8, 10)


def test_scored_tiles_count_every_pixel_once(root: Path) -> None:
    datamodule = module(root, sampling="tiles", tile_size=(8, 10))
    for dataset, photographs in ((datamodule.fit_dataset("val"), 2), (datamodule.test_dataset("train"), 7)):
        labelled = sum(int((dataset[place]["mask"] != 255).sum()) for place in range(len(dataset)))
        assert labelled == photographs * SIZE[0] * SIZE[1]
    train = datamodule.fit_dataset("train")
    assert all((train[place]["mask"] != 255).all() for place in range(len(train)))


def test_batch_larger_than_the_training_split_is_refused(root: Path) -> None:
    assert refusal(root, batch_size=8) == "data.batch_size=8 is larger than the 7 training samples: lower it"
    assert len(module(root, batch_size=7).train_dataloader()) == 1


def test_last_batch_is_kept(root: Path) -> None:
    assert [len(batch["id"]) for batch in module(root, batch_size=3).train_dataloader()] == [3, 3, 1]


def test_empty_split_is_refused_when_it_is_scored(root: Path) -> None:
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
    datamodule = DroneDataModule(DataConfig(root=str(root)), ids={"train": ["004"], "test": ["001", "000"]})
    datamodule.setup("fit")
    assert {split: [pair.id for pair in pairs] for split, pairs in datamodule.splits.items() if split != "all"} == {
        "train": ["004"],
        "val": [],
        "test": ["001", "000"],
    }


@pytest.mark.parametrize("folder", ["original_images", ""])
def test_prediction_needs_no_masks(tmp_path: Path, folder: str) -> None:
    photographs(tmp_path / "made", 3)
    root = tmp_path / "root"
    (root / folder).parent.mkdir(exist_ok=True)
    (tmp_path / "made" / "images").rename(root / folder)
    datamodule = module(root, "predict", batch_size=2)
    batches = list(datamodule.predict_dataloader())
    assert [name for batch in batches for name in batch["id"]] == ["000", "001", "002"]
    assert set(batches[0]) == {"image", "id"}
    assert batches[0]["image"].shape == (2, 3, 10, 14)


def test_named_folders_need_no_root(root: Path) -> None:
    datamodule = module(root / "nowhere", images=str(root / "images"), masks=str(root / "masks"))
    assert len(datamodule.splits["all"]) == 10


def test_missing_root_names_the_three_ways_on(tmp_path: Path) -> None:
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
    datamodule = DroneDataModule(DataConfig.from_dict(values))
    datamodule.prepare_data()
    datamodule.setup("fit")
    assert [pair.size for pair in datamodule.splits["all"]] == [(64, 96)] * 4
    assert next(iter(datamodule.train_dataloader()))["image"].shape == (2, 3, 32, 48)


def test_class_table_is_read_from_the_config(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "classes.csv"
    table.write_text("name,r,g,b\na,0,0,0\nb,1,1,1\n")
    datamodule = module(root, classes=str(table))
    assert datamodule.table.names == ("a", "b")
    with pytest.raises(DataError, match="not in the class table of 2 classes"):
        next(iter(datamodule.train_dataloader()))


def test_unknown_transform_is_refused_at_once(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"augment\.val\[0\]: Flop is no transform"):
        DroneDataModule(DataConfig(root=str(root)), augment={"train": [], "val": [{"transform": "Flop"}]})
