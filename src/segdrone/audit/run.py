"""Rank the labeled regions of a dataset by how much models doubt their labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.audit.calibrate import class_probabilities
from segdrone.audit.evidence import gather_evidence, grid_of, log_probabilities
from segdrone.audit.models import Judge, assign_judges, open_judges
from segdrone.audit.regions import find_regions
from segdrone.classes import ClassTable
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.instance_maps import InstanceMaps, find_instance_maps
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.sliding_window import read_truth
from segdrone.evaluation.trained_data import find_split
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size, Window

log = logging.getLogger(__name__)

_LEAST_CELLS = 16  # of a region that a network can say anything about
_FEW_REGIONS = 500  # with fewer, what is usual for a class is hardly learned


@dataclass(frozen=True)
class Audit:
    """The labeled regions of a dataset, the most doubtful first.

    Attributes:
        pairs: The photographs.
        encoding: How their masks hold classes.
        things: Numbers of the things in them.
        photographs: Index in `pairs` of the photograph of each region, int64 `[N]`.
        boxes: Top, left, height and width of each region, in pixels, int64 `[N, 4]`.
        areas: Pixels of each region, int64 `[N]`.
        labels: Ids of the given classes, int64 `[N]`.
        own: Mean probability that the models give each class, without what is learned from other regions, float32
            `[N, C]`.
        probabilities: Probability of each class, float32 `[N, C]`.
    """

    pairs: Sequence[ImageMaskPair]
    encoding: MaskEncoding
    things: InstanceMaps
    photographs: NDArray[np.int64]
    boxes: NDArray[np.int64]
    areas: NDArray[np.int64]
    labels: NDArray[np.int64]
    own: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self.encoding.table

    @property
    def scores(self) -> NDArray[np.float32]:
        """Probability of each region's label, increasing, float32 `[N]`."""
        return self.probabilities[np.arange(len(self.labels)), self.labels]

    @property
    def suggested(self) -> NDArray[np.int64]:
        """Ids of the likeliest other classes, int64 `[N]`."""
        others = self.probabilities.copy()
        others[np.arange(len(self.labels)), self.labels] = -1
        return np.asarray(others.argmax(axis=1), np.int64)

    def window(self, region: int) -> Window:
        """Returns the bounding box of a region."""
        return Window(*self.boxes[region].tolist())


def audit(
    root: str | Path,
    models: Sequence[Path],
    *,
    split: str = "all",
    min_area: int | None = None,
    device: str = "auto",
    scale: float | None = None,
    progress: bool = False,
    **options: Any,
) -> Audit:
    """Ranks the labeled regions of a dataset by how much models doubt their labels.

    A region is a connected component of a class, and where things are numbered a thing. Photographs are read and
    predicted one by one, each by the models that were not trained on it.

    Args:
        root: Folder of the dataset.
        models: Checkpoints, or files that `segdrone export` wrote.
        split: `train`, `val`, `test` or `all`.
        min_area: Regions of fewer pixels are left out; None: of less than 16 pixels at the network's scale.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
        scale: The network's scale, as of `Predictor`.
        progress: Show a progress bar.
        **options: Further options of `DataConfig`, such as `masks` or `split_dir`.

    Raises:
        DataError: The dataset cannot be read, its classes are not those of the models, or it has no region.
        CheckpointError: A model cannot be opened.
        ConfigError: An option is out of its range.

    Example:
        >>> found = audit("datasets/mine", [Path("a.ckpt"), Path("b.ckpt")])  # doctest: +SKIP
        >>> found.table.names[found.labels[0]], found.table.names[found.suggested[0]]  # doctest: +SKIP
        ('grass', 'roof')
    """
    if min_area is not None and min_area < 1:
        raise ConfigError(f"--min-area {min_area} must be 1 or more")
    judges = open_judges(models, device=device, scale=scale)
    first = judges[0].model
    datamodule = find_split(first.spec, first.training, split, {"root": str(root), **options}, tiled=True)
    pairs = [pair for pair in datamodule.splits[split] if pair.mask is not None]
    assigned = assign_judges(judges, [pair.id for pair in pairs])
    things = find_instance_maps(datamodule.dataset.files, pairs, encoding=datamodule.encoding)
    found = _collect(pairs, datamodule.encoding, things, assigned, min_area, progress)
    return _rank(pairs, datamodule.encoding, things, found)


def _collect(
    pairs: Sequence[ImageMaskPair],
    encoding: MaskEncoding,
    things: InstanceMaps,
    assigned: Mapping[str, Sequence[Judge]],
    min_area: int | None,
    progress: bool,
) -> list[tuple[NDArray[Any], ...]]:
    """Returns numbers (photograph, box, area, label), mean log-probabilities and context of all regions."""
    found: list[tuple[NDArray[Any], ...]] = []
    small = 0
    for number, pair in enumerate(progress_bar(pairs, desc="photographs", disable=not progress)):
        predictors = [judge.predictor for judge in assigned[pair.id]]
        mask = read_truth(pair, encoding, pair.size)
        numbers = things.read(pair.id, pair.size) if things else None
        grid = grid_of(predictors, pair.size)
        least = min_area or _least_area(pair.size, grid.size)
        regions = find_regions(mask, encoding.table, least, numbers)
        logs, labels = None, grid.sample(mask)
        for region in regions:
            if logs is None:
                sources = [predictor.open(pair.image) for predictor in predictors]
                logs = log_probabilities(predictors, encoding.table, sources, grid)
            evidence = gather_evidence(region, grid, logs, labels)
            place = np.array([number, *region.window, region.area, region.class_id], np.int64)
            found.append((place, *evidence))
        small += logs is None
    if not found:
        raise DataError(f"no label of the {len(pairs)} photographs has enough pixels: give a smaller --min-area")
    if small:
        log.warning("%d photographs have no label of enough pixels: give a smaller --min-area to judge them", small)
    return found


def _least_area(size: Size, grid: Size) -> int:
    return max(1, round(_LEAST_CELLS * size[0] * size[1] / (grid[0] * grid[1])))


def _rank(
    pairs: Sequence[ImageMaskPair],
    encoding: MaskEncoding,
    things: InstanceMaps,
    found: Sequence[tuple[NDArray[Any], ...]],
) -> Audit:
    places, logs, context = (np.stack(values) for values in zip(*found, strict=True))
    if len(places) < _FEW_REGIONS or len(pairs) == 1:
        log.warning(
            "%d regions of %d photographs are too few to learn which classes the model confuses: its own probabilities "
            "count most", len(places), len(pairs),
        )  # fmt: skip
    probabilities = class_probabilities(logs, context, places[:, 6], places[:, 0])
    order = np.argsort(probabilities[np.arange(len(places)), places[:, 6]], kind="stable")
    places = places[order]
    own = np.exp(logs[order] - np.logaddexp.reduce(logs[order], axis=1, keepdims=True))
    columns = places[:, 0], places[:, 1:5], places[:, 5], places[:, 6]
    return Audit(pairs, encoding, things, *columns, own, probabilities[order])
