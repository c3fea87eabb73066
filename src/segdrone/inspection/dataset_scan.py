"""The result of scanning a dataset, which all checks use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.assign_splits import Split
from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.pairs import stem
from segdrone.inspection.scan import ScannedImage, ScannedMask
from segdrone.raster.channels import Channels


@dataclass(frozen=True)
class DatasetScan:
    """Files and splits of a dataset.

    Attributes:
        images: Every photograph that training would read; a name can occur twice.
        masks: Every mask; a name can occur twice.
        encoding: How the mask files hold classes.
        channels: Which bands of the photographs are red, green and blue, and how more than 8 bits become 8.
        other_files: Other entries of the folders.
        without_mask: Photographs without a mask.
        without_photograph: Masks without a photograph.
        allow_unpaired: Whether training skips these.
        split: The split; without ids if it cannot be made.
        split_distance: Meters within which two photographs overlap; None: by their footprints.
        split_error: Why the splits cannot be used.
    """

    images: list[ScannedImage]
    masks: list[ScannedMask]
    encoding: MaskEncoding
    channels: Channels
    other_files: list[Path]
    without_mask: list[Path]
    without_photograph: list[Path]
    allow_unpaired: bool
    split: Split
    split_distance: float | None
    split_error: str

    @cached_property
    def pairs(self) -> dict[str, tuple[ScannedImage, ScannedMask]]:
        """Photograph and mask by id."""
        masks = {stem(mask.path): mask for mask in self.masks}
        return {stem(i.path): (i, masks[stem(i.path)]) for i in self.images if stem(i.path) in masks}

    @cached_property
    def split_of(self) -> dict[Path, tuple[str, str]]:
        """Id and split of each photograph that is in one, by its file."""
        splits = {name: split for split, names in self.split.ids.items() for name in names}
        return {image.path: (name, splits[name]) for name, (image, _) in self.pairs.items() if name in splits}

    @cached_property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Pixels per id after merging classes, int64 `[256]`, of each mask that could be counted, by id."""
        return {stem(m.path): self.encoding.remap_counts(m.counts) for m in self.masks if m.counts is not None}
