"""Collate samples into batches, in this process or in workers."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from lightning.fabric.utilities.data import suggested_max_num_workers
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, default_collate, get_worker_info

from segdrone.data.dataset import SegmentationDataset
from segdrone.data.sampler import SampleIndex
from segdrone.errors import DataError

log = logging.getLogger(__name__)

_PREFETCH = 2  # batches that a worker prepares ahead, torch's own default
_MAX_WORKERS = 8  # more of them wait for the disk


def default_num_workers(processes: int) -> int:
    """Returns the number of workers for a GPU, all cores but one and at most 8; 0 on CPU, where training needs them.

    Args:
        processes: Training processes on this machine, which share its cores.
    """
    return min(_MAX_WORKERS, suggested_max_num_workers(processes)) if torch.cuda.is_available() else 0


class BatchLoader(DataLoader[dict[str, Any]]):
    """Batches of a `SegmentationDataset`, normalized by the process that asks for them.

    Workers therefore hand over uint8, a fifth of the bytes.

    Args:
        dataset: The samples.
        batch_size: Samples per batch; the last may have fewer.
        sampler: Their order.
        num_workers: Worker processes; 0 reads in this process.
        prefetch_factor: Batches that each worker prepares ahead; None is 2.
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
            cv2.setNumThreads(1)  # before the fork: workers run in parallel, and cannot join OpenCV's threads
        self._warned = False
        super().__init__(
            dataset,
            batch_size,
            sampler=sampler,
            num_workers=num_workers,
            prefetch_factor=prefetch_factor if num_workers > 0 else None,
            generator=torch.Generator(),  # a draw from the global one would change the network's dropout
            **options,
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Starts when the first batch is asked for: a resumed run creates its iterator before it sets its epoch.

        Raises:
            DataError: There is no shared memory at all, of which workers need a little.
        """
        try:
            batches = super().__iter__()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DataError(
                "shared memory (/dev/shm) is full: give data.num_workers=0, or free or enlarge it (docker run "
                "--shm-size=2g)"
            ) from None
        for batch in batches:
            if not isinstance(batch["image"], Tensor):
                self._warn_of_little_memory()
                batch = {key: torch.from_numpy(pixels) if key != "id" else pixels for key, pixels in batch.items()}
            yield self.dataset.pipeline.finish(batch)

    def _warn_of_little_memory(self) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "shared memory (/dev/shm) is too small for batches: workers hand them over through pipes, which takes "
                "longer; enlarge it (docker run --shm-size=2g), or give data.num_workers=0 or a lower data.batch_size"
            )


class SharedMemoryCollate:
    """Stacks samples in memory that a worker shares and reuses: allocating it anew costs more than the copy.

    A slot is reused after `slots` further batches. DataLoader lets a worker be at most `prefetch_factor` batches ahead
    of the last one handed out, which `BatchLoader` copies before it asks for the next. A slot grows to the largest
    batch that it has held.

    Where the memory is too small (containers have 64 MB of it by default), batches are NumPy arrays, which DataLoader
    sends through a pipe.

    Args:
        batch_size: Largest number of samples in a batch.
        slots: Number of slots, more than `prefetch_factor`.
    """

    def __init__(self, batch_size: int, slots: int) -> None:
        self.batch_size, self.slots = batch_size, slots
        self._memory: list[dict[str, Tensor]] = [{} for _ in range(slots)]
        self._turn, self._full = 0, False

    def __call__(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns `image` uint8 `[B, H, W, 3]`, `mask` uint8 `[B, H, W]`, `id`, a list, and what else samples have.

        Images and masks are tensors, or arrays where shared memory is too small.
        """
        if get_worker_info() is None:
            return dict(default_collate(list(samples)))
        ids = [sample.pop("id") for sample in samples]
        slot = self._memory[self._turn % self.slots]
        self._turn += 1
        try:
            if self._full:
                return {**_stack(samples), "id": ids}
            batch = {name: self._view(slot, name, len(samples), pixels) for name, pixels in samples[0].items()}
        except RuntimeError:  # as torch reports a full /dev/shm
            self._full = True
            return {**_stack(samples), "id": ids}
        for name, stacked in batch.items():
            np.stack([sample[name] for sample in samples], out=stacked.numpy())
        return {**batch, "id": ids}

    def _view(self, slot: dict[str, Tensor], name: str, count: int, pixels: NDArray[Any]) -> Tensor:
        """A tensor for `count` arrays like `pixels` in the memory of a slot."""
        if name not in slot or len(slot[name]) < count * pixels.size:
            memory = torch.empty(self.batch_size * pixels.size, dtype=torch.from_numpy(pixels).dtype)
            slot[name] = memory.share_memory_()
        return slot[name][: count * pixels.size].view(count, *pixels.shape)


def _stack(samples: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}
