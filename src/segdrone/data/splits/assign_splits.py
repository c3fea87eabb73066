"""Decide which photographs are train, val and test, and say what could make scores on them too high."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from segdrone.data.config import DataConfig
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.splits.groups import describe_groups, folder_of, group_photographs
from segdrone.data.splits.photo_names import mosaic_tiles, source_photographs
from segdrone.data.splits.split import SPLITS, hold_out, random_split, read_split, split_groups
from segdrone.errors import DataError

_FACTOR = 2  # a split of groups is told if it is that much larger or smaller than its share


class Split(NamedTuple):
    """The split of a dataset.

    Attributes:
        ids: Names of the photographs in `train`, `val` and `test`.
        source: `data.split_dir` or `data.split_by` where given, else `folders` or `random`.
        by: What decided it, in a few words, for reports.
        notes: What was chosen for the user, or may make scores too high; one sentence each.
    """

    ids: dict[str, list[str]]
    source: str
    by: str
    notes: tuple[str, ...] = ()


def assign_splits(config: DataConfig, pairs: Sequence[ImageMaskPair], stated_by: str = "") -> Split:
    """Splits photographs: by lists of `config.split_dir`, by `config.split_by`, by split folders, or else at random.

    The random split by photograph is that of the tutorial. It is one by group if names tell augmented copies of one
    photograph, so that copies are never divided.

    Args:
        config: The choices of the user.
        pairs: The photographs.
        stated_by: What states the split of the pairs, as in `DatasetFiles.split_by`; empty for their folders.

    Raises:
        DataError: As `read_split`, `random_split` and `group_photographs`; or there are too few groups.
        ConfigError: As `group_photographs`.
    """
    ids = [pair.id for pair in pairs]
    folders = {pair.split for pair in pairs if pair.split is not None}
    if config.split_dir is not None:
        split = Split(read_split(Path(config.split_dir), ids), config.split_dir, f"by the lists in {config.split_dir}")
    elif config.split_by is not None:
        groups = group_photographs(pairs, config.split_by, config.split_distance)
        ignored = stated_by or f"the folders {', '.join(sorted(folders))}" if folders else ""
        return _by_group(config, groups, f"data.split_by={config.split_by}", ignored)
    elif len(folders) > 1:
        split = _as_stated(config, pairs, stated_by)
    else:
        return _at_random(config, pairs)
    return split._replace(notes=(*split.notes, *_told_by_names(split.ids)))


def split_unlabeled(
    config: DataConfig, labeled: Sequence[ImageMaskPair], unlabeled: Sequence[ImageMaskPair], stated_by: str = ""
) -> Split:
    """Splits photographs of which some or none have a mask: those without train, the others validate and test.

    Lists and split folders are taken as they are; `stated_by` is that of `assign_splits`.

    Raises:
        DataError: As `assign_splits`; or a photograph without a mask is listed for validation or test.
    """
    without = [pair.id for pair in unlabeled]
    if config.split_dir is not None:
        split = assign_splits(config, [*labeled, *unlabeled])
        if wrong := sorted({*without} & {*split.ids["val"], *split.ids["test"]}):
            raise DataError(
                f"{len(wrong)} photographs that data.split_dir={config.split_dir} lists for validation or test have no "
                f"mask to score with, {wrong[0]} first: list them in train.txt"
            )
        return split
    if not labeled:
        ids = {"train": without, "val": [], "test": []}
        return Split(ids, "unlabeled", "by masks: no photograph has one, all train")
    if len({pair.split for pair in labeled} - {None}) > 1:
        split = assign_splits(config, labeled, stated_by)
        return split._replace(ids={**split.ids, "train": sorted([*split.ids["train"], *without])})
    by = f"by masks: photographs without one train, the {len(labeled)} others validate and test"
    if config.split_by is None:
        val, test = hold_out(sorted(pair.id for pair in labeled), config.test_share, config.split_seed)
        return Split({"train": without, "val": val, "test": test}, "unlabeled", by)
    split = assign_splits(config.replace(val_share=0.0), labeled)
    ids = {"train": without, "val": split.ids["train"], "test": split.ids["test"]}
    return Split(ids, "unlabeled", f"{by}, {split.by}", split.notes)


def _by_group(config: DataConfig, groups: Mapping[str, str], what: str, ignored: str = "") -> Split:
    try:
        ids = split_groups(groups, test=config.test_share, val=config.val_share, seed=config.split_seed)
    except DataError as error:
        raise DataError(
            f"{what}: {error} ({describe_groups(groups.values())}): give another data.split_by, data.test_share=0 or "
            "data.val_share=0, or data.split_dir=FOLDER"
        ) from None
    count = len(set(groups.values()))
    notes = []
    if ignored:
        notes.append(f"{what} splits anew: {ignored} are not the split")
    for name, share in (("test", config.test_share), ("val", (1 - config.test_share) * config.val_share)):
        reached = len(ids[name]) / len(groups)
        if share and not share / _FACTOR <= reached <= share * _FACTOR and count < len(groups) / 2:
            notes.append(
                f"{name} has {reached:.0%} of the photographs instead of {share:.0%}, since there are only {count} "
                f"groups ({describe_groups(groups.values())}): data.split_dir=FOLDER gives lists of your own"
            )
    by = f"at random in {count} groups by {what}, data.split_seed={config.split_seed}"
    return Split(ids, config.split_by or "random", by, tuple(notes))


def _as_stated(config: DataConfig, pairs: Sequence[ImageMaskPair], stated_by: str) -> Split:
    """Takes split folders, or lists in a dataset, as they are. If they have no val, photographs of train validate."""
    ids = {name: [pair.id for pair in pairs if (pair.split or "train") == name] for name in SPLITS}
    stated_by = stated_by or f"the folders {', '.join(name for name in SPLITS if ids[name])}"
    by, notes = f"by {stated_by}", []
    if outside := [pair.id for pair in pairs if pair.split is None]:
        notes.append(
            f"{len(outside)} photographs are in no split folder and train, such as {outside[0]}: data.split_dir=FOLDER "
            "gives lists of your own"
        )
    groups = source_photographs(ids["train"])
    if not ids["val"] and config.val_share and len(set(groups.values())) > 1:
        if len(set(groups.values())) < len(groups):
            held = split_groups(groups, test=0, val=config.val_share, seed=config.split_seed)
        else:
            held = random_split(ids["train"], test=0, val=config.val_share, seed=config.split_seed)
        ids = {**ids, "train": held["train"], "val": held["val"]}
        by += f", val at random from train, data.split_seed={config.split_seed}"
        notes.append(
            f"{stated_by} hold no validation photographs: {len(ids['val'])} of train validate (data.val_share="
            f"{config.val_share}); data.val_share=0 trains on them instead"
        )
        folders = {pair.id: folder_of(pair) for pair in pairs if (pair.split or "train") == "train"}
        if len({*folders.values()}) > 1 and divided_groups(folders, {name: ids[name] for name in ("train", "val")}):
            notes.append(
                f"photographs of one folder both train and validate ({describe_groups(folders.values())}): if they "
                "show the same ground, validation scores will be too high; data.split_dir=FOLDER gives your own lists"
            )
    return Split(ids, "folders", by, tuple(notes))


def _at_random(config: DataConfig, pairs: Sequence[ImageMaskPair]) -> Split:
    ids = [pair.id for pair in pairs]
    sources = source_photographs(ids)
    if len(set(sources.values())) < len(ids):
        split = _by_group(config, sources, "the photographs that names call copies of")
        [(name, _)] = Counter(sources.values()).most_common(1)
        copies = [photo for photo in ids if sources[photo] == name][:2]
        note = (
            f"{len(ids)} photographs are {len(set(sources.values()))} with augmented copies by their names, such as "
            f"{' and '.join(copies)}: copies of one photograph are kept in one split; data.split_by=.+ divides them"
        )
        split = split._replace(notes=(note, *split.notes))
    else:
        names = random_split(ids, test=config.test_share, val=config.val_share, seed=config.split_seed)
        split = Split(names, "random", f"at random by photograph, data.split_seed={config.split_seed}")
    folders = {pair.id: folder_of(pair) for pair in pairs}
    if (count := len(set(folders.values()))) > 1 and divided_groups(folders, split.ids):
        note = (
            f"the photographs are in {count} folders ({describe_groups(folders.values())}), which the random split "
            "divides: if those of one folder show the same ground, scores will be too high; "
            "data.split_by=folder keeps each of them in one split"
        )
        return split._replace(notes=(*split.notes, note))
    return split._replace(notes=(*split.notes, *_told_by_names(split.ids)))


def _told_by_names(splits: Mapping[str, Sequence[str]]) -> list[str]:
    """Tells which copies of one photograph, and which tiles of one mosaic, are in several splits."""
    ids = [name for names in splits.values() for name in names]
    notes = []
    if copies := divided_groups(source_photographs(ids), splits):
        source, names = next(iter(copies.items()))
        notes.append(
            f"copies of {len(copies)} photographs are in several splits by their names, such as {' and '.join(names)} "
            f"of {source}: scores will be too high; list the copies of one photograph in one split"
        )
    tiles = mosaic_tiles(ids)
    if tiles is not None and (mosaics := divided_groups(tiles.mosaics, splits)):
        names = next(iter(mosaics.values()))
        enough = tiles.expression and len(set(tiles.mosaics.values())) >= len(SPLITS)
        remedy = (
            f"'data.split_by=\"{tiles.expression}\"' keeps each mosaic in one split"
            if enough
            else "list the tiles by place, with a strip between the splits, in data.split_dir=FOLDER"
        )
        notes.append(
            f"names such as {' and '.join(names)} differ only by row and column, as tiles of one mosaic do, and are in "
            f"several splits: scores will be too high where neighbors are trained on; {remedy}"
        )
    return notes


def divided_groups(groups: Mapping[str, str], splits: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Returns the groups that are in several splits, each with one photograph of each split.

    Example:
        >>> divided_groups({"a1": "a", "a2": "a", "b": "b"}, {"train": ["a1"], "test": ["a2", "b"]})
        {'a': ['a1', 'a2']}
    """
    examples: dict[str, dict[str, str]] = defaultdict(dict)
    for split, names in splits.items():
        for name in names:
            if name in groups:
                examples[groups[name]].setdefault(split, name)
    return {group: [*names.values()] for group, names in examples.items() if len(names) > 1}
