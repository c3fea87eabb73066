"""Read the split lists that are part of a layout, such as `ImageSets/Segmentation/train.txt` of Pascal VOC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path, PurePosixPath

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.discovery.layout import SPLIT_WORDS
from segdrone.data.discovery.mask_names import stem
from segdrone.data.splits.split import read_lines
from segdrone.raster.header import IMAGE_SUFFIXES

_UNLISTED, _SHARED = "photographs in no list", "photographs in the lists of several splits"


def apply_lists(files: DatasetFiles, folders: Sequence[str]) -> DatasetFiles:
    """Returns the dataset with the split of the first folder of lists; as it is, if there is none.

    Photographs that are in no list, or in those of several splits, are passed over, unless most are.

    Args:
        files: The dataset.
        folders: Folders of the lists, below the root or a folder above the photographs.
    """
    for base in (files.root, *files.images.parents):
        for folder in folders:
            lists = _read(base / folder) if base.is_relative_to(files.root) else {}
            if len({split for splits in lists.values() for split in splits if len(splits) == 1}) > 1:
                return _apply(files, lists, base / folder)
            if several := [line for line, splits in lists.items() if len(splits) > 1]:
                return _leave_out(files, base / folder, several)
    return files


def include_unlisted(files: DatasetFiles) -> DatasetFiles:
    """Returns the dataset with the photographs that `apply_lists` passed over, for another split than that of lists."""
    passed = {what: paths for what, paths in files.passed_over.items() if what not in (_UNLISTED, _SHARED)}
    return replace(files, pairs=sorted([*files.pairs, *files.unlisted]), unlisted=[], passed_over=passed)


def _apply(files: DatasetFiles, lists: Mapping[str, Set[str]], folder: Path) -> DatasetFiles:
    found = _splits_of([pair.id for pair in files.pairs], lists)
    splits = {name: next(iter(of)) for name, of in found.items() if len(of) == 1}
    unlisted = [pair for pair in files.pairs if pair.id not in splits]
    if 2 * len(unlisted) > len(files.pairs):
        if several := [name for name, of in found.items() if len(of) > 1]:
            return _leave_out(files, folder, several)
        note = f"the lists in {folder} name {len(files.pairs) - len(unlisted)} of {len(files.pairs)} photographs and "
        note += f"are not taken as the split: give data.split_dir={folder} to use them"
        return replace(files, notes=(*files.notes, note))
    passed = {
        what: [pair.image for pair in unlisted if (pair.id in found) is is_found]
        for what, is_found in ((_UNLISTED, False), (_SHARED, True))
    }
    return replace(
        files,
        pairs=[pair._replace(split=splits[pair.id]) for pair in files.pairs if pair.id in splits],
        passed_over=files.passed_over | {what: paths for what, paths in passed.items() if paths},
        split_by=f"the lists in {folder}",
        unlisted=unlisted,
    )


def _leave_out(files: DatasetFiles, folder: Path, several: Sequence[str]) -> DatasetFiles:
    """Returns the dataset without the split of lists, several of which name the same photographs."""
    note = f"the lists in {folder} give {len(several)} photographs to several splits, {several[0]} first, and are not "
    note += "taken as the split: list each photograph once"
    return replace(files, notes=(*files.notes, note))


def _read(folder: Path) -> dict[str, set[str]]:
    """Returns the splits in whose lists each line is."""
    splits: dict[str, set[str]] = {}
    for split, words in SPLIT_WORDS.items():
        for file in (folder / f"{word}.txt" for word in words):
            for line in filter(None, map(str.strip, read_lines(file))):
                splits.setdefault(line, set()).add(split)
    return splits


def _splits_of(ids: Sequence[str], lists: Mapping[str, Set[str]]) -> dict[str, set[str]]:
    """Returns the splits in whose lists each photograph is; without those that are in none."""
    by_end: dict[str, list[str]] = {}  # a line may have fewer folders than an id
    for name in ids:
        parts = name.split("/")
        for start in range(len(parts)):
            by_end.setdefault("/".join(parts[start:]), []).append(name)
    known, splits = {*ids}, dict[str, set[str]]()
    for line, of in lists.items():
        for text in dict.fromkeys((line, line.split()[0])):  # a name may contain spaces, and a label may follow it
            names = _names(text)
            if found := next(([name] for name in names if name in known), by_end.get(names[0])):
                for name in found:
                    splits.setdefault(name, set()).update(of)
                break
    return splits


def _names(path: str) -> list[str]:
    """Returns the ids that a path in a list may mean: with all of its folders, all but one, or those at its end."""
    is_file = path.lower().endswith(IMAGE_SUFFIXES)  # flight.0001 is a name without a suffix
    name = stem(PurePosixPath(path if is_file else f"{path}.png"))
    folders = PurePosixPath(path).parts[:-1]
    but_one = [(*folders[:i], *folders[i + 1 :]) for i in range(len(folders))]
    ends = [folders[start:] for start in range(1, len(folders) + 1)]
    return ["/".join((*above, name)) for above in (folders, *but_one, *ends)]
