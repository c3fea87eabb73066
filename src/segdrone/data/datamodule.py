"""Lightning's door to the photographs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch.utils.data import DataLoader

from segdrone.classes import ClassTable
from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.config import DataConfig
from segdrone.data.dataset import SegmentationDataset
from segdrone.data.layout import Pair, find_folders, find_image_folder, find_pairs, find_photographs
from segdrone.data.sampler import EpochSampler
from segdrone.data.source import bring
from segdrone.data.split import SPLITS, random_split, read_split
from segdrone.errors import DataError
from segdrone.windows import Size

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Steps = Sequence[Mapping[str, Any]]


class DroneDataModule(L.LightningDataModule):
    """Photographs and masks as batches: found, paired, checked, split, cut and augmented.

    A batch is a dict: `image` float32 `[B, 3, H, W]` normalised, `mask` int64 `[B, H, W]` with the
    class table's ids and its ignored id, `id` a list of the photographs' names. Batches to predict
    have no `mask`.

    Args:
        config: Which photographs, how split, and what the network sees of them.
        augment: Lists of albumentations transforms under `train` and `val`; none by default.
        ids: Names of the photographs of `train`, `val`, `test`, instead of the split that `config` asks for.
        table: The classes, instead of the table that `config` names.
        seed: Seed of order and augmentation.

    Attributes:
        table: The classes.
        splits: After `setup`, the pairs of `train`, `val`, `test` and `all`.

    Raises:
        DataError: The class table cannot be read.
        ConfigError: A transform of `augment` is unknown.
    """

    def __init__(
        self,
        config: DataConfig,
        augment: Mapping[str, Steps] | None = None,
        ids: Mapping[str, Sequence[str]] | None = None,
        table: ClassTable | None = None,
        seed: int = 42,
    ) -> None:
        super().__init__()
        self.config, self.ids, self.seed = config, ids, seed
        self.table = table or ClassTable.load(config.classes)
        self.mean, self.std = config.mean or IMAGENET_MEAN, config.std or IMAGENET_STD
        self.splits: dict[str, list[Pair]] = {}
        self._transforms = {
            split: build_transforms((augment or {}).get(split) or [], f"augment.{split}") for split in ("train", "val")
        }

    def prepare_data(self) -> None:
        """Renders or downloads what is not there yet.

        Raises:
            DataError: The dataset's folder is missing and no way to fill it was chosen.
        """
        bring(self.config)

    def setup(self, stage: str | None = None) -> None:
        """Finds, pairs, checks and splits the photographs; reads file headers only.

        Args:
            stage: `fit`, `validate`, `test`, `predict`; to predict, masks need not be there.

        Raises:
            DataError: Anything that `find_folders`, `find_pairs`, `read_split` or `random_split` refuse.
        """
        config = self.config
        if stage == "predict":
            self.splits["predict"] = find_photographs(find_image_folder(Path(config.root), config.images))
        elif "all" not in self.splits:
            folders = find_folders(Path(config.root), config.images, config.masks)
            pairs = {pair.id: pair for pair in find_pairs(*folders, allow_unpaired=config.allow_unpaired)}
            ids = self.ids if self.ids is not None else self._split(list(pairs))
            missing = [name for split in SPLITS for name in ids.get(split, []) if name not in pairs]
            if missing:
                raise DataError(
                    f"{len(missing)} photographs of the split, {missing[0]} first, are not in data.root={config.root}: "
                    "use everything there with split=all, or give data.split_dir=FOLDER"
                )
            self.splits |= {split: [pairs[name] for name in ids.get(split, [])] for split in SPLITS}
            self.splits["all"] = list(pairs.values())

    def _split(self, ids: list[str]) -> dict[str, list[str]]:
        config = self.config
        if config.split_dir is not None:
            return read_split(Path(config.split_dir), ids)
        return random_split(ids, test=config.test_share, val=config.val_share, seed=config.split_seed)

    def fit_dataset(self, split: str) -> SegmentationDataset:
        """Returns the samples of `train` or `val` as training sees them: augmented, at `image_size`."""
        return self._dataset(split, self._transforms[split], self.config.image_size, count_once=split != "train")

    def test_dataset(self, split: str) -> SegmentationDataset:
        """Returns the samples of any split as they are scored: not augmented, at `test_image_size`."""
        return self._dataset(split, [], self.config.test_image_size, count_once=True)

    def _dataset(self, split: str, transforms: list[Any], size: Size, *, count_once: bool) -> SegmentationDataset:
        config, tiles = self.config, self.config.sampling == "tiles"
        if not self.splits[split]:
            raise DataError(f"the {split} split of {config.root} has no photographs: choose another split")
        return SegmentationDataset(
            self.splits[split],
            self.table,
            Pipeline(transforms, self.mean, self.std),
            size=config.tile_size if tiles else size,
            tiles=tiles,
            interpolation=config.interpolation,
            count_once=count_once,
        )

    def _loader(self, dataset: SegmentationDataset, *, shuffle: bool = False) -> DataLoader[dict[str, Any]]:
        workers = self._workers()
        return DataLoader(
            dataset,
            batch_size=self.config.batch_size,
            sampler=EpochSampler(len(dataset), seed=self.seed, shuffle=shuffle),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Returns shuffled, augmented batches.

        Raises:
            DataError: There is nothing to train on, or `batch_size` is larger than the split.
        """
        dataset, batch_size = self.fit_dataset("train"), self.config.batch_size
        if batch_size > len(dataset):
            raise DataError(
                f"data.batch_size={batch_size} is larger than the {len(dataset)} training samples: lower it"
            )
        return self._loader(dataset, shuffle=True)

    def val_dataloader(self) -> DataLoader[dict[str, Any]] | list[Any]:
        """Returns the validation batches; an empty list where there is no validation split."""
        return self._loader(self.fit_dataset("val")) if self.splits["val"] else []

    def test_dataloader(self, split: str = "test") -> DataLoader[dict[str, Any]]:
        """Returns the batches of a split to be scored, at the test size.

        Raises:
            DataError: The split is empty.
        """
        return self._loader(self.test_dataset(split))

    def predict_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Returns batches of all photographs, without masks, at the test size."""
        return self._loader(self.test_dataset("predict"))

    def _workers(self) -> int:
        """A GPU is fed by all cores but one; on CPU the network has better use for them."""
        if self.config.num_workers is not None:
            return self.config.num_workers
        return min(8, max(1, (os.cpu_count() or 1) - 1)) if torch.cuda.is_available() else 0
