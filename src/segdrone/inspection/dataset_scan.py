"""The result of scanning a dataset, which all checks use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.splits.assign_splits import Split
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
        files: Photographs and masks, as they were found.
        allow_unpaired: Whether training skips those without a partner.
        split: The split; without ids if it cannot be made.
        split_distance: Meters within which two photographs overlap; None: by their footprints.
        split_error: Why the splits cannot be used.
    """

    images: list[ScannedImage]
    masks: list[ScannedMask]
    encoding: MaskEncoding
    channels: Channels
    files: DatasetFiles
    allow_unpaired: bool
    split: Split
    split_distance: float | None
    split_error: str

    @cached_property
    def pairs(self) -> dict[str, tuple[ScannedImage, ScannedMask]]:
        """Photograph and mask by id."""
        images, masks = {image.path: image for image in self.images}, {mask.path: mask for mask in self.masks}
        return {pair.id: (images[pair.image], masks[pair.mask]) for pair in self.files.pairs}

    @cached_property
    def split_of(self) -> dict[Path, tuple[str, str]]:
        """Id and split of each photograph that is in one, by its file."""
        splits = {name: split for split, names in self.split.ids.items() for name in names}
        return {image.path: (name, splits[name]) for name, (image, _) in self.pairs.items() if name in splits}

    @cached_property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Pixels per id after merging classes, int64 `[256]`, of each mask that could be counted, by id.

        Those that the photograph marks as no data are ignored, as in training.
        """
        counts = {}
        for name, (_, mask) in self.pairs.items():
            if mask.counts is not None:
                counts[name] = self.encoding.remap_counts(mask.counts - mask.hidden)
                counts[name][self.encoding.table.ignore_index] += mask.hidden.sum()
        return counts
