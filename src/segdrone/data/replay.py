"""Train on labeled photographs of another dataset beside those of the own one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import DatasetFolder, open_dataset
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.label_judgment import judge_labels
from segdrone.data.masks.label_sample import sample_labels
from segdrone.data.sampling import Sample
from segdrone.errors import DataError

log = logging.getLogger(__name__)

_READING = ("bands", "stretch", "mask_encoding", "colour_tolerance", "mask_threshold", "unknown")
"""Options of the dataset to train on that say how files of both are read."""


def open_replay(
    config: DataConfig,
    model: ModelClasses,
    ids: Sequence[str] | None,
    splits: Mapping[str, Sequence[ImageMaskPair]],
) -> DatasetFolder:
    """Opens the dataset of `config.replay`, whose classes are mapped to those of a model by name.

    Args:
        config: The dataset to train on, which says how the other one's photographs and masks are read too.
        model: The classes that are trained.
        ids: Photographs of the other dataset to train on; None, or where one of them is missing: its own train split.
        splits: Photographs of the dataset to train on, by split.

    Raises:
        DataError: The folder does not exist or is no dataset, its masks cannot be read or have classes that are not
            trained, or photographs of it are among those of `val` and `test`.
    """
    root = Path(str(config.replay))
    if not root.is_dir():
        raise DataError(f"data.replay={root} does not exist: give a folder of photographs and masks")
    other = DataConfig(root=str(root), allow_unpaired=True, **{key: getattr(config, key) for key in _READING})
    try:
        dataset = open_dataset(other, model=model)
        known = {pair.id for pair in dataset.pairs}
        if ids and known.issuperset(ids):
            dataset = DatasetFolder(other, dataset.files, dataset.encoding, {"train": ids})
        count = len(dataset.splits["train"])
        remarks = judge_labels(sample_labels(dataset.splits["train"], (), dataset.encoding), dataset.encoding)
    except DataError as error:
        raise DataError(f"data.replay={root} cannot be used: {error}") from None
    if not count:
        raise DataError(f"data.replay={root} has no photographs to train on: give another folder")
    _refuse_scored(root, dataset.splits["train"], [*splits["val"], *splits["test"]])
    for remark in remarks:
        if remark.kind != "absent":
            log.warning("data.replay=%s: %s", root, remark)
    log.info("%d labeled photographs of %s are trained on too, split %s", count, root, dataset.split.by)
    return dataset


def _refuse_scored(root: Path, replayed: Sequence[ImageMaskPair], scored: Sequence[ImageMaskPair]) -> None:
    files = {pair.image.resolve() for pair in replayed}
    if both := [pair.image for pair in scored if pair.image.resolve() in files]:
        raise DataError(
            f"{len(both)} photographs of data.replay={root} are among those for validation and test, such as "
            f"{both[0]}: give another folder"
        )


def mix(own: Sequence[Sample], replayed: Sequence[Sample], share: float) -> list[Sample]:
    """Returns all samples of two datasets, those of one of them several times, so that the second has a share.

    Args:
        own: Samples of the first.
        replayed: Samples of the second.
        share: Share of the samples that are returned, above 0 and below 1, that the second has.

    Example:
        >>> mix(["own"], ["a", "b", "c"], 0.5)
        ['own', 'own', 'own', 'a', 'b', 'c']
    """
    from_own = max(len(own), round(len(replayed) * (1 - share) / share))
    from_other = max(len(replayed), round(len(own) * share / (1 - share)))
    return [*islice(cycle(own), from_own), *islice(cycle(replayed), from_other)]
