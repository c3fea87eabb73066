"""Read the split lists that are part of a layout, such as `ImageSets/Segmentation/train.txt` of Pascal VOC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.discovery.layout import SPLIT_WORDS
from segdrone.data.discovery.mask_names import stem
from segdrone.data.splits.split import read_lines
from segdrone.raster.header import IMAGE_SUFFIXES

_UNLISTED = "photographs in no list"


def apply_lists(files: DatasetFiles, folders: Sequence[str]) -> DatasetFiles:
    """Returns the dataset with the split of the first folder of lists; as it is, if there is none.

    Photographs that are in no list are passed over, unless most are.

    Args:
        files: The dataset.
        folders: Folders of the lists, below the root or a folder above the photographs.
    """
    for base in (files.root, *files.images.parents):
        for folder in folders:
            lists = _read(base / folder) if base.is_relative_to(files.root) else {}
            if len({*lists.values()}) > 1:
                return _apply(files, lists, base / folder)
    return files


def _apply(files: DatasetFiles, lists: dict[str, str], folder: Path) -> DatasetFiles:
    splits = {pair.id: lists.get(pair.id) or lists.get(PurePosixPath(pair.id).name) for pair in files.pairs}
    unlisted = [pair.image for pair in files.pairs if splits[pair.id] is None]
    if 2 * len(unlisted) > len(files.pairs):
        note = f"the lists in {folder} name {len(files.pairs) - len(unlisted)} of {len(files.pairs)} photographs and "
        note += f"are not taken as the split: give data.split_dir={folder} to use them"
        return replace(files, notes=(*files.notes, note))
    return replace(
        files,
        pairs=[pair._replace(split=split) for pair in files.pairs if (split := splits[pair.id]) is not None],
        passed_over=files.passed_over | ({_UNLISTED: unlisted} if unlisted else {}),
        split_by=f"the lists in {folder}",
    )


def _read(folder: Path) -> dict[str, str]:
    """Returns the split of each name that is in exactly one of the lists."""
    splits: dict[str, set[str]] = {}
    for split, words in SPLIT_WORDS.items():
        for file in (folder / f"{word}.txt" for word in words):
            for line in filter(None, map(str.strip, read_lines(file))):
                for name in {line, line.split()[0]}:  # a name may contain spaces, and a label may follow it
                    is_file = name.lower().endswith(IMAGE_SUFFIXES)  # flight.0001 is a name without a suffix
                    splits.setdefault(stem(PurePosixPath(name if is_file else f"{name}.png")), set()).add(split)
    return {name: next(iter(found)) for name, found in splits.items() if len(found) == 1}
