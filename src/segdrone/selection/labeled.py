"""What is labeled already: it is not picked again, and rare classes are counted in it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.data.class_weights import class_weights
from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import DataError
from segdrone.inspection.scan import usable_cores
from segdrone.raster.pixels import count_values
from segdrone.spec import ModelSpec
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)


class Labeled(NamedTuple):
    """Photographs with masks, and how these hold the classes of the model; None if they are not those."""

    pairs: list[ImageMaskPair]
    encoding: MaskEncoding | None


def open_labeled(root: Path, spec: ModelSpec) -> Labeled:
    """Opens a dataset of what is labeled. Photographs in it without a mask are not labeled.

    Its classes are compared with those of the model by name; if they differ, this is said once.

    Args:
        root: The dataset's folder.
        spec: The model's.

    Raises:
        DataError: It cannot be opened, or has no pair of a photograph and a mask.
    """
    config = DataConfig(root=str(root), allow_unpaired=True, bands=spec.bands, stretch=spec.stretch)
    groups, own = spec.class_groups, spec.classes
    encoding: MaskEncoding | None = None
    try:
        classes = ModelClasses(own, groups, None if groups else own, "the model")
        dataset = open_dataset(config, model=classes, unlisted=True)
        encoding, others = dataset.encoding, sorted({*own.names} - {*dataset.encoding.source.names} - {*(groups or ())})
        if others:
            log.warning("the model has %s, which --labeled %s has no class for", ", ".join(others[:5]), root)
    except DataError:
        dataset = open_dataset(config, unlisted=True)  # raises again, unless it was the classes
        others = [name for name in dataset.table.names if name not in own.names]
        log.warning(
            "--labeled %s has classes that the model lacks, such as %s: it is only used to leave out its photographs",
            root, ", ".join(others[:5]),
        )  # fmt: skip
    if not dataset.pairs:
        raise DataError(f"--labeled {root} has no photograph with a mask: give the dataset that the model learned from")
    return Labeled(dataset.pairs, encoding)


def count_classes(labeled: Labeled, table: ClassTable, *, progress: bool) -> NDArray[np.int64]:
    """Returns the labeled pixels of each class in each photograph, int64 `[N, C]`.

    Raises:
        DataError: The masks hold other classes, or one cannot be read.
    """
    encoding = labeled.encoding
    if encoding is None:
        raise DataError("rare classes cannot be counted in masks of other classes: give another --labeled or --by")

    def count(pair: ImageMaskPair) -> NDArray[np.int64]:
        return count_values(read_pair_mask(pair, encoding))[: len(table)]

    with ThreadPoolExecutor(usable_cores()) as pool:  # decoders release Python's lock
        bar = progress_bar(
            pool.map(count, labeled.pairs), "counting", total=len(labeled.pairs), unit="mask", disable=not progress
        )
        return np.array(list(bar), np.int64)


def rare_weights(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the weight of each class, `[C]`, mean 1: those of `segdrone.data.class_weights`; never seen: the largest.

    Args:
        counts: Pixels of each class, in each photograph, int64 `[N, C]`.

    Example:
        >>> rare_weights(np.array([[75, 25, 0]])).round(2).tolist()
        [0.67, 1.16, 1.16]
    """
    weights, occurs = np.array(class_weights("auto", counts)), counts.any(0)
    if occurs.any():
        weights[~occurs] = weights[occurs].max()
    return np.asarray(weights / weights.mean(), np.float64)
