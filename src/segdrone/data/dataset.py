"""Photographs, whole or in tiles, as samples for a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from segdrone.classes import ClassTable
from segdrone.data.augment import Pipeline
from segdrone.data.layout import Pair
from segdrone.data.read import read_image, read_mask, resize_image, resize_mask
from segdrone.data.sampler import Draw
from segdrone.windows import Size, Window, grid

Pixels = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]


class Item(NamedTuple):
    """What one sample shows: a photograph, or a window of it."""

    pair: Pair
    window: Window | None


class SegmentationDataset(Dataset[dict[str, Any]]):
    """Samples of photographs and masks, by place or by `Draw`.

    A sample is a dict: `image` float32 `[3, H, W]` normalised, `mask` int64 `[H, W]` (absent where
    the pair has none), `id` the photograph's. Padding has the ignored id in the mask.

    Args:
        pairs: The photographs.
        table: Their classes.
        pipeline: Augmentation and normalisation.
        size: Height and width of a sample in pixels.
        tiles: Cut photographs, at their own size, into tiles of `size` that cover every pixel;
            else resize each to `size`.
        interpolation: How photographs are resized.
        count_once: In a mask, ignore the pixels that an earlier tile has shown, so that scores
            count every pixel once.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        table: ClassTable,
        pipeline: Pipeline,
        *,
        size: Size,
        tiles: bool,
        interpolation: str,
        count_once: bool,
    ) -> None:
        self.table, self.pipeline, self.size = table, pipeline, size
        self.interpolation, self.count_once = interpolation, count_once
        self.items = [
            Item(pair, window) for pair in pairs for window in (grid(pair.size, size, size) if tiles else [None])
        ]
        self._last: tuple[Pair, Pixels] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, draw: Draw | int) -> dict[str, Any]:
        place, seed = draw if isinstance(draw, Draw) else (draw, 0)
        item = self.items[place]
        image, mask = self.pixels(item)
        targets = {"image": image} if mask is None else {"image": image, "mask": mask}
        return {**self.pipeline(seed, **targets), "id": item.pair.id}

    def pixels(self, item: Item) -> Pixels:
        """Returns an item's photograph, uint8 `[H, W, 3]`, and mask, uint8 `[H, W]` or None."""
        if item.window is None:
            image, mask = self._read(item.pair)
            resized = resize_image(image, self.size, self.interpolation)
            return resized, None if mask is None else resize_mask(mask, self.size)
        image, mask = self._read_cached(item.pair)
        cut = _cut(image, item.window, 0)
        return cut, None if mask is None else self._tile_mask(mask, item.window)

    def _read(self, pair: Pair) -> Pixels:
        return read_image(pair.image), None if pair.mask is None else read_mask(pair.mask, self.table)

    def _read_cached(self, pair: Pair) -> Pixels:
        """Keeps the photograph last read, since its tiles often follow one another."""
        if self._last is None or self._last[0] != pair:
            self._last = (pair, self._read(pair))
        return self._last[1]

    def _tile_mask(self, mask: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
        tile = _cut(mask, window, self.table.ignore_index)
        if self.count_once:
            seen_rows, seen_columns = (-start % size for start, size in zip(window[:2], self.size, strict=True))
            tile[:seen_rows] = self.table.ignore_index
            tile[:, :seen_columns] = self.table.ignore_index
        return tile


def _cut(pixels: NDArray[np.uint8], window: Window, fill: int) -> NDArray[np.uint8]:
    cut = pixels[window.rows, window.columns]
    below, right = window.height - cut.shape[0], window.width - cut.shape[1]
    padded = cv2.copyMakeBorder(cut, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(fill,) * 3)
    return np.asarray(padded, np.uint8)
