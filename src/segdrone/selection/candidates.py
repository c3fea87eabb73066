"""The parts of all photographs together, from which some are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from segdrone.inference.inputs import InputImage
from segdrone.selection.scores import Scores
from segdrone.windows import Window


@dataclass(frozen=True)
class Candidates:
    """Parts of photographs.

    Attributes:
        images: The photographs.
        owner: Index of the photograph of each part, int64 `[N]`.
        scores: Scores of the N parts.
    """

    images: Sequence[InputImage]
    owner: NDArray[np.int64]
    scores: Scores

    @classmethod
    def join(cls, scored: Sequence[tuple[InputImage, Scores]]) -> Candidates:
        """Joins the parts of at least one photograph."""
        scores = [found for _, found in scored]
        owner = np.repeat(np.arange(len(scored)), [len(found.parts) for found in scores])
        joined = {
            field.name: np.concatenate([getattr(found, field.name) for found in scores]) for field in fields(Scores)
        }
        return cls([image for image, _ in scored], owner, Scores(**joined))

    def image(self, index: int) -> InputImage:
        """Returns the photograph of a part."""
        return self.images[int(self.owner[index])]

    def part(self, index: int) -> Window:
        """Returns the window of a part, in pixels of its photograph."""
        return Window(*self.scores.parts[index].tolist())

    def by_image(self, indices: NDArray[np.int64]) -> Iterator[tuple[InputImage, NDArray[np.int64]]]:
        """Yields the photographs of some parts with the positions of their parts in `indices`."""
        owners = self.owner[indices]
        for owner in np.unique(owners):
            yield self.images[int(owner)], np.flatnonzero(owners == owner)

    def conflicts(self, indices: NDArray[np.int64], similar: Mapping[str, Sequence[str]]) -> dict[int, list[int]]:
        """Returns for each position in `indices` those of parts whose photographs are near duplicates of its own.

        Args:
            indices: Some parts.
            similar: Names of the near duplicates of a photograph, by its name.
        """
        positions: dict[str, list[int]] = {}
        for position, index in enumerate(indices.tolist()):
            positions.setdefault(self.image(index).name, []).append(position)
        return {
            position: [other for twin in similar[name] for other in positions.get(twin, ())]
            for name, own in positions.items()
            if name in similar
            for position in own
        }
