"""Dataset statistics: pixels, photographs and connected components per class, and the colors of the photographs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, ImageMaskPair, open_dataset
from segdrone.data.class_weights import WEIGHTINGS, class_weights, mask_states
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_pair_mask, read_valid
from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from segdrone.raster.pixels import count_values
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size

Counts = NDArray[np.int64]

_SCALED_VALUES = np.arange(256) / 255


class _PairCounts(NamedTuple):
    pixels: Counts  # per class, [C]
    regions: Counts  # per class, [C]
    values: Counts  # per channel and value, [3, 256]


@dataclass(frozen=True)
class Stats:
    """Statistics of a dataset of N photographs and C classes.

    Attributes:
        table: The classes, after merging.
        ids: Ids of the photographs.
        sizes: Height and width of each, in pixels.
        pixels: Labeled pixels per photograph and class, int64 `[N, C]`.
        regions: 8-connected components per photograph and class, int64 `[N, C]`.
        values: Pixels per channel (red, green, blue) and value over all photographs, int64 `[3, 256]`.
        splits: Ids of `train`, `val`, `test`; empty if no split was given.
        mask_states: What `segdrone.data.class_weights.mask_states` returned before counting.
    """

    table: ClassTable
    ids: list[str]
    sizes: list[Size]
    pixels: Counts
    regions: Counts
    values: Counts
    splits: dict[str, list[str]]
    mask_states: list[str]

    @property
    def mean(self) -> list[float]:
        """Mean of each channel over all pixels, scaled to 0..1."""
        return [float(value) for value in self.values @ _SCALED_VALUES / self.values.sum(1)]

    @property
    def std(self) -> list[float]:
        """Population standard deviation of each channel over all pixels, scaled to 0..1."""
        squares = [counts @ (_SCALED_VALUES - mean) ** 2 for counts, mean in zip(self.values, self.mean, strict=True)]
        return [float(value) for value in np.sqrt(squares / self.values.sum(1))]

    @cached_property
    def photographs(self) -> Counts:
        """Number of photographs in which each class occurs, `[C]`."""
        return self.cooccurrence.diagonal()

    @cached_property
    def cooccurrence(self) -> Counts:
        """Number of photographs in which two classes both occur, `[C, C]`."""
        occurs = (self.pixels > 0).astype(np.int64)
        return occurs.T @ occurs

    @property
    def ignored(self) -> float:
        """Share of all pixels that are ignored, 0 to 1."""
        return 1 - int(self.pixels.sum()) / sum(height * width for height, width in self.sizes)

    def pixels_of(self, split: str) -> Counts:
        """Returns the rows of `pixels` of the photographs of a split."""
        return self.pixels[np.isin(self.ids, self.splits[split])]

    @cached_property
    def weights(self) -> dict[str, list[float]]:
        """Class weights per scheme, from the train split if a split was given, else from all photographs."""
        counts = self.pixels_of("train") if self.splits else self.pixels
        return {scheme: class_weights(scheme, counts) for scheme in WEIGHTINGS}


def dataset_stats(root: Path, *, workers: int | None = None, progress: bool = True, **options: Any) -> Stats:
    """Reads every photograph and mask at full size, and counts.

    Photographs are decoded completely. At an eighth of their size a JPEG would cost a third less, and the standard
    deviation would be 2 to 3 % too small. Pixels that a photograph marks as no data are not counted.

    Args:
        root: Folder of the dataset.
        workers: Number of threads, each of which needs 10 bytes per pixel of a photograph; None is one per core.
        progress: Whether to show a progress bar.
        **options: Further options of `DataConfig`. With `split_dir` or `split_by`, counts are also given per split,
            and class weights come from the train split alone.

    Raises:
        DataError: The dataset or the split cannot be read, or no photograph has data.
        ConfigError: An option is unknown or out of range.

    Example:
        >>> stats = dataset_stats(Path("datasets/mine"), classes="classes.csv")  # doctest: +SKIP
        >>> stats.mean  # doctest: +SKIP
        [0.45, 0.44, 0.41]
    """
    config = DataConfig.from_dict({"root": str(root), **options})
    dataset = open_dataset(config)
    pairs, encoding = dataset.pairs, dataset.encoding
    ids = [pair.id for pair in pairs]
    is_split = config.split_dir is not None or config.split_by is not None
    splits = dataset.split.ids if is_split else {}
    states = mask_states(pairs, encoding)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:  # decoding and counting release Python's lock
        results = pool.map(partial(_count, encoding=encoding), pairs)
        counts = list(progress_bar(results, "statistics", total=len(pairs), unit="photograph", disable=not progress))
    if not any(pair.values.any() for pair in counts):
        raise DataError(
            f"the photographs in {root} mark all of their pixels as no data: if they are not transparent, leave alpha "
            "out with data.bands=[1,2,3]"
        )
    return Stats(
        table=encoding.table,
        ids=ids,
        sizes=[pair.size for pair in pairs],
        pixels=np.stack([pair.pixels for pair in counts]),
        regions=np.stack([pair.regions for pair in counts]),
        values=np.sum([pair.values for pair in counts], axis=0),
        splits=splits,
        mask_states=states,
    )


def _count(pair: ImageMaskPair, encoding: MaskEncoding) -> _PairCounts:
    mask, image = read_pair_mask(pair, encoding), read_image(pair.image, channels=pair.channels)
    if pair.marks_no_data:
        image = image[read_valid(pair)][:, None]
    pixels = count_values(mask)[: len(encoding.table)]
    regions = np.array([_count_regions(mask, i) if n else 0 for i, n in enumerate(pixels)], np.int64)
    return _PairCounts(pixels, regions, np.stack([count_values(image, channel) for channel in range(3)]))


def _count_regions(mask: NDArray[np.uint8], class_id: int) -> int:
    """Counts the 8-connected components of a class, within its bounding box, which takes half the time."""
    binary = cv2.inRange(mask, class_id, class_id)
    left, top, width, height = cv2.boundingRect(binary)
    return cv2.connectedComponents(binary[top : top + height, left : left + width], connectivity=8)[0] - 1
