"""What was seen of a dataset: all that the checks go by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.labels import Labels
from segdrone.data.layout import file_id
from segdrone.survey.inspect import Mask, Photograph


@dataclass(frozen=True)
class Seen:
    """What was seen of a dataset.

    Attributes:
        photographs: Every photograph that training would read; a name may stand twice.
        masks: Every mask, likewise.
        labels: How masks hold classes.
        strays: What else lies in the folders.
        without_mask: Photographs that have none.
        without_photograph: Masks that have none.
        allow_unpaired: Whether training passes over these.
        split_source: Where the split comes from: `random`, or a folder.
        splits: Ids of `train`, `val`, `test`; empty where they were refused.
        split_refusal: Why they were refused.
    """

    photographs: list[Photograph]
    masks: list[Mask]
    labels: Labels
    strays: list[Path]
    without_mask: list[Path]
    without_photograph: list[Path]
    allow_unpaired: bool
    split_source: str
    splits: dict[str, list[str]]
    split_refusal: str

    @cached_property
    def pairs(self) -> dict[str, tuple[Photograph, Mask]]:
        """Photograph and mask by their name."""
        masks = {file_id(mask.path): mask for mask in self.masks}
        return {file_id(p.path): (p, masks[file_id(p.path)]) for p in self.photographs if file_id(p.path) in masks}

    @cached_property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Pixels by id after merging, int64 `[256]`, of each mask that could be counted, by its name."""
        return {file_id(m.path): self.labels.merged_counts(m.counts) for m in self.masks if m.counts is not None}
