"""Choose which windows of photographs become samples: whole photographs, a grid of tiles, or random crops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.data.config import DataConfig
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.reader import CachedReader
from segdrone.errors import ConfigError, DataError
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size, Window, grid, proportional_size

log = logging.getLogger(__name__)

Mask = NDArray[np.uint8]

RARE = 0.01
"""A class with a smaller share of the labeled pixels is rare."""

_ATTEMPTS = 10  # random windows before one is centered on a labeled pixel
_THREADS = 4  # each holds a mask in memory
_STEP = 16  # rows and columns between the pixels that are first searched for a rare class


class Sample(NamedTuple):
    """A window of a photograph that is resized to `size`; a window of None is drawn at random."""

    pair: ImageMaskPair
    size: Size
    window: Window | None


def full_images(pairs: Sequence[ImageMaskPair], area_of: Size) -> list[Sample]:
    """Returns every photograph in full, resized to as many pixels as `area_of` has, proportions kept.

    Example:
        >>> from pathlib import Path
        >>> pair = ImageMaskPair("a", Path("a.jpg"), None, size=(6000, 4000))
        >>> full_images([pair], area_of=(704, 1056))[0].size
        (1056, 704)
    """
    return [
        Sample(pair, size, Window(0, 0, *size)) for pair in pairs for size in [proportional_size(pair.size, area_of)]
    ]


def tiles(pairs: Sequence[ImageMaskPair], size: Size, scale: float) -> list[Sample]:
    """Returns tiles of `size` that cover every photograph at `scale`."""
    return [
        Sample(pair, resized, window)
        for pair in pairs
        for resized in [scale_size(pair.size, scale)]
        for window in grid(resized, size, size)
    ]


def crops(pairs: Sequence[ImageMaskPair], samples_per_image: int, scale: float) -> list[Sample]:
    """Returns several windows of every photograph at `scale`, which are drawn at random."""
    return [Sample(pair, scale_size(pair.size, scale), None) for pair in pairs for _ in range(samples_per_image)]


def grid_samples(config: DataConfig, pairs: Sequence[ImageMaskPair], image_size: Size) -> list[Sample]:
    """Returns the samples that cover every photograph once, as `config.sampling` says: in full, or in a grid.

    Args:
        config: Sampling and sizes.
        pairs: The photographs.
        image_size: Height and width whose product sets the scale of whole photographs.
    """
    if config.sampling == "whole":
        return full_images(pairs, image_size)
    return tiles(pairs, config.tile_size if config.sampling == "tiles" else config.crop_size, config.scale)


def training_samples(config: DataConfig, pairs: Sequence[ImageMaskPair]) -> list[Sample]:
    """Returns the samples of an epoch of training: those of `grid_samples`, or random crops."""
    if config.sampling == "crops":
        return crops(pairs, config.samples_per_image, config.scale)
    return grid_samples(config, pairs, config.image_size)


def scale_size(size: Size, scale: float) -> Size:
    """Returns height and width at a scale, each at least 1."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def drop_unlabeled(samples: Sequence[Sample], reader: CachedReader) -> list[Sample]:
    """Leaves out samples without a labeled pixel, from which nothing can be learned.

    Raises:
        DataError: A mask cannot be read, or no sample is left.
    """
    ignored = reader.encoding.table.ignore_index
    counts = count_class_pixels(samples, reader)

    def is_labeled(sample: Sample) -> bool:
        image_counts = counts[sample.pair.id, sample.size]
        if sample.window is None or image_counts[ignored] == 0:
            return bool(np.delete(image_counts, ignored).any())
        return bool((reader.mask(sample.pair, sample.size, sample.window) != ignored).any())

    kept = [sample for sample in samples if is_labeled(sample)]
    if samples and not kept:
        raise DataError(
            f"none of the {len(samples)} samples has a labeled pixel, {samples[0].pair.mask} first: label some"
        )
    if len(kept) < len(samples):
        log.info("%d of %d samples have no labeled pixel and are left out", len(samples) - len(kept), len(samples))
    return kept


def rare_class_index(
    samples: Sequence[Sample], reader: CachedReader, names: Sequence[str] | None
) -> dict[int, list[Sample]]:
    """Returns, by the id of each rare class, the photographs that contain it.

    Args:
        samples: The samples.
        reader: Reads their masks.
        names: The rare classes; None takes those with less than `RARE` of all labeled pixels.

    Raises:
        ConfigError: A name is not in the class table.
        DataError: A mask cannot be read.
    """
    table = reader.encoding.table
    check_class_names(names or [], table, "data.rare_classes")
    counts = count_class_pixels(samples, reader)
    unique = {(sample.pair.id, sample.size): sample for sample in samples}
    index = {
        class_id: [sample for key, sample in unique.items() if counts[key][class_id]]
        for class_id in rare_class_ids([*counts.values()], table, names)
    }
    log.info("rare classes: %s", ", ".join(table.names[class_id] for class_id in index) or "none")
    return index


def check_class_names(names: Sequence[str], table: ClassTable, key: str) -> None:
    """Checks that names are those of classes.

    Raises:
        ConfigError: One of them is not in the class table.
    """
    if unknown := [name for name in names if name not in table.names]:
        raise ConfigError(f"{key}: {', '.join(unknown)} not in the class table: choose from {', '.join(table.names)}")


def rare_class_ids(counts: Sequence[NDArray[np.int64]], table: ClassTable, names: Sequence[str] | None) -> list[int]:
    """Returns the ids of the rare classes that occur.

    Args:
        counts: Pixels of each id in each photograph, int64 `[256]`.
        table: The classes.
        names: The rare classes; None takes those with less than `RARE` of all labeled pixels.
    """
    total = np.sum([*counts], axis=0)[: len(table)]
    rare = np.array([name in names for name in table.names]) if names is not None else total < RARE * total.sum()
    return [int(class_id) for class_id in np.flatnonzero(rare & (total > 0))]


def count_class_pixels(samples: Sequence[Sample], reader: CachedReader) -> dict[tuple[str, Size], NDArray[np.int64]]:
    """Counts the pixels of each id, int64 `[256]`, in the mask of each photograph, by its id and size.

    Raises:
        DataError: A mask cannot be read.
    """
    unique = {(sample.pair.id, sample.size): sample for sample in samples}
    with ThreadPoolExecutor(_THREADS) as threads:  # decoding releases the GIL
        counts = threads.map(lambda sample: reader.counts(sample.pair, sample.size), unique.values())
        bar = progress_bar(counts, "counting classes", total=len(unique), unit="mask", leave=False, delay=1)
        return dict(zip(unique, bar, strict=True))


class RandomCropSampler:
    """Draws windows at random, some of them around a pixel of a rare class.

    Args:
        size: Height and width of a window in pixels.
        rare: Photographs by the id of a rare class that they contain, as `rare_class_index` returns them.
        rare_share: Share of windows, 0 to 1, for which first a rare class is drawn, then one of its photographs,
            then one of its pixels.
    """

    def __init__(self, size: Size, rare: Mapping[int, Sequence[Sample]] | None = None, rare_share: float = 0.0) -> None:
        self.size, self.rare, self.rare_share = size, rare or {}, rare_share if rare else 0.0

    def draw(self, sample: Sample, reader: CachedReader, rng: np.random.Generator) -> Sample:
        """Returns a sample with a window: of `sample`'s photograph, or of one with a rare class."""
        if rng.random() < self.rare_share:
            return self._draw_around_rare(reader, rng)
        drawn, ignored = sample, reader.encoding.table.ignore_index
        for _ in range(_ATTEMPTS):
            drawn = sample._replace(window=self._random_window(sample.size, rng))
            assert drawn.window is not None
            if (reader.mask(sample.pair, sample.size, drawn.window) != ignored).any():
                return drawn
        center = self._draw_pixel(sample, reader, rng, lambda mask: mask != ignored)
        return drawn if center is None else sample._replace(window=self._window_around(sample.size, center))

    def _draw_around_rare(self, reader: CachedReader, rng: np.random.Generator) -> Sample:
        class_id = [*self.rare][int(rng.integers(len(self.rare)))]
        sample = self.rare[class_id][int(rng.integers(len(self.rare[class_id])))]
        center = self._draw_pixel(sample, reader, rng, lambda mask: mask == class_id)
        if center is None:  # the mask has changed since its pixels were counted
            return sample._replace(window=self._random_window(sample.size, rng))
        return sample._replace(window=self._window_around(sample.size, center))

    def _draw_pixel(
        self,
        sample: Sample,
        reader: CachedReader,
        rng: np.random.Generator,
        select: Callable[[Mask], NDArray[np.bool_]],
    ) -> tuple[int, int] | None:
        """Returns row and column of a random pixel that `select` marks; None without such a pixel."""
        for step in (_STEP, 1):  # a coarse search finds all but the smallest objects
            top, left = (int(rng.integers(min(step, side))) for side in sample.size)  # so that any pixel can be drawn
            rest = Window(top, left, sample.size[0] - top, sample.size[1] - left)
            positions = np.argwhere(select(reader.mask(sample.pair, sample.size, rest, step)))
            if len(positions):
                row, column = positions[rng.integers(len(positions))]
                return top + int(row) * step, left + int(column) * step
        return None

    def _random_window(self, size: Size, rng: np.random.Generator) -> Window:
        top, left = (int(rng.integers(max(0, length - side) + 1)) for length, side in zip(size, self.size, strict=True))
        return Window(top, left, *self.size)

    def _window_around(self, size: Size, center: Sequence[int]) -> Window:
        """Returns the window around a pixel, shifted inside the photograph."""
        top, left = (
            min(max(0, middle - side // 2), max(0, length - side))
            for middle, side, length in zip(center, self.size, size, strict=True)
        )
        return Window(top, left, *self.size)
