"""Open a dataset, in the same way for training, checks, statistics, pictures and scores."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from segdrone.classes import ClassTable
from segdrone.data.config import DataConfig
from segdrone.data.discovery.dataset_classes import ModelClasses, find_encoding
from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.discovery.find_dataset import find_dataset, find_masks
from segdrone.data.discovery.pairs import ImageMaskPair, build_photographs, find_pairs
from segdrone.data.discovery.unlabeled import find_unlabeled
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.splits.assign_splits import Split, assign_splits, split_unlabeled
from segdrone.data.splits.split import SPLITS
from segdrone.data.splits.split_lists import include_unlisted
from segdrone.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset: its folders, the encoding of its masks, and its pairs and splits.

    With `config.unlabeled`, photographs of `train` have no mask: one that there is is not used.

    Pairs are found and splits are made on first use. This reads file headers only.

    Attributes:
        config: The choices it was opened with.
        files: Photographs and masks, as they were found.
        encoding: How mask files hold classes.
        ids: Names of the photographs in `train`, `val` and `test`, replacing the split of `config`.
    """

    config: DataConfig
    files: DatasetFiles
    encoding: MaskEncoding
    ids: Mapping[str, Sequence[str]] | None = None

    @property
    def root(self) -> Path:
        """The dataset's folder."""
        return Path(self.config.root)

    @property
    def table(self) -> ClassTable:
        """Classes after merging."""
        return self.encoding.table

    @cached_property
    def pairs(self) -> list[ImageMaskPair]:
        """Photographs with their masks, sorted by id.

        Raises:
            DataError: As `find_pairs`.
        """
        return find_pairs(
            self.files,
            allow_unpaired=self.config.allow_unpaired or self.config.unlabeled,
            channels=self.config.channels,
        )

    @cached_property
    def unlabeled(self) -> list[ImageMaskPair]:
        """With `config.unlabeled`, photographs that have no mask, sorted by id; else none.

        Raises:
            DataError: As `build_photographs`; or two have the same name.
        """
        if not self.config.unlabeled:
            return []
        labeled = {pair.image for pair in (*self.files.pairs, *self.files.unlisted)}
        paths: dict[str, Path] = {}
        for path, name in self.files.photographs.items():
            if path not in labeled and paths.setdefault(name, path) != path:
                raise DataError(f"{paths[name]} and {path} have the same name: rename or remove one of them")
        return build_photographs(paths, self.config.channels)

    @cached_property
    def split(self) -> Split:
        """Which photographs are in which split, and what decided it; its notes are logged as warnings.

        Raises:
            DataError: As `pairs` and `assign_splits`.
        """
        if self.ids is not None:
            return Split({split: [*self.ids.get(split, [])] for split in SPLITS}, "given", "as given")
        pairs, unlabeled = self.pairs, self.unlabeled
        by = self.files.split_by
        split = (
            split_unlabeled(self.config, pairs, unlabeled, by) if unlabeled else assign_splits(self.config, pairs, by)
        )
        for note in split.notes:
            log.warning("%s", note)
        return split

    @cached_property
    def splits(self) -> dict[str, list[ImageMaskPair]]:
        """Pairs of `train`, `val`, `test` and `all`.

        Raises:
            DataError: As `pairs` and `assign_splits`; or a photograph of `ids` is missing.
        """
        photographs, ids = [*self.pairs, *self.unlabeled], self.split.ids
        pairs = {pair.id: pair for pair in photographs}
        missing = [name for split in SPLITS for name in ids[split] if name not in pairs]
        if missing:
            first = missing[0]
            now = [name for name in pairs if f"/{name}".endswith(f"/{first}") or f"/{first}".endswith(f"/{name}")]
            there = f" ({now[0]} may be {first}: names have folders only where one occurs twice)" if now else ""
            raise DataError(
                f"{len(missing)} photographs of the split, {first} first, are not in data.root={self.root} or have no "
                f"mask{there}: use all photographs there with split=all, or give data.split_dir=FOLDER"
            )
        splits = {split: [pairs[name] for name in ids[split]] for split in SPLITS} | {"all": photographs}
        if self.config.unlabeled:
            splits["train"] = [replace(pair, mask=None) for pair in splits["train"]]
        return splits


def open_dataset(
    config: DataConfig,
    *,
    ids: Mapping[str, Sequence[str]] | None = None,
    masks_only: bool = False,
    model: ModelClasses | None = None,
    unlisted: bool = False,
) -> DatasetFolder:
    """Opens a dataset of photographs and masks.

    Args:
        config: Where it is, how its masks hold classes, and how it is split.
        ids: Names of the photographs in `train`, `val` and `test`, replacing the split of `config`.
        masks_only: Open the masks in `config.masks` without photographs; a pair's `image` is then its mask.
        model: Classes of a model, to which those of the masks are mapped by name.
        unlisted: Include photographs that are in no list of the dataset's own split, which training passes over.

    Raises:
        DataError: The folders do not exist or have no known layout, or the class table, its groups or the
            encoding cannot be used.

    Example:
        >>> dataset = open_dataset(DataConfig(root="datasets/mine"))  # doctest: +SKIP
        >>> len(dataset.splits["train"]), dataset.table.names  # doctest: +SKIP
        (306, ('grass', 'road', 'roof'))
    """
    root, masks = Path(config.root), config.masks
    if masks_only and masks is not None:
        files = find_masks(root, masks)
    else:
        find = find_unlabeled if config.unlabeled else find_dataset
        files = find(root, config.images, masks, config.layout)
    is_split_anew = config.split_dir is not None or config.split_by is not None
    if unlisted or is_split_anew or not {pair.id for pair in files.unlisted}.isdisjoint(chain(*(ids or {}).values())):
        files = include_unlisted(files)
    files.tell()
    return DatasetFolder(config, files, find_encoding(config, files, model), ids)
