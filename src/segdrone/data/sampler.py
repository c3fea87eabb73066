"""The order of an epoch, a seed for each sample of it, and each process's share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from segdrone.utils.launch import rank_and_world_size


class SampleIndex(NamedTuple):
    """One sample to make: its place in the dataset, and the seed of its random choices.

    A blank is one that another process counts: it is there so that all have as many.
    """

    place: int
    seed: int
    blank: bool = False


class SeededDistributedSampler(Sampler[SampleIndex]):
    """Draws every sample once an epoch; order and seeds depend on `seed` and the epoch alone.

    So the batches are the same whatever the number of workers, and a resumed run draws what the
    interrupted one would have drawn. Lightning calls `set_epoch` before each epoch.

    Of several processes each draws every so many-th sample: their batches of one step are together the
    batch that one process would draw, were it as large. Where the samples do not divide evenly, the
    last processes draw a blank, since each waits for all others at every step.

    Args:
        length: Number of samples in the dataset.
        seed: Seed of the run; 0 is a seed like any other.
        shuffle: Draw in a new order with new seeds every epoch; else always alike.
        processes: Rank of this process and number of all; None asks for them when they are known, in use.
    """

    def __init__(self, length: int, *, seed: int, shuffle: bool, processes: tuple[int, int] | None = None) -> None:
        self.length, self.seed, self.shuffle, self.processes = length, seed, shuffle, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch, counted from 0, that the next iteration draws."""
        self.epoch = epoch

    def __len__(self) -> int:
        _, world = self.processes or rank_and_world_size()
        return math.ceil(self.length / world)

    def __iter__(self) -> Iterator[SampleIndex]:
        rng = np.random.default_rng([self.seed, self.epoch if self.shuffle else 0])
        order = rng.permutation(self.length) if self.shuffle else np.arange(self.length)
        seeds = rng.integers(2**32, size=self.length)
        rank, world = self.processes or rank_and_world_size()
        for turn in range(rank, world * len(self), world):
            again = turn % self.length
            yield SampleIndex(int(order[again]), int(seeds[again]), blank=turn >= self.length)


class GroupedSampler(Sampler[SampleIndex]):
    """Draws every sample once, photograph by photograph, always alike.

    Of several processes each draws all samples of every so many-th photograph; those that have fewer
    draw blanks, since each waits for all others at every step.

    Args:
        ids: The photograph that each sample shows; the samples of one stand together.
        processes: As `SeededDistributedSampler` takes them.
    """

    def __init__(self, ids: Sequence[str], *, processes: tuple[int, int] | None = None) -> None:
        self.ids, self.processes = ids, processes

    def __len__(self) -> int:
        return max(map(len, self._shares()))

    def __iter__(self) -> Iterator[SampleIndex]:
        rank, _ = self.processes or rank_and_world_size()
        mine = self._shares()[rank]
        yield from (SampleIndex(place, 0) for place in mine)
        yield from [SampleIndex(0, 0, blank=True)] * (len(self) - len(mine))

    def _shares(self) -> list[list[int]]:
        """The places of each process's samples."""
        _, world = self.processes or rank_and_world_size()
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.ids))}
        shares: list[list[int]] = [[] for _ in range(world)]
        for place, name in enumerate(self.ids):
            shares[numbers[name] % world].append(place)
        return shares
