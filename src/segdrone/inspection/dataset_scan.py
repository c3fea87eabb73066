"""What was seen of a dataset: all that the checks go by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.pairs import stem
from segdrone.inspection.scan import ScannedImage, ScannedMask


@dataclass(frozen=True)
class DatasetScan:
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

    photographs: list[ScannedImage]
    masks: list[ScannedMask]
    labels: MaskEncoding
    strays: list[Path]
    without_mask: list[Path]
    without_photograph: list[Path]
    allow_unpaired: bool
    split_source: str
    splits: dict[str, list[str]]
    split_refusal: str

    @cached_property
    def pairs(self) -> dict[str, tuple[ScannedImage, ScannedMask]]:
        """Photograph and mask by their name."""
        masks = {stem(mask.path): mask for mask in self.masks}
        return {stem(p.path): (p, masks[stem(p.path)]) for p in self.photographs if stem(p.path) in masks}

    @cached_property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Pixels by id after merging, int64 `[256]`, of each mask that could be counted, by its name."""
        return {stem(m.path): self.labels.remap_counts(m.counts) for m in self.masks if m.counts is not None}
