"""Instance maps move with their pixels through everything that training does to a photograph."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import DataError
from tests.helpers.commands import REPO
from tests.helpers.small_dataset import NAMES, photograph

AUGMENTS = sorted(path.stem for path in (REPO / "conf" / "augment").glob("*.yaml"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs in which the number of a thing is 300 times its class id: what is torn apart shows."""
    folder = tmp_path_factory.mktemp("numbered")
    for name in ("images", "masks", "instances"):
        (folder / name).mkdir()
    rows = "".join(f"class {i},{i},0,9\n" for i in range(200))
    (folder / "classes.csv").write_text("name,r,g,b\n" + rows)
    for seed, name in enumerate(NAMES):
        mask = np.random.default_rng(seed).integers(0, 200, (8, 12)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(photograph(seed)).save(folder / "images" / f"{name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        Image.fromarray(mask.astype(np.uint16) * 300).save(folder / "instances" / f"{name}.png")
    return folder


def read_augment(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((REPO / "conf" / "augment" / f"{name}.yaml").read_text()))


def datamodule(root: Path, augment: Mapping[str, Any] | None = None, **options: Any) -> SegmentationDataModule:
    values: dict[str, Any] = {"image_size": (64, 96), "batch_size": 4, "num_workers": 0, "cache": "none", **options}
    module = SegmentationDataModule(DataConfig(root=str(root), **values), augment, instances=True)
    module.setup()
    return module


@pytest.mark.parametrize("augment", AUGMENTS)
@pytest.mark.parametrize("options", [{}, {"sampling": "crops", "crop_size": (48, 70)}, {"image_size": (90, 130)}])
def test_every_augmentation_moves_numbers_with_their_pixels(augment: str, options: dict[str, Any], root: Path) -> None:
    """A class of one photograph has one number everywhere, and so has a class of each part of a mosaic."""
    combines = augment in ("combined", "copy_paste")
    seen = 0
    for batch in datamodule(root, read_augment(augment), **options).train_dataloader():
        assert batch["instances"].dtype.is_signed and batch["instances"].shape == batch["mask"].shape
        for mask, instances in zip(batch["mask"].numpy(), batch["instances"].numpy(), strict=True):
            known = (mask < 200) & (mask > 0)
            pairs = {*zip(mask[known].tolist(), instances[known].tolist(), strict=True)}
            assert all(number > 0 for _, number in pairs)
            assert len({number for _, number in pairs}) == len(pairs)  # no number has two classes
            assert len({class_id for class_id, _ in pairs}) == len(pairs) or combines
            if not combines:
                assert all(number == 300 * class_id for class_id, number in pairs)
            seen += len(pairs)
    assert seen > 50


@pytest.mark.parametrize("kind", ["mosaic", "cutmix"])
def test_things_of_different_photographs_are_different(kind: str, root: Path) -> None:
    """The same class of two photographs has two numbers; within 8 pixels there is one thing."""
    module = datamodule(root, {"combine": {kind: 1.0}})
    several = 0
    for batch in module.train_dataloader():
        for mask, instances in zip(batch["mask"].numpy(), batch["instances"].numpy(), strict=True):
            for class_id in np.unique(mask[mask > 0]):
                several += len(np.unique(instances[mask == class_id])) > 1
    assert several > 3


def test_workers_hand_numbers_over(root: Path) -> None:
    here, there = (
        [
            batch["instances"].clone()
            for batch in datamodule(root, read_augment("strong"), num_workers=n).train_dataloader()
        ]
        for n in (0, 2)
    )
    assert all((a == b).all() for a, b in zip(here, there, strict=True))
    assert max(int(numbers.max()) for numbers in there) > 255


@pytest.mark.parametrize("cache", ["disk", "memory"])
def test_numbers_are_the_same_through_a_cache(cache: str, root: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"cache": cache, "cache_dir": str(tmp_path), "image_size": (50, 70)}
    module = datamodule(root, **options)
    for _ in range(2):
        plain, cached = (
            [batch["instances"] for batch in each.val_dataloader()]
            for each in (datamodule(root, image_size=(50, 70)), module)
        )
        assert all((a == b).all() for a, b in zip(plain, cached, strict=True))


def test_without_instance_maps_nothing_can_be_told_apart(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set", ignore=shutil.ignore_patterns("instances"))
    with pytest.raises(
        DataError, match=r"has no instance maps.*data import --instances.*data=sample_crowded"
    ) as caught:
        datamodule(tmp_path / "set")
    assert "\n" not in str(caught.value)


def test_a_map_of_another_size_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    for file in (tmp_path / "set" / "instances").iterdir():
        Image.fromarray(np.ones((64, 95), np.uint16)).save(file)
    with pytest.raises(DataError, match="is 95 x 64 pixels, and its mask 96 x 64"):
        list(datamodule(tmp_path / "set").train_dataloader())


def test_things_of_merged_classes_stay_apart_in_training(root: Path, tmp_path: Path) -> None:
    """Both things have the number 7 in the files."""
    same = tmp_path / "same"
    shutil.copytree(root, same)
    for name in NAMES:
        mask = np.full((64, 96), 9, np.uint8)
        mask[10:20, 10:20], mask[40:50, 60:70] = 1, 2
        Image.fromarray(mask).save(same / "masks" / f"{name}.png")
        Image.fromarray(np.where(mask < 9, 7, 0).astype(np.uint16)).save(same / "instances" / f"{name}.png")
    module = datamodule(same, class_groups={"both": ["class 1", "class 2"]})
    batch = next(iter(module.train_dataloader()))
    assert all(sorted(np.unique(numbers)) == [0, 1, 7] for numbers in batch["instances"].numpy())
