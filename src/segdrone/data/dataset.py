"""Windows of photographs as samples for a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, default_collate

from segdrone.data.augment import Pipeline
from segdrone.data.multi_image import ImageAndMask, MultiImageAugment
from segdrone.data.reader import CachedReader
from segdrone.data.sampler import SampleIndex
from segdrone.data.sampling import RandomCropSampler, Sample
from segdrone.windows import Window


class SegmentationDataset(Dataset[dict[str, Any]]):
    """Samples of photographs and masks, by place or by `SampleIndex`.

    A sample is a dict: `image` float32 `[3, H, W]` normalised, `mask` int64 `[H, W]` (absent where
    the pair has none), `id` the photograph's. Padding has the ignored id in the mask. A blank has it
    all over, and an empty `id`.

    Args:
        items: What each sample shows.
        pixels: Reads it.
        pipeline: Augmentation and normalisation.
        crops: Draws the window of items that have none.
        combine: Combines samples with others, before augmentation.
        count_once: In a mask, ignore the pixels that an earlier tile has shown, so that scores
            count every pixel once.
    """

    def __init__(
        self,
        items: Sequence[Sample],
        pixels: CachedReader,
        pipeline: Pipeline,
        *,
        crops: RandomCropSampler | None = None,
        combine: MultiImageAugment | None = None,
        count_once: bool = False,
    ) -> None:
        self.items, self.pixels, self.pipeline = list(items), pixels, pipeline
        self.crops, self.combine, self.count_once = crops, combine, count_once

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, draw: SampleIndex | int) -> dict[str, Any]:
        batch = self.pipeline.finish(default_collate(self.__getitems__([draw])))
        return {key: values[0] for key, values in batch.items()}

    def __getitems__(self, draws: Sequence[SampleIndex | int]) -> list[dict[str, Any]]:
        """Returns samples that are not normalised yet, which is what DataLoader asks for."""
        known = [draw if isinstance(draw, SampleIndex) else SampleIndex(draw, 0) for draw in draws]
        return [self._blank(draw) if draw.blank else self._varied(draw.place, draw.seed) for draw in known]

    def _blank(self, draw: SampleIndex) -> dict[str, Any]:
        sample = self._varied(draw.place, draw.seed)
        if "mask" in sample:
            sample["mask"] = np.full_like(sample["mask"], self.pixels.labels.table.ignore_index)
        return {**sample, "id": ""}

    def _varied(self, place: int, seed: int) -> dict[str, Any]:
        """A sample as uint8: `image` `[H, W, 3]`, `mask` `[H, W]`, and its `id`."""
        rng = np.random.default_rng([seed, 1])  # the pipeline's own begins at `seed`
        item = self._drawn(place, rng)
        image, mask = self.read(item)
        if mask is None:
            return {**self.pipeline.augment(seed, image=image), "id": item.pair.id}
        if self.combine is not None:
            image, mask = self.combine((image, mask), lambda: self._other(rng), rng)
        return {**self.pipeline.augment(seed, image=image, mask=mask), "id": item.pair.id}

    def read(self, item: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Returns an item's photograph, uint8 `[H, W, 3]`, and mask, uint8 `[H, W]` or None."""
        pair, size, window = item
        assert window is not None
        image = self.pixels.image(pair, size, window)
        if pair.mask is None:
            return image, None
        mask = self.pixels.mask(pair, size, window)
        if self.count_once:
            rows, columns = first_shown(window)
            mask[: rows.start] = self.pixels.labels.table.ignore_index
            mask[:, : columns.start] = self.pixels.labels.table.ignore_index
        return image, mask

    def photograph(self, item: Sample) -> NDArray[np.uint8]:
        """Returns the whole photograph of an item at the size that it is cut from, uint8 `[H, W, 3]`."""
        return self.pixels.image(item.pair, item.size, Window(0, 0, *item.size))

    def _drawn(self, place: int, rng: np.random.Generator) -> Sample:
        item = self.items[place]
        return item if item.window is not None or self.crops is None else self.crops.draw(item, self.pixels, rng)

    def _other(self, rng: np.random.Generator) -> ImageAndMask:
        image, mask = self.read(self._drawn(int(rng.integers(len(self))), rng))
        assert mask is not None
        return image, mask


def first_shown(window: Window) -> tuple[slice, slice]:
    """Returns the rows and columns of a tile that no earlier tile of its grid has shown."""
    return slice(-window.top % window.height, None), slice(-window.left % window.width, None)
