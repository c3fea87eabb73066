"""Order the samples of an epoch, give each a seed, and distribute them over processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from segdrone.utils.launch import rank_and_world_size
from segdrone.windows import Size


@dataclass(frozen=True, slots=True)
class SampleIndex:
    """A sample to make.

    Attributes:
        index: Its index in the dataset.
        seed: Seed of its random choices.
        padding: Whether it only makes all processes have the same number of samples, and is not counted.
    """

    index: int
    seed: int
    padding: bool = False


class SeededDistributedSampler(Sampler[SampleIndex]):
    """Draws every sample once per epoch; order and seeds depend on `seed` and the epoch only.

    Batches are therefore the same for any number of workers, and a resumed run continues with the batches that the
    interrupted one would have drawn. Lightning calls `set_epoch` before each epoch.

    Of N processes each draws every N-th sample: their batches of one step together are the batch that a single process
    would draw if its batches were N times as large. If the samples cannot be distributed evenly, the last processes
    draw padding, since all processes must take the same number of steps.

    Samples of several shapes are ordered so that those of one shape are in the same batches, as far as they fill them:
    a batch is padded to its largest sample. Batches, not samples, are then shuffled a second time. With samples of one
    shape this changes nothing.

    Args:
        length: Number of samples in the dataset.
        seed: Seed of the run, 0 or more.
        shuffle: Draw in a new order with new seeds in every epoch; otherwise every epoch is the same.
        processes: Rank of this process and number of processes; None reads them when iteration begins.
        shapes: Height and width of each sample; None if all have the same.
        batch_size: Samples per batch and process, which matters only with `shapes`.
    """

    def __init__(
        self,
        length: int,
        *,
        seed: int,
        shuffle: bool,
        processes: tuple[int, int] | None = None,
        shapes: Sequence[Size] | None = None,
        batch_size: int = 1,
    ) -> None:
        self.length, self.seed, self.shuffle, self.processes = length, seed, shuffle, processes
        self.batch_size = batch_size
        ids = {shape: number for number, shape in enumerate(dict.fromkeys(shapes or ()))}
        self._shape_ids = np.array([ids[shape] for shape in shapes]) if shapes is not None and len(ids) > 1 else None
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch, counted from 0, that the next iteration draws."""
        self.epoch = epoch

    def __len__(self) -> int:
        _, world_size = self.processes or rank_and_world_size()
        return math.ceil(self.length / world_size)

    def __iter__(self) -> Iterator[SampleIndex]:
        rng = np.random.default_rng([self.seed, self.epoch if self.shuffle else 0])
        order = rng.permutation(self.length) if self.shuffle else np.arange(self.length)
        seeds = rng.integers(2**32, size=self.length)
        rank, world_size = self.processes or rank_and_world_size()
        if self._shape_ids is not None:
            positions = self._group_by_shape(self._shape_ids[order], self.batch_size * world_size, rng)
            order, seeds = order[positions], seeds[positions]
        for position in range(rank, world_size * len(self), world_size):
            wrapped = position % self.length
            yield SampleIndex(int(order[wrapped]), int(seeds[wrapped]), padding=position >= self.length)

    def _group_by_shape(self, shapes: NDArray[np.int64], batch: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Orders samples by shape, so that batches hold one shape if possible."""
        positions = np.argsort(shapes, kind="stable")
        if not self.shuffle:
            return positions
        full = len(positions) // batch * batch  # the last batch, which may be smaller, stays the last
        return np.concatenate([rng.permutation(positions[:full].reshape(-1, batch)).ravel(), positions[full:]])


class GroupedSampler(Sampler[SampleIndex]):
    """Draws every sample once, photograph by photograph, in the same order every time.

    Of N processes each draws all samples of every N-th photograph. Processes with fewer samples draw padding, since
    all processes must take the same number of steps.

    Args:
        ids: Photograph of each sample; the samples of a photograph follow one another.
        processes: As `SeededDistributedSampler` takes it.
    """

    def __init__(self, ids: Sequence[str], *, processes: tuple[int, int] | None = None) -> None:
        self.ids, self.processes = ids, processes

    def __len__(self) -> int:
        return max(map(len, self._indices_by_rank()))

    def __iter__(self) -> Iterator[SampleIndex]:
        rank, _ = self.processes or rank_and_world_size()
        indices = self._indices_by_rank()[rank]
        yield from (SampleIndex(index, 0) for index in indices)
        yield from [SampleIndex(0, 0, padding=True)] * (len(self) - len(indices))

    def _indices_by_rank(self) -> list[list[int]]:
        _, world_size = self.processes or rank_and_world_size()
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.ids))}
        indices: list[list[int]] = [[] for _ in range(world_size)]
        for index, name in enumerate(self.ids):
            indices[numbers[name] % world_size].append(index)
        return indices
