"""Name the photographs of an import: equal names in several folders stay apart."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from segdrone.data.discovery.dataset_files import count_shared
from segdrone.errors import DataError


def unique_names(photographs: Iterable[Path]) -> dict[Path, str]:
    """Returns a name without suffix for each photograph: its stem or, if several have that, with its folders before.

    Of the folders, only those that differ are used, so `f1/images/a.jpg` and `f2/images/a.jpg` become `f1_a` and
    `f2_a`. Names differ in more than case and accents' encoding, as some disks take those for the same.

    Raises:
        DataError: Two photographs differ in their suffix only, or names are still the same.

    Example:
        >>> names = unique_names([Path("/x/f1/a.jpg"), Path("/x/f2/a.jpg"), Path("/x/b.jpg")])
        >>> list(names.values())
        ['f1_a', 'f2_a', 'b']
    """
    photographs = list(photographs)
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in photographs:
        groups[fold(path.stem)].append(path)
    names: dict[Path, str] = {}
    for group in groups.values():
        names.update({path: path.stem for path in group} if len(group) == 1 else _with_folders(group))
    owner: dict[str, Path] = {}
    for path in photographs:
        other = owner.setdefault(fold(names[path]), path)
        if other != path:
            raise DataError(f"{other} and {path} would share one mask: rename one of them, and its annotation")
    return {path: names[path] for path in photographs}


def _with_folders(group: list[Path]) -> dict[Path, str]:
    folders = [list(path.parent.parts) for path in group]
    start = count_shared(folders)
    end = count_shared([parts[start:][::-1] for parts in folders])
    return {
        path: "_".join([*parts[start : len(parts) - end], path.stem])
        for path, parts in zip(group, folders, strict=True)
    }


def fold(name: str) -> str:
    """Returns a name without its case and the encoding of its accents, by which some disks do not tell names apart."""
    return unicodedata.normalize("NFC", name).casefold()
