"""Batches from this process and from workers are the same."""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segdrone.classes import DRONE
from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.caching.cache import NoCache
from segdrone.data.dataset import SegmentationDataset
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.loader import BatchLoader, SharedMemoryCollate
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.reader import CachedReader
from segdrone.data.sampler import SeededDistributedSampler
from segdrone.data.sampling import full_images

COUNT = 61


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SegmentationDataset:
    """Different photographs, each augmented differently in every epoch."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    pairs = []
    for name in range(COUNT):
        image, mask = folder / f"{name}.png", folder / f"{name}_mask.png"
        Image.fromarray(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)).save(image)
        Image.fromarray(rng.integers(0, 23, (8, 12), dtype=np.uint8)).save(mask)
        pairs.append(ImageMaskPair(str(name), image, mask, (8, 12)))
    flips = build_transforms([{"transform": "HorizontalFlip", "p": 0.5}], "augment.train")
    pipeline = Pipeline(flips, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    return SegmentationDataset(
        full_images(pairs, (8, 12)), CachedReader(MaskEncoding(DRONE), "area", NoCache()), pipeline
    )


def loader(dataset: SegmentationDataset, workers: int, prefetch: int | None = None) -> BatchLoader:
    return BatchLoader(
        dataset,
        batch_size=2,
        sampler=SeededDistributedSampler(len(dataset), seed=0, shuffle=True),
        num_workers=workers,
        prefetch_factor=prefetch,
        persistent_workers=workers > 0,
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_reading_does_not_change_the_random_numbers_of_the_network(dataset: SegmentationDataset, workers: int) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    next(iter(loader(dataset, workers)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_epoch_can_be_set_until_the_first_batch_is_asked_for(dataset: SegmentationDataset, workers: int) -> None:
    early, late = loader(dataset, workers), loader(dataset, workers)
    early.sampler.set_epoch(2)  # type: ignore[attr-defined]
    batches = iter(late)  # as Lightning does when it resumes a run
    late.sampler.set_epoch(2)  # type: ignore[attr-defined]
    for one, other in zip(early, batches, strict=True):
        assert one["id"] == other["id"]
        assert torch.equal(one["image"], other["image"])


@pytest.mark.parametrize(
    ("workers", "prefetch", "pause"),  # a slow reader lets the workers run ahead as far as they may
    [(1, None, 0.004), (2, None, 0.0), (2, None, 0.004), (3, 1, 0.004), (2, 5, 0.004)],
)
def test_reused_memory_does_not_damage_batches(
    dataset: SegmentationDataset, workers: int, prefetch: int | None, pause: float
) -> None:
    alone, together = loader(dataset, 0), loader(dataset, workers, prefetch)
    for epoch in range(3):
        for one in (alone, together):
            one.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        kept = []
        for batch in together:
            kept.append(batch)
            time.sleep(pause)
        for expected, batch in zip(alone, kept, strict=True):
            assert batch["id"] == expected["id"]
            assert torch.equal(batch["image"], expected["image"])
            assert torch.equal(batch["mask"], expected["mask"])
    assert len(kept) == (COUNT + 1) // 2


def test_an_unfinished_epoch_does_not_disturb_the_next(dataset: SegmentationDataset) -> None:
    alone, together = loader(dataset, 0), loader(dataset, 2)
    list(itertools.islice(together, 5))
    for expected, batch in zip(alone, together, strict=True):
        assert batch["id"] == expected["id"]
        assert torch.equal(batch["image"], expected["image"])


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_of_different_sizes_share_memory_without_damage(tmp_path: Path, workers: int) -> None:
    rng, pairs = np.random.default_rng(0), []
    for index in range(24):
        size = [(8, 12), (12, 8), (6, 16)][int(rng.integers(3))]
        image, mask = tmp_path / f"{index}.png", tmp_path / f"{index}_mask.png"
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(image)
        Image.fromarray(rng.integers(0, 23, size, dtype=np.uint8)).save(mask)
        pairs.append(ImageMaskPair(str(index), image, mask, size))
    reader = CachedReader(MaskEncoding(DRONE), "area", NoCache())
    mixed = SegmentationDataset(full_images(pairs, (8, 12)), reader, Pipeline([], (0, 0, 0), (1, 1, 1)))
    for expected, batch in zip(loader(mixed, 0), list(loader(mixed, workers)), strict=True):
        assert batch["id"] == expected["id"]
        assert torch.equal(batch["image"], expected["image"])
        assert torch.equal(batch["mask"], expected["mask"])
    assert len({batch["image"].shape for batch in loader(mixed, 0)}) > 3


def test_an_augmentation_can_change_the_size_from_batch_to_batch(dataset: SegmentationDataset) -> None:
    scales = build_transforms([{"transform": "RandomScale", "scale_limit": [-0.5, 0.5], "p": 1.0}], "augment.train")
    varied = SegmentationDataset(dataset.samples, dataset.reader, Pipeline(scales, (0, 0, 0), (1, 1, 1)))
    order = SeededDistributedSampler(COUNT, seed=0, shuffle=True)
    runs = [list(BatchLoader(varied, 1, order, num_workers=workers)) for workers in (0, 2)]
    assert len({batch["image"].shape for batch in runs[0]}) > 3
    assert all(torch.equal(one["image"], other["image"]) for one, other in zip(*runs, strict=True))


def test_channels_are_last_in_memory(dataset: SegmentationDataset) -> None:
    image = next(iter(loader(dataset, 0)))["image"]
    assert image.shape == (2, 3, 8, 12)
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_memory_is_not_shared_without_workers() -> None:
    samples = [{"image": np.full((2, 3, 3), n, np.uint8), "id": str(n)} for n in range(2)]
    batch = SharedMemoryCollate(batch_size=2, slots=3)(samples)
    assert not batch["image"].is_shared()
    assert batch["id"] == ["0", "1"]
    assert batch["image"][:, 0, 0, 0].tolist() == [0, 1]


@pytest.fixture
def little_shared_memory() -> Iterator[None]:
    """No file, and so no shared memory, may be larger than a batch."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("little_shared_memory")
def test_little_shared_memory_is_told_once_and_changes_no_batch(
    dataset: SegmentationDataset, caplog: pytest.LogCaptureFixture
) -> None:
    alone, together = loader(dataset, 0), loader(dataset, 2)
    for epoch in range(2):
        for one in (alone, together):
            one.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        for expected, batch in zip(alone, together, strict=True):
            assert batch["id"] == expected["id"]
            assert torch.equal(batch["image"], expected["image"])
            assert torch.equal(batch["mask"], expected["mask"])
    (record,) = caplog.records
    assert "/dev/shm" in record.message
    assert "data.num_workers=0" in record.message
