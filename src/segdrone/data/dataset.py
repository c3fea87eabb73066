"""A torch dataset of photograph windows and their masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, default_collate

from segdrone.data.augment import Pipeline
from segdrone.data.copy_paste import CopyPaste
from segdrone.data.multi_image import LabeledImage, MultiImageAugment
from segdrone.data.reader import CachedReader, pad
from segdrone.data.sampler import SampleIndex
from segdrone.data.sampling import RandomCropSampler, Sample
from segdrone.windows import Size, Window


class SegmentationDataset(Dataset[dict[str, Any]]):
    """Samples by index, or by `SampleIndex`.

    A sample is a dict: `image` float32 `[3, H, W]` normalized, `mask` int64 `[H, W]`, `id` of the photograph, and if
    the reader has them, `instances` int32 `[H, W]`, numbers of the things that mean nothing outside their classes. The
    samples of a batch are padded at the bottom and right to its largest height and width: the image by black, the mask
    by the ignored id. A `SampleIndex` that is padding gives a mask of ignored pixels and an empty `id`.

    Args:
        samples: Window of each sample.
        reader: Reads it.
        pipeline: Augmentation and normalization.
        crops: Draws the window of samples that have none.
        combine: Combines samples with others, before augmentation.
        paste: Pastes things into samples, as often as `combine` says.
        count_once: Ignore the pixels of a tile's mask that an earlier tile covers, so that scores count each once.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        reader: CachedReader,
        pipeline: Pipeline,
        *,
        crops: RandomCropSampler | None = None,
        combine: MultiImageAugment | None = None,
        paste: CopyPaste | None = None,
        count_once: bool = False,
    ) -> None:
        self.samples, self.reader, self.pipeline = list(samples), reader, pipeline
        self.crops, self.combine, self.paste, self.count_once = crops, combine, paste, count_once

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shapes(self) -> list[Size]:
        """Height and width of each sample before augmentation."""
        windows = [sample.window for sample in self.samples]
        crop = self.crops.size if self.crops else (0, 0)
        return [crop if window is None else (window.height, window.width) for window in windows]

    def __getitem__(self, index: SampleIndex | int) -> dict[str, Any]:
        batch = self.pipeline.finish(default_collate(self.__getitems__([index])))
        return {key: values[0] for key, values in batch.items()}

    def __getitems__(self, indices: Sequence[SampleIndex | int]) -> list[dict[str, Any]]:
        """Returns the samples of a batch, padded to one size and not normalized yet, for DataLoader."""
        draws = [index if isinstance(index, SampleIndex) else SampleIndex(index, 0) for index in indices]
        samples = [self._ignored(draw) if draw.padding else self._augmented(draw) for draw in draws]
        size = max(len(sample["mask"]) for sample in samples), max(sample["mask"].shape[1] for sample in samples)
        for sample in samples:
            sample["image"] = pad(sample["image"], size, 0)
            sample["mask"] = pad(sample["mask"], size, self._ignore_index)
            if "instances" in sample:
                sample["instances"] = pad(sample["instances"], size, 0)
        return samples

    @property
    def _ignore_index(self) -> int:
        return self.reader.encoding.table.ignore_index

    def _ignored(self, draw: SampleIndex) -> dict[str, Any]:
        sample = self._augmented(draw)
        return {**sample, "mask": np.full_like(sample["mask"], self._ignore_index), "id": ""}

    def _augmented(self, draw: SampleIndex) -> dict[str, Any]:
        """A sample in uint8: `image` `[H, W, 3]`, `mask` `[H, W]`, its `id`, and `instances` in int32."""
        rng = np.random.default_rng([draw.seed, 1])  # the pipeline's own generator is seeded with `seed`
        sample = self._with_window(draw.index, rng)
        pixels = self.read(sample)
        if self.combine is not None:
            paste = None if self.paste is None else partial(self.paste, own_id=sample.pair.id, rng=rng)
            pixels = self.combine(pixels, lambda: self._read_other(rng), rng, paste)
        targets = zip(("image", "mask", "instances"), pixels, strict=False)
        return {**self.pipeline.augment(draw.seed, **dict(targets)), "id": sample.pair.id}

    def read(self, sample: Sample) -> LabeledImage:
        """Returns a sample's photograph, uint8 `[H, W, 3]`, mask, uint8 `[H, W]`, and instance map, if there is one.

        Raises:
            DataError: A file cannot be read.
        """
        pair, size, window = sample
        assert window is not None
        image, mask = self.reader.image(pair, size, window), self.reader.mask(pair, size, window)
        if self.count_once:
            rows, columns = uncovered_part(window)
            mask[: rows.start] = self._ignore_index
            mask[:, : columns.start] = self._ignore_index
        if not self.reader.maps:
            return image, mask
        return image, mask, self.reader.instances(pair, size, window)

    def full_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Returns the full photograph of a sample at the size that its window is cut from, uint8 `[H, W, 3]`."""
        return self.reader.image(sample.pair, sample.size, Window(0, 0, *sample.size))

    def _with_window(self, index: int, rng: np.random.Generator) -> Sample:
        sample = self.samples[index]
        return sample if sample.window is not None or not self.crops else self.crops.draw(sample, self.reader, rng)

    def _read_other(self, rng: np.random.Generator) -> LabeledImage:
        return self.read(self._with_window(int(rng.integers(len(self))), rng))


def uncovered_part(window: Window) -> tuple[slice, slice]:
    """Returns the rows and columns of a tile that no earlier tile of its grid covers.

    Tiles at the bottom and right edge are shifted inside the photograph, so they overlap their neighbors.

    Example:
        >>> uncovered_part(Window(top=60, left=100, height=50, width=50))
        (slice(40, None, None), slice(0, None, None))
    """
    return slice(-window.top % window.height, None), slice(-window.left % window.width, None)
