"""What a dataset holds: pixels, photographs and regions of each class, and the colours of the photographs."""

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
from tqdm import tqdm

from segdrone.classes import ClassTable
from segdrone.data.class_weights import WEIGHTINGS, class_weights
from segdrone.data.layout import find_folders
from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.mask_files import read_mask
from segdrone.data.pairs import ImageMaskPair, find_pairs
from segdrone.data.split import read_split
from segdrone.raster.decode import read_image
from segdrone.raster.pixels import count_values
from segdrone.windows import Size

Counts = NDArray[np.int64]

_SCALE = np.arange(256) / 255


class _Measured(NamedTuple):
    pixels: Counts  # by class, [C]
    regions: Counts  # by class, [C]
    values: Counts  # by channel and value, [3, 256]


@dataclass(frozen=True)
class Stats:
    """What a dataset of N photographs and C classes holds.

    Attributes:
        table: The classes, after merging.
        ids: The photographs.
        sizes: Height and width of each, in pixels.
        pixels: Labelled pixels by photograph and class, int64 `[N, C]`.
        regions: Connected regions likewise; pixels that touch by a corner are connected.
        values: Pixels by channel (red, green, blue) and value over all photographs, int64 `[3, 256]`.
        splits: Ids of `train`, `val`, `test`; empty where none were given.
    """

    table: ClassTable
    ids: list[str]
    sizes: list[Size]
    pixels: Counts
    regions: Counts
    values: Counts
    splits: dict[str, list[str]]

    @property
    def mean(self) -> list[float]:
        """Mean of each channel over all pixels, scaled to 0..1."""
        return [float(value) for value in self.values @ _SCALE / self.values.sum(1)]

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel over all pixels (divided by their number), scaled to 0..1."""
        squares = [counts @ (_SCALE - mean) ** 2 for counts, mean in zip(self.values, self.mean, strict=True)]
        return [float(value) for value in np.sqrt(squares / self.values.sum(1))]

    @cached_property
    def photographs(self) -> Counts:
        """In how many photographs each class occurs, `[C]`."""
        return self.cooccurrence.diagonal()

    @cached_property
    def cooccurrence(self) -> Counts:
        """In how many photographs both of two classes occur, `[C, C]`."""
        occurs = (self.pixels > 0).astype(np.int64)
        return occurs.T @ occurs

    @property
    def ignored(self) -> float:
        """Share of all pixels that are not labelled, 0 to 1."""
        return 1 - int(self.pixels.sum()) / sum(height * width for height, width in self.sizes)

    def of(self, split: str) -> Counts:
        """Returns the rows of `pixels` of a split's photographs."""
        return self.pixels[np.isin(self.ids, self.splits[split])]

    @cached_property
    def weights(self) -> dict[str, list[float]]:
        """Class weights by scheme, from the train split where there is one, else from all photographs."""
        counts = self.of("train") if self.splits else self.pixels
        return {scheme: class_weights(scheme, counts) for scheme in WEIGHTINGS}


def open_dataset(
    root: Path,
    *,
    images: str | None = None,
    masks: str | None = None,
    classes: str = "drone",
    groups: str | None = None,
    encoding: str = "auto",
    colour_tolerance: float = 0.0,
    threshold: int = 127,
    allow_unpaired: bool = False,
) -> tuple[list[ImageMaskPair], MaskEncoding]:
    """Finds and pairs the photographs and masks, and returns how the masks hold classes.

    Args:
        root: The dataset's folder.
        images: Its folder of photographs, where it has none of the known layouts.
        masks: Its folder of masks, likewise.
        classes: `drone`, or the path of a CSV file.
        groups: Classes to merge: `drone12`, `landing_zone`, or the path of a YAML file.
        encoding: One of `ENCODINGS`.
        colour_tolerance: See `MaskEncoding`.
        threshold: See `MaskEncoding`.
        allow_unpaired: Leave out what has no partner instead of refusing it.

    Raises:
        DataError: Anything that `find_folders`, `find_pairs`, `ClassTable.load`, `load_class_groups` or
            `MaskEncoding` refuse, or an unknown encoding.
    """
    labels = MaskEncoding.load(classes, groups, encoding, colour_tolerance, threshold)
    return find_pairs(*find_folders(root, images, masks), allow_unpaired=allow_unpaired), labels


def dataset_stats(
    root: Path,
    *,
    split_dir: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    **choices: Any,
) -> Stats:
    """Reads every photograph and mask at full size, and counts.

    Photographs are decoded whole: at an eighth of their size, by the JPEG decoder, a photograph would
    cost a third less, and the standard deviation would come out 2 to 3 % too small.

    Args:
        root: The dataset's folder.
        split_dir: Folder of train.txt, val.txt, test.txt: counts are also told by split, and class
            weights come from the train split alone.
        workers: Threads; each takes 10 bytes a pixel of a photograph. None is one per core.
        progress: Whether to show a progress bar.
        **choices: Further arguments of `open_dataset`.

    Raises:
        DataError: The dataset or the split cannot be read.
    """
    pairs, labels = open_dataset(root, **choices)
    splits = read_split(split_dir, [pair.id for pair in pairs]) if split_dir is not None else {}
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:  # decoding and counting release Python's lock
        each = pool.map(partial(_measure, labels=labels), pairs)
        measured = list(tqdm(each, "statistics", len(pairs), unit="photo", disable=not progress))
    return Stats(
        table=labels.table,
        ids=[pair.id for pair in pairs],
        sizes=[pair.size for pair in pairs],
        pixels=np.stack([one.pixels for one in measured]),
        regions=np.stack([one.regions for one in measured]),
        values=np.sum([one.values for one in measured], axis=0),
        splits=splits,
    )


def _measure(pair: ImageMaskPair, labels: MaskEncoding) -> _Measured:
    assert pair.mask is not None  # find_pairs gives masks
    mask = labels.remap(read_mask(pair.mask, labels))
    image = read_image(pair.image)
    pixels = count_values(mask)[: len(labels.table)]
    regions = np.array([_regions(mask, i) if n else 0 for i, n in enumerate(pixels)], np.int64)
    return _Measured(pixels, regions, np.stack([count_values(image, channel) for channel in range(3)]))


def _regions(mask: NDArray[np.uint8], class_id: int) -> int:
    """Counts the 8-connected regions of a class; within its bounding box, which halves the time."""
    own = cv2.inRange(mask, class_id, class_id)
    left, top, width, height = cv2.boundingRect(own)
    return cv2.connectedComponents(own[top : top + height, left : left + width], connectivity=8)[0] - 1
