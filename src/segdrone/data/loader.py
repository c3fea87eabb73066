"""Bring samples together into batches, from this process or from workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, default_collate, get_worker_info

from segdrone.data.dataset import SegmentationDataset
from segdrone.data.sampler import SampleIndex

_PREFETCH = 2  # batches that a worker prepares ahead, as is torch's own default


class BatchLoader(DataLoader[dict[str, Any]]):
    """Batches of a `SegmentationDataset`, normalised by the process that asks for them.

    So what a worker hands over is uint8, a fifth of the bytes.

    Args:
        dataset: The samples.
        batch_size: Samples in a batch; the last may have fewer.
        sampler: Their order.
        num_workers: Processes; 0 is this one.
        prefetch_factor: Batches that each prepares ahead; None is 2.
        **options: Further arguments of DataLoader.
    """

    dataset: SegmentationDataset

    def __init__(
        self,
        dataset: SegmentationDataset,
        batch_size: int,
        sampler: Sampler[SampleIndex],
        num_workers: int = 0,
        prefetch_factor: int | None = None,
        **options: Any,
    ) -> None:
        if num_workers > 0:
            prefetch_factor = prefetch_factor or _PREFETCH
            options["collate_fn"] = SharedMemoryCollate(batch_size, slots=prefetch_factor + 2)
            cv2.setNumThreads(1)  # before they are forked: the workers are the threads, and cannot join OpenCV's
        super().__init__(
            dataset,
            batch_size,
            sampler=sampler,
            num_workers=num_workers,
            prefetch_factor=prefetch_factor if num_workers > 0 else None,
            generator=torch.Generator(),  # a draw from the common one would change the network's dropout
            **options,
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Begins when the first batch is asked for: a resumed run makes its iterator before it sets its epoch."""
        for batch in super().__iter__():
            yield self.dataset.pipeline.finish(batch)


class SharedMemoryCollate:
    """Stacks samples into memory that a worker shares, and uses over and over: fresh, it costs more than the copy.

    A slot is taken again when `slots` further batches were stacked. DataLoader lets a worker be no more
    than `prefetch_factor` batches ahead of the one that was last handed out, which `BatchLoader` copies
    from before it asks for the next.

    Args:
        batch_size: The most samples in a batch.
        slots: More than `prefetch_factor`, by 1 at least.
    """

    def __init__(self, batch_size: int, slots: int) -> None:
        self.batch_size, self.slots = batch_size, slots
        self._memory: list[dict[str, Tensor]] = []
        self._turn = 0

    def __call__(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns `image` uint8 `[B, H, W, 3]`, `mask` uint8 `[B, H, W]` where there is one, and `id` a list."""
        if get_worker_info() is None:
            return dict(default_collate(list(samples)))
        known = self._memory[0] if self._memory else {}
        if any(samples[0][name].shape != place.shape[1:] for name, place in known.items()):
            return dict(default_collate(list(samples)))  # an augmentation that changes the size
        ids = [sample.pop("id") for sample in samples]
        if len(self._memory) < self.slots:
            self._memory.append({name: self._shared(pixels.shape) for name, pixels in samples[0].items()})
        memory = self._memory[self._turn % self.slots]
        self._turn += 1
        batch = {name: place[: len(samples)] for name, place in memory.items()}
        for name, place in batch.items():
            np.stack([sample[name] for sample in samples], out=place.numpy())
        return {**batch, "id": ids}

    def _shared(self, shape: tuple[int, ...]) -> Tensor:
        memory = torch.empty(self.batch_size, *shape, dtype=torch.uint8)
        return memory.share_memory_()  # type: ignore[no-untyped-call, no-any-return]
