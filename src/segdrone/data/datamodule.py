"""LightningDataModule of photographs and masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from segdrone.classes import ClassTable
from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.caching.build_cache import build_cache
from segdrone.data.caching.cache import NoCache
from segdrone.data.config import DataConfig
from segdrone.data.copy_paste import build_copy_paste
from segdrone.data.dataset import SegmentationDataset
from segdrone.data.dataset_folder import DatasetFolder, open_dataset
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.download import ensure_dataset
from segdrone.data.loader import BatchLoader, default_num_workers
from segdrone.data.masks.instance_maps import InstanceMaps, require_instance_maps
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.multi_image import MultiImageAugment
from segdrone.data.reader import CachedReader
from segdrone.data.replay import mix, open_replay
from segdrone.data.sampler import GroupedSampler, SampleIndex, SeededDistributedSampler
from segdrone.data.sampling import (
    RandomCropSampler,
    Sample,
    count_class_pixels,
    drop_unlabeled,
    grid_samples,
    rare_class_index,
    training_samples,
)
from segdrone.errors import DataError
from segdrone.normalize import IMAGENET_MEAN, IMAGENET_STD
from segdrone.utils.launch import rank_and_world_size


class SegmentationDataModule(L.LightningDataModule):
    """Photographs and masks as batches: found, paired, checked, split, cut and augmented.

    A batch is a dict: `image` float32 `[B, 3, H, W]` normalized, `mask` int64 `[B, H, W]` with ids of the class table
    and its ignored id, `id` a list of the photographs' names. With `instances`, batches of training and validation also
    have `instances`, int32 `[B, H, W]`: numbers of the things. With `config.unlabeled`, those of training have
    `unlabeled`, bool `[B, H, W]`: pixels of photographs without a mask, whose `mask` is the ignored id.

    Args:
        config: Which photographs, how they are split, and what the network gets of them.
        augment: Lists of albumentations transforms under `train` and `val`, and under `combine` what
            `MultiImageAugment` takes, for training; None augments nothing.
        ids: Names of the photographs in `train`, `val` and `test`, replacing the split of `config`.
        seed: Seed of the order and the augmentation, 0 or more.
        model: Classes of a model, to which those of the masks are mapped by name; None keeps those of the masks.
        instances: Read instance maps too, for a network that learns to tell things apart.
        replay_ids: Names of the photographs of `config.replay` to train on; None takes those of its train split.

    Attributes:
        dataset: After `setup`, the opened dataset.
        splits: After `setup`, the pairs of `train`, `val`, `test` and `all`, and with `config.replay` of `replay`.

    Raises:
        ConfigError: A transform of `augment` is unknown.
    """

    dataset: DatasetFolder

    def __init__(
        self,
        config: DataConfig,
        augment: Mapping[str, Any] | None = None,
        ids: Mapping[str, Sequence[str]] | None = None,
        seed: int = 42,
        model: ModelClasses | None = None,
        instances: bool = False,
        replay_ids: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.model_classes, self._replay_ids, self._replayed = model, replay_ids, dict[Path, MaskEncoding]()
        self.config, self.ids, self.seed = config, ids, seed
        self._instances, self._maps = instances, InstanceMaps()
        augment = augment or {}
        self.mean, self.std = config.mean or IMAGENET_MEAN, config.std or IMAGENET_STD
        self.splits: dict[str, list[ImageMaskPair]] = {}
        self._transforms = {
            split: build_transforms(augment.get(split) or [], f"augment.{split}") for split in ("train", "val")
        }
        self._combine = MultiImageAugment.from_dict(augment.get("combine") or {})

    @property
    def encoding(self) -> MaskEncoding:
        """After `setup`, how mask files hold classes, and how these are merged."""
        return self.dataset.encoding

    @property
    def table(self) -> ClassTable:
        """After `setup`, the classes that a network learns, after merging."""
        return self.encoding.table

    def prepare_data(self) -> None:
        """Renders, downloads or cuts the dataset if it is missing; `config` is then that of its folder.

        Raises:
            DataError: As `ensure_dataset`.
            ConfigError: As `ensure_dataset`.
        """
        self.config = ensure_dataset(self.config)

    def setup(self, stage: str | None = None) -> None:
        """Opens the dataset and splits it; reads file headers only.

        Args:
            stage: Ignored; all stages use the same dataset.

        Raises:
            DataError: As `open_dataset`, `DatasetFolder.pairs` and `DatasetFolder.splits`; or things are to be told
                apart, and photographs for training have no instance map.
        """
        if not self.splits:
            self.dataset = open_dataset(self.config, ids=self.ids, model=self.model_classes)
            self.splits = dict(self.dataset.splits)
            if self._instances:
                pairs = [*self.splits["train"], *self.splits["val"]]
                self._maps = require_instance_maps(self.dataset.files, pairs, self.config.interpolation, self.encoding)
            if self.config.replay is not None:
                encoding = self.encoding
                own = ModelClasses(encoding.table, encoding.groups, encoding.source, "data.root")
                other = open_replay(self.config, self.model_classes or own, self._replay_ids, self.splits)
                self.splits["replay"] = other.splits["train"]
                self._replayed = {pair.mask: other.encoding for pair in self.splits["replay"] if pair.mask is not None}

    def fit_dataset(self, split: str) -> SegmentationDataset:
        """Returns the samples of `train` or `val` for training: augmented, read through the cache.

        `crops` are random in `train` and a fixed grid in `val`, so that epochs can be compared. Tiles without a
        labeled pixel, and photographs to crop without one, are left out.

        Raises:
            DataError: The split is empty, a mask cannot be read, or the cache does not fit.
            ConfigError: A rare class, or one to paste, is unknown.
        """
        config, train, reader = self.config, split == "train", self._fit_reader
        samples = self._fit_samples(split)
        random_crops = train and config.sampling == "crops"
        if config.sampling != "whole":
            samples = drop_unlabeled(samples, reader)
        rare = rare_class_index(samples, reader, config.rare_classes) if random_crops and config.rare_share > 0 else {}
        return SegmentationDataset(
            samples,
            reader,
            Pipeline(self._transforms[split], self.mean, self.std),
            crops=RandomCropSampler(config.crop_size, rare, config.rare_share) if random_crops else None,
            combine=self._combine if train else None,
            paste=build_copy_paste(self._combine, samples, reader) if train else None,
            count_once=not train,
        )

    def test_dataset(self, split: str) -> SegmentationDataset:
        """Returns the samples of any split for scores: not augmented, at the scale of `test_image_size` or in tiles.

        Raises:
            DataError: The split is empty.
        """
        samples = grid_samples(self.config, self._pairs(split), self.config.test_image_size)
        if self.config.sampling == "whole":
            samples.sort(key=lambda sample: sample.size)  # OpenVINO compiles a graph for each size
        return SegmentationDataset(samples, self._new_reader(), Pipeline([], self.mean, self.std), count_once=True)

    def plain_dataset(self, split: str) -> SegmentationDataset:
        """Returns the samples of any split at the scale of training, read through its cache, each part once.

        They are not augmented, and crops lie on a fixed grid: for models that are fitted to photographs in one pass.

        Raises:
            DataError: The split is empty, or the cache does not fit.
        """
        samples = grid_samples(self.config, self._pairs(split), self.config.image_size)
        return SegmentationDataset(samples, self._fit_reader, Pipeline([], self.mean, self.std), count_once=True)

    def class_pixels(self, split: str = "train") -> NDArray[np.int64]:
        """Counts the labeled pixels per photograph of `train` or `val` and class, at the scale of training: `[N, C]`.

        Raises:
            DataError: The split is empty, or a mask cannot be read.
        """
        samples = [sample for sample in self._fit_samples(split) if sample.pair.mask is not None]
        counts = count_class_pixels(samples, self._new_reader(fit=True))
        return np.array([*counts.values()], np.int64).reshape(-1, 256)[:, : len(self.table)]

    def _fit_samples(self, split: str) -> list[Sample]:
        config, pairs = self.config, self._pairs(split)
        if split != "train":
            return grid_samples(config, pairs, config.image_size)
        samples = training_samples(config, pairs)
        if replayed := self.splits.get("replay"):
            renamed = [replace(pair, id=f"{config.replay}/{pair.id}") for pair in replayed]
            return mix(samples, training_samples(config, renamed), config.replay_share)
        return samples

    def _pairs(self, split: str) -> list[ImageMaskPair]:
        if not self.splits[split]:
            raise DataError(f"the {split} split of {self.config.root} has no photographs: choose another split")
        return self.splits[split]

    def _new_reader(self, *, fit: bool = False) -> CachedReader:
        """Returns a reader without a cache; only one to fit with reads photographs that have no mask."""
        unlabeled = self._unlabeled_id if fit and self.config.unlabeled else None
        return CachedReader(
            self.encoding,
            self.config.interpolation,
            NoCache(),
            instances=self._maps if fit else None,
            unlabeled=unlabeled,
            replayed=self._replayed if fit else None,
        )

    @property
    def _unlabeled_id(self) -> int:
        """The id of pixels without a label in the masks of samples: the first that the class table leaves free."""
        return len(self.table) + (len(self.table) == self.table.ignore_index)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Adds `unlabeled` to training batches, where the mask then has the ignored id."""
        if not (self.config.unlabeled and self.trainer is not None and self.trainer.training):
            return batch
        unlabeled = batch["mask"] == self._unlabeled_id
        return {
            **batch, "mask": batch["mask"].masked_fill(unlabeled, self.table.ignore_index), "unlabeled": unlabeled
        }  # fmt: skip

    @cached_property
    def _fit_reader(self) -> CachedReader:
        """Reads `train` and `val` through one cache."""
        reader = self._new_reader(fit=True)
        samples = [sample for split in ("train", "val") if self.splits[split] for sample in self._fit_samples(split)]
        reader.cache = build_cache(
            self.config, samples, reader, shared=self._num_workers() > 0, copies=self._processes_here
        )
        return reader

    def _loader(self, dataset: SegmentationDataset, sampler: Sampler[SampleIndex]) -> BatchLoader:
        config, workers = self.config, self._num_workers()
        return BatchLoader(
            dataset,
            batch_size=self._batch_size(dataset),
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0 and config.persistent_workers is not False,
            prefetch_factor=config.prefetch_factor,
            pin_memory=torch.cuda.is_available() if config.pin_memory is None else config.pin_memory,
        )

    def _batch_size(self, dataset: SegmentationDataset) -> int:
        if dataset.count_once and len({*dataset.shapes}) > 1:
            return 1  # padding by others in a batch would change what a network says of a photograph that is scored
        return min(self.config.batch_size, len(dataset))  # workers allocate shared memory for a full batch

    def _fit_loader(self, dataset: SegmentationDataset, *, shuffle: bool) -> BatchLoader:
        sampler = SeededDistributedSampler(
            len(dataset),
            seed=self.seed,
            shuffle=shuffle,
            shapes=dataset.shapes,
            batch_size=self._batch_size(dataset),
        )
        return self._loader(dataset, sampler)

    def train_dataloader(self) -> BatchLoader:
        """Returns shuffled, augmented batches.

        Raises:
            DataError: The split is empty, or smaller than the batches of all processes together.
        """
        dataset, batch_size = self.fit_dataset("train"), self.config.batch_size
        _, world_size = rank_and_world_size()
        if batch_size * world_size > len(dataset):
            each = f" in each of {world_size} processes" if world_size > 1 else ""
            raise DataError(
                f"data.batch_size={batch_size}{each} is larger than the {len(dataset)} training samples: lower it"
            )
        return self._fit_loader(dataset, shuffle=True)

    def val_dataloader(self) -> BatchLoader | list[Any]:
        """Returns the validation batches, or an empty list if there is no validation split."""
        return self._fit_loader(self.fit_dataset("val"), shuffle=False) if self.splits["val"] else []

    def test_dataloader(self, split: str = "test") -> BatchLoader:
        """Returns the batches of a split for scores, photograph by photograph.

        Raises:
            DataError: The split is empty.
        """
        dataset = self.test_dataset(split)
        return self._loader(dataset, GroupedSampler([sample.pair.id for sample in dataset.samples]))

    @property
    def _processes_here(self) -> int:
        """Number of processes of the run on this machine."""
        return self.trainer.num_devices if self.trainer else 1

    def _num_workers(self) -> int:
        workers = self.config.num_workers
        return default_num_workers(self._processes_here) if workers is None else workers
