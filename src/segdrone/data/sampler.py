"""The order of an epoch, and a seed for each sample of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler


class Draw(NamedTuple):
    """One sample to make: its place in the dataset, and the seed of its random choices."""

    place: int
    seed: int


class EpochSampler(Sampler[Draw]):
    """Draws every sample once an epoch; order and seeds depend on `seed` and the epoch alone.

    So the batches are the same whatever the number of workers, and a resumed run draws what the
    interrupted one would have drawn. Lightning calls `set_epoch` before each epoch.

    Args:
        length: Number of samples in the dataset.
        seed: Seed of the run; 0 is a seed like any other.
        shuffle: Draw in a new order with new seeds every epoch; else always alike.
    """

    def __init__(self, length: int, *, seed: int, shuffle: bool) -> None:
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch, counted from 0, that the next iteration draws."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch if self.shuffle else 0])
        order = rng.permutation(self.length) if self.shuffle else np.arange(self.length)
        for place, seed in zip(order, rng.integers(2**32, size=self.length), strict=True):
            yield Draw(int(place), int(seed))
