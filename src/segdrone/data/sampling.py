"""Which windows of which photographs are samples: whole ones, a grid of tiles, random crops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone.data.layout import ImageMaskPair
from segdrone.data.reader import CachedReader
from segdrone.errors import ConfigError, DataError
from segdrone.windows import Size, Window, grid

log = logging.getLogger(__name__)

Mask = NDArray[np.uint8]

RARE = 0.01
"""Share of the labelled pixels below which a class counts as rare."""

_TRIES = 10  # random windows, before one is centred on a labelled pixel
_THREADS = 4  # each with a mask of its own in memory
_STEP = 16  # rows and columns between the pixels that are looked at for a rare class


class Sample(NamedTuple):
    """What one sample shows: a window of a photograph that is resized to `size`; None is drawn at random."""

    pair: ImageMaskPair
    size: Size
    window: Window | None


def full_images(pairs: Sequence[ImageMaskPair], size: Size) -> list[Sample]:
    """Returns every photograph, resized to `size`."""
    return [Sample(pair, size, Window(0, 0, *size)) for pair in pairs]


def tiles(pairs: Sequence[ImageMaskPair], size: Size, scale: float) -> list[Sample]:
    """Returns tiles of `size` that cover every photograph at `scale`."""
    return [
        Sample(pair, resized, window)
        for pair in pairs
        for resized in [scaled(pair.size, scale)]
        for window in grid(resized, size, size)
    ]


def crops(pairs: Sequence[ImageMaskPair], samples: int, scale: float) -> list[Sample]:
    """Returns `samples` windows of every photograph at `scale`, each to be drawn at random."""
    return [Sample(pair, scaled(pair.size, scale), None) for pair in pairs for _ in range(samples)]


def scaled(size: Size, scale: float) -> Size:
    """Returns height and width at a scale, at least 1."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def drop_unlabelled(items: Sequence[Sample], pixels: CachedReader) -> list[Sample]:
    """Leaves out items whose window has no labelled pixel: there is nothing to learn from them.

    Raises:
        DataError: A mask cannot be read, or no item is left.
    """
    ignored = pixels.labels.table.ignore_index
    counts = count_class_pixels(items, pixels)

    def shows_a_label(item: Sample) -> bool:
        of_photograph = counts[item.pair.id, item.size]
        if item.window is None or of_photograph[ignored] == 0:
            return bool(np.delete(of_photograph, ignored).any())
        return bool((pixels.mask(item.pair, item.size, item.window) != ignored).any())

    kept = [item for item in items if shows_a_label(item)]
    if items and not kept:
        raise DataError(f"none of {len(items)} samples has a labelled pixel, {items[0].pair.mask} first: label some")
    if len(kept) < len(items):
        log.info("%d of %d samples have no labelled pixel and are left out", len(items) - len(kept), len(items))
    return kept


def rare_class_index(
    items: Sequence[Sample], pixels: CachedReader, names: Sequence[str] | None
) -> dict[int, list[Sample]]:
    """Returns the photographs that hold each rare class, by its id.

    Args:
        items: The samples.
        pixels: Their masks.
        names: The rare classes; None takes those with less than `RARE` of all labelled pixels.

    Raises:
        ConfigError: A name is no class.
        DataError: A mask cannot be read.
    """
    table = pixels.labels.table
    unknown = [name for name in names or [] if name not in table.names]
    if unknown:
        raise ConfigError(f"data.rare_classes: {', '.join(unknown)} is no class: choose of {', '.join(table.names)}")
    counts = count_class_pixels(items, pixels)
    total = np.sum([*counts.values()], axis=0)[: len(table)]
    rare = np.array([name in names for name in table.names]) if names is not None else total < RARE * total.sum()
    unique = {(item.pair.id, item.size): item for item in items}
    found = {
        int(index): [item for key, item in unique.items() if counts[key][index]]
        for index in np.flatnonzero(rare & (total > 0))
    }
    log.info("rare classes: %s", ", ".join(table.names[index] for index in found) or "none")
    return found


def count_class_pixels(items: Sequence[Sample], pixels: CachedReader) -> dict[tuple[str, Size], NDArray[np.int64]]:
    """Counts the pixels of each id, int64 `[256]`, in the mask of each photograph, by its id and size.

    Raises:
        DataError: A mask cannot be read.
    """
    unique = {(item.pair.id, item.size): item for item in items}
    with ThreadPoolExecutor(_THREADS) as threads:  # decoding leaves Python's lock
        counted = threads.map(lambda item: pixels.counts(item.pair, item.size), unique.values())
        bar = tqdm(counted, "looking at masks", len(unique), unit="mask", leave=False, delay=1)
        return dict(zip(unique, bar, strict=True))


class RandomCropSampler:
    """Draws windows at random, a share of them around a pixel of a rare class.

    Args:
        size: Height and width of a window in pixels.
        rare: Photographs by the id of a rare class that they hold.
        rare_share: Share of windows for which first a rare class is drawn, then one of its photographs,
            then one of its pixels; 0 to 1.
    """

    def __init__(self, size: Size, rare: Mapping[int, Sequence[Sample]] | None = None, rare_share: float = 0.0) -> None:
        self.size, self.rare, self.rare_share = size, rare or {}, rare_share if rare else 0.0

    def draw(self, item: Sample, pixels: CachedReader, rng: np.random.Generator) -> Sample:
        """Returns an item with a window: of `item`'s photograph, or of one that holds a rare class."""
        if rng.random() < self.rare_share:
            return self._around_rare(pixels, rng)
        drawn = item
        for _ in range(_TRIES):
            drawn = item._replace(window=self._anywhere(item.size, rng))
            assert drawn.window is not None
            if (pixels.mask(item.pair, item.size, drawn.window) != pixels.labels.table.ignore_index).any():
                return drawn
        centre = self._pixel(item, pixels, rng, lambda mask: mask != pixels.labels.table.ignore_index)
        return drawn if centre is None else item._replace(window=self._around(item.size, centre))

    def _around_rare(self, pixels: CachedReader, rng: np.random.Generator) -> Sample:
        index = [*self.rare][int(rng.integers(len(self.rare)))]
        item = self.rare[index][int(rng.integers(len(self.rare[index])))]
        centre = self._pixel(item, pixels, rng, lambda mask: mask == index)
        if centre is None:  # the mask was changed since its pixels were counted
            return item._replace(window=self._anywhere(item.size, rng))
        return item._replace(window=self._around(item.size, centre))

    def _pixel(
        self, item: Sample, pixels: CachedReader, rng: np.random.Generator, wanted: Callable[[Mask], NDArray[np.bool_]]
    ) -> tuple[int, int] | None:
        """Row and column of one of the wanted pixels at random; None where there is none."""
        for step in (_STEP, 1):  # a look at some rows finds all but the smallest things
            top, left = (int(rng.integers(min(step, side))) for side in item.size)  # any pixel may be the centre
            rest = Window(top, left, item.size[0] - top, item.size[1] - left)
            places = np.argwhere(wanted(pixels.coarse_mask(item.pair, item.size, rest, step)))
            if len(places):
                row, column = places[rng.integers(len(places))]
                return top + int(row) * step, left + int(column) * step
        return None

    def _anywhere(self, size: Size, rng: np.random.Generator) -> Window:
        top, left = (int(rng.integers(max(0, length - side) + 1)) for length, side in zip(size, self.size, strict=True))
        return Window(top, left, *self.size)

    def _around(self, size: Size, centre: Sequence[int]) -> Window:
        """The window around a pixel, pulled inside the photograph."""
        top, left = (
            min(max(0, middle - side // 2), max(0, length - side))
            for middle, side, length in zip(centre, self.size, size, strict=True)
        )
        return Window(top, left, *self.size)
