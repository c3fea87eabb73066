"""Lightning's door to the photographs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from lightning.fabric.utilities.data import suggested_max_num_workers
from numpy.typing import NDArray
from torch.utils.data import Sampler

from segdrone.classes import ClassTable
from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.cache import Cache, CacheKey, MemoryCache, NoCache
from segdrone.data.config import DataConfig
from segdrone.data.dataset import SegmentationDataset
from segdrone.data.disk_cache import DiskCache, default_folder
from segdrone.data.download import ensure_dataset
from segdrone.data.layout import ImageMaskPair, find_folders, find_image_folder, find_pairs, find_photographs
from segdrone.data.loader import BatchLoader
from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.multi_image import MultiImageAugment
from segdrone.data.reader import CachedReader
from segdrone.data.sampler import GroupedSampler, SampleIndex, SeededDistributedSampler
from segdrone.data.sampling import (
    RandomCropSampler,
    Sample,
    count_class_pixels,
    crops,
    drop_unlabelled,
    full_images,
    rare_class_index,
    tiles,
)
from segdrone.data.split import SPLITS, random_split, read_split
from segdrone.errors import DataError
from segdrone.utils.launch import rank_and_world_size
from segdrone.windows import Size

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_MOST_WORKERS = 8  # more than this wait for one another on a disk


class SegmentationDataModule(L.LightningDataModule):
    """Photographs and masks as batches: found, paired, checked, split, cut and augmented.

    A batch is a dict: `image` float32 `[B, 3, H, W]` normalised, `mask` int64 `[B, H, W]` with the
    class table's ids and its ignored id, `id` a list of the photographs' names. Batches to predict
    have no `mask`.

    Args:
        config: Which photographs, how split, and what the network sees of them.
        augment: Lists of albumentations transforms under `train` and `val`, and under `combine` the
            probabilities that `MultiImageAugment` takes, for training; nothing by default.
        ids: Names of the photographs of `train`, `val`, `test`, instead of the split that `config` asks for.
        seed: Seed of order and augmentation.

    Attributes:
        labels: The classes of the masks, and how they are merged.
        table: The classes that a network learns.
        splits: After `setup`, the pairs of `train`, `val`, `test` and `all`.

    Raises:
        DataError: The class table or the groups of classes cannot be read or do not fit.
        ConfigError: A transform of `augment` is unknown.
    """

    def __init__(
        self,
        config: DataConfig,
        augment: Mapping[str, Any] | None = None,
        ids: Mapping[str, Sequence[str]] | None = None,
        seed: int = 42,
    ) -> None:
        super().__init__()
        self.config, self.ids, self.seed = config, ids, seed
        self.labels = MaskEncoding.load(
            config.classes, config.class_groups, config.mask_encoding, config.colour_tolerance, config.mask_threshold
        )
        augment = augment or {}
        self.mean, self.std = config.mean or IMAGENET_MEAN, config.std or IMAGENET_STD
        self.splits: dict[str, list[ImageMaskPair]] = {}
        self._transforms = {
            split: build_transforms(augment.get(split) or [], f"augment.{split}") for split in ("train", "val")
        }
        self._combine = MultiImageAugment.from_dict(augment.get("combine") or {})

    @property
    def table(self) -> ClassTable:
        """The classes that a network learns, after merging."""
        return self.labels.table

    def prepare_data(self) -> None:
        """Renders or downloads what is not there yet.

        Raises:
            DataError: The dataset's folder is missing and no way to fill it was chosen.
        """
        ensure_dataset(self.config)

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
        """Returns the samples of `train` or `val` as training sees them: augmented, through the cache.

        Of `train`, `crops` are random; of `val` they are a grid, so that epochs compare. Tiles, and
        photographs to crop, with no labelled pixel are left out.

        Raises:
            DataError: The split is empty, a mask cannot be read, or the cache has no room.
            ConfigError: A rare class is unknown.
        """
        config, train, pixels = self.config, split == "train", self._fit_pixels
        items = self._fit_items(split)
        at_random = train and config.sampling == "crops"
        if config.sampling != "whole":
            items = drop_unlabelled(items, pixels)
        rare = rare_class_index(items, pixels, config.rare_classes) if at_random and config.rare_share > 0 else {}
        return SegmentationDataset(
            items,
            pixels,
            Pipeline(self._transforms[split], self.mean, self.std),
            crops=RandomCropSampler(config.crop_size, rare, config.rare_share) if at_random else None,
            combine=self._combine if train else None,
            count_once=not train,
        )

    def test_dataset(self, split: str) -> SegmentationDataset:
        """Returns the samples of any split as they are scored: not augmented, at `test_image_size` or in tiles.

        Raises:
            DataError: The split is empty.
        """
        pixels = CachedReader(self.labels, self.config.interpolation, NoCache())
        items = self._grid_items(split, self.config.test_image_size)
        return SegmentationDataset(items, pixels, Pipeline([], self.mean, self.std), count_once=True)

    def class_pixels(self) -> NDArray[np.int64]:
        """Counts the labelled pixels of the training photographs by class, at the size of training: int64 `[N, C]`.

        Raises:
            DataError: The split is empty, or a mask cannot be read.
        """
        counts = count_class_pixels(
            self._fit_items("train"), CachedReader(self.labels, self.config.interpolation, NoCache())
        )
        return np.array([*counts.values()])[:, : len(self.table)]

    def _fit_items(self, split: str) -> list[Sample]:
        if split == "train" and self.config.sampling == "crops":
            return crops(self._pairs(split), self.config.samples_per_image, self.config.scale)
        return self._grid_items(split, self.config.image_size)

    def _grid_items(self, split: str, size: Size) -> list[Sample]:
        config, pairs = self.config, self._pairs(split)
        if config.sampling == "whole":
            return full_images(pairs, size)
        return tiles(pairs, config.tile_size if config.sampling == "tiles" else config.crop_size, config.scale)

    def _pairs(self, split: str) -> list[ImageMaskPair]:
        if not self.splits[split]:
            raise DataError(f"the {split} split of {self.config.root} has no photographs: choose another split")
        return self.splits[split]

    @cached_property
    def _fit_pixels(self) -> CachedReader:
        """Reads `train` and `val`, through one cache that has room for both."""
        pixels = CachedReader(self.labels, self.config.interpolation, NoCache())
        items = [item for split in ("train", "val") if self.splits[split] for item in self._fit_items(split)]
        pixels.cache = self._cache(items, [entry for item in items for entry in pixels.entries(item.pair, item.size)])
        return pixels

    def _cache(self, items: list[Sample], entries: list[CacheKey]) -> Cache:
        """What the config asks for; by itself, a cache on disk where samples are smaller than photographs."""
        kind = self.config.cache
        if kind == "auto":
            used = {"tiles": self.config.tile_size, "crops": self.config.crop_size}.get(self.config.sampling)
            larger = (math.prod(item.pair.size) > math.prod(used or item.size) for item in items)
            kind = "disk" if any(larger) else "none"
        if kind == "none":
            return NoCache()
        if kind == "memory":
            return MemoryCache(entries, shared=self._workers() > 0, copies=self._processes_here)
        cache = DiskCache(Path(self.config.cache_dir) if self.config.cache_dir else default_folder())
        cache.reserve(entries)
        return cache

    def _loader(self, dataset: SegmentationDataset, sampler: Sampler[SampleIndex]) -> BatchLoader:
        config, workers = self.config, self._workers()
        return BatchLoader(
            dataset,
            batch_size=min(config.batch_size, len(dataset)),  # workers share memory for as many
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0 and config.persistent_workers is not False,
            prefetch_factor=config.prefetch_factor,
            pin_memory=torch.cuda.is_available() if config.pin_memory is None else config.pin_memory,
        )

    def train_dataloader(self) -> BatchLoader:
        """Returns shuffled, augmented batches.

        Raises:
            DataError: There is nothing to train on, or a batch of all processes is larger than the split.
        """
        dataset, batch_size = self.fit_dataset("train"), self.config.batch_size
        _, world = rank_and_world_size()
        if batch_size * world > len(dataset):
            each = f" in each of {world} processes" if world > 1 else ""
            raise DataError(
                f"data.batch_size={batch_size}{each} is larger than the {len(dataset)} training samples: lower it"
            )
        return self._loader(dataset, SeededDistributedSampler(len(dataset), seed=self.seed, shuffle=True))

    def val_dataloader(self) -> BatchLoader | list[Any]:
        """Returns the validation batches; an empty list where there is no validation split."""
        if not self.splits["val"]:
            return []
        dataset = self.fit_dataset("val")
        return self._loader(dataset, SeededDistributedSampler(len(dataset), seed=self.seed, shuffle=False))

    def test_dataloader(self, split: str = "test") -> BatchLoader:
        """Returns the batches of a split to be scored, at the test size, photograph by photograph.

        Raises:
            DataError: The split is empty.
        """
        dataset = self.test_dataset(split)
        return self._loader(dataset, GroupedSampler([item.pair.id for item in dataset.items]))

    def predict_dataloader(self) -> BatchLoader:
        """Returns batches of all photographs, without masks, at the test size."""
        return self.test_dataloader("predict")

    @property
    def _processes_here(self) -> int:
        """The processes of the run that share this machine."""
        return self.trainer.num_devices if self.trainer else 1

    def _workers(self) -> int:
        """A GPU is fed by all cores but one; on CPU the network has better use for them."""
        if self.config.num_workers is not None:
            return self.config.num_workers
        if not torch.cuda.is_available():
            return 0
        return min(_MOST_WORKERS, suggested_max_num_workers(self._processes_here))
