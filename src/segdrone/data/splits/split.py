"""Split photographs into train, val and test: at random by photograph or by group, or as files say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from segdrone.data.discovery.layout import SPLIT_WORDS
from segdrone.data.discovery.mask_names import stem
from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, read_text

SPLITS = ("train", "val", "test")
_MAX_LINES, _MAX_LINE = 300_000, 1000  # a path of many folders takes long to look up


def random_split(ids: Sequence[str], *, test: float = 0.1, val: float = 0.15, seed: int = 42) -> dict[str, list[str]]:
    """Splits ids at random: first test off all, then val off the rest.

    This is exactly the split of the tutorial, which calls scikit-learn's `train_test_split` twice on the sorted ids:
    the size of a split is rounded up, and its photographs are the first of a permutation by NumPy's RandomState.

    Args:
        ids: Names of the photographs, in any order.
        test: Share of all photographs to test on, 0 to 1.
        val: Share of the remaining photographs to validate on, 0 to 1.
        seed: Seed of both permutations.

    Raises:
        DataError: No photograph is left to train on.

    Example:
        >>> random_split(["a", "b", "c", "d"], test=0.25, val=0.25)
        {'train': ['a', 'c'], 'val': ['d'], 'test': ['b']}
    """
    rest, test_ids = hold_out(sorted(ids), test, seed)
    train_ids, val_ids = hold_out(rest, val, seed)
    if not train_ids:
        raise DataError(
            f"{len(ids)} photographs are too few to split: with data.test_share={test} and data.val_share={val} "
            "no photograph is left to train on; add photographs, or give data.split_dir=FOLDER"
        )
    return {"train": train_ids, "val": val_ids, "test": test_ids}


def hold_out(ids: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Returns the ids that are left, and a share of them that is taken away at random, rounded up."""
    held = math.ceil(share * len(ids))
    order = np.random.RandomState(seed).permutation(len(ids))
    return [ids[i] for i in order[held:]], [ids[i] for i in order[:held]]


def split_groups(
    groups: Mapping[str, str], *, test: float = 0.1, val: float = 0.15, seed: int = 42
) -> dict[str, list[str]]:
    """Splits ids at random so that all of a group are in one split, with sizes as close to the shares as that allows.

    Test gets the groups whose sizes add up closest to its share, and then val; of several choices, the seed decides.
    A split that would stay empty gets the smallest group.

    Args:
        groups: Group of each photograph, by id.
        test: Share of all photographs to test on, 0 to 1.
        val: Share of the remaining photographs to validate on, 0 to 1.
        seed: Seed of the order.

    Raises:
        DataError: There are fewer groups than splits.

    Example:
        >>> split_groups({"a1": "a", "a2": "a", "b1": "b", "c1": "c", "c2": "c"}, test=0.2, val=0.25)
        {'train': ['c1', 'c2'], 'val': ['a1', 'a2'], 'test': ['b1']}
    """
    members: dict[str, list[str]] = {}
    for name in sorted(groups):
        members.setdefault(groups[name], []).append(name)
    test_size = math.ceil(test * len(groups))
    wanted = {"test": test_size, "val": math.ceil(val * (len(groups) - test_size))}
    wanted = {split: size for split, size in wanted.items() if size}
    if len(members) <= len(wanted):
        raise DataError(
            f"{len(members)} groups of {len(groups)} photographs are too few to split into {len(wanted) + 1} parts"
        )
    names = sorted(members)
    left = [members[names[i]] for i in np.random.RandomState(seed).permutation(len(names))]
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for number, (split, size) in enumerate(wanted.items(), 1):
        most = len(left) - (len(wanted) - number) - 1  # one group is left for each of the other splits
        chosen = _closest_sum([len(group) for group in left], size)[:most]
        chosen = chosen or [min(range(len(left)), key=lambda index: len(left[index]))]
        splits[split] = sorted(name for index in chosen for name in left[index])
        left = [group for index, group in enumerate(left) if index not in set(chosen)]
    splits["train"] = sorted(name for group in left for name in group)
    return splits


def _closest_sum(sizes: Sequence[int], target: int) -> list[int]:
    """Returns the indices of sizes whose sum is closest to a target, the larger ones first; of several, early ones."""
    reachable = [1]  # bit s of the i-th: some of the first i sizes add up to s
    for size in sizes:
        reachable.append((reachable[-1] | reachable[-1] << size) & ((2 << 2 * target) - 1))
    total = min((s for s in range(2 * target + 1) if reachable[-1] >> s & 1), key=lambda s: abs(s - target))
    chosen = []
    for index in range(len(sizes) - 1, -1, -1):
        if not reachable[index] >> total & 1:
            chosen.append(index)
            total -= sizes[index]
    return sorted(chosen, key=lambda index: -sizes[index])


def read_split(folder: Path, ids: Sequence[str]) -> dict[str, list[str]]:
    """Reads `train.txt`, `val.txt` (or `valid.txt`) and `test.txt`, one photograph per line; a missing file is empty.

    A line is an id, a file name, or a path below the dataset's folder.

    Args:
        folder: Folder of the files.
        ids: Names of the photographs that exist.

    Raises:
        DataError: The folder has none of the files, a file names a photograph that does not exist, or a photograph is
            named twice.
    """
    files = {split: _list_of(folder, split) for split in SPLITS}
    if not any(file.is_file() for file in files.values()):
        raise DataError(f"data.split_dir={folder} holds none of train.txt, val.txt, test.txt: fix the path")
    existing, owner = set(ids), dict[str, str]()
    names = Counter(PurePosixPath(name).name for name in ids)
    by_name = {PurePosixPath(name).name: name for name in ids if names[PurePosixPath(name).name] == 1}
    splits: dict[str, list[str]] = {}
    for split, file in files.items():
        splits[split] = [_find_id(line, existing, by_name) for line in read_lines(file) if line.strip()]
        missing = [name for name in splits[split] if name not in existing]
        if missing:
            raise DataError(
                f"{file} names {len(missing)} photographs that do not exist or have no mask, {missing[0]} first: "
                "remove them from the list, or add them to data.root"
            )
        for name in splits[split]:
            if name in owner:
                where = f"twice in {file}" if owner[name] == split else f"in {files[owner[name]]} and in {file}"
                raise DataError(f"photograph {name} is listed {where}: list it once, or scores would be too good")
            owner[name] = split
    return splits


def read_lines(file: Path) -> list[str]:
    """Returns the lines of a list of photographs, whose names may have any bytes; none if the file is missing.

    Raises:
        DataError: It is no text, or has more or longer lines than such a list.
    """
    if not file.is_file():
        return []
    try:
        text = read_text(file, errors="surrogateescape")
        lines = text.split("\n")
        if "\0" in text:
            raise UnreadableError("it is not a UTF-8 text file")
        if len(lines) > _MAX_LINES or max(map(len, lines)) > _MAX_LINE:
            raise UnreadableError(f"it has more than {_MAX_LINES} lines, or one of more than {_MAX_LINE} characters")
    except UnreadableError as error:
        raise DataError(f"{file} cannot be read ({error}): write the name of one photograph per line") from None
    return lines


def _list_of(folder: Path, split: str) -> Path:
    """Returns the list of a split, which may have another usual name, such as `valid.txt`.

    Raises:
        DataError: There are two.
    """
    found = [file for word in SPLIT_WORDS[split] if (file := folder / f"{word}.txt").is_file()]
    if len(found) > 1:
        raise DataError(f"{found[0]} and {found[1]} are both lists of {split}: remove one of them")
    return found[0] if found else folder / f"{split}.txt"


def _find_id(line: str, ids: set[str], by_name: Mapping[str, str]) -> str:
    """Returns the id that a line means: an id, a file name, or a path of which one folder is not in the id."""
    path = PurePosixPath(line.removesuffix("\r"))
    for exact in (line, (path.parent / stem(path)).as_posix()):  # names may have spaces and backslashes
        if exact in ids:
            return exact
    name = line.strip()
    path = PurePosixPath(name.replace("\\", "/"))
    for parts in (path.parts, (*path.parts[:-1], stem(path))):  # 001.jpg means 001
        shorter = [(*parts[:i], *parts[i + 1 :]) for i in range(len(parts) - 1)]
        for candidate in (parts, *shorter):
            if (text := "/".join(candidate)) in ids:
                return text
    only = by_name.get(stem(path))
    if len(path.parts) == 1:
        return only or by_name.get(path.name, name)
    return only if only == stem(path) else name  # the id has no folders
