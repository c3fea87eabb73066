"""Split photographs into train, val and test: by photograph, never by tile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segdrone.data.layout import stem
from segdrone.errors import DataError

SPLITS = ("train", "val", "test")


def random_split(ids: Sequence[str], *, test: float = 0.1, val: float = 0.15, seed: int = 42) -> dict[str, list[str]]:
    """Splits sorted ids at random, twice: first the test split off, then val off the rest.

    Photograph by photograph the split that the tutorial makes with two calls of scikit-learn's
    `train_test_split`: a split's size is rounded up, and a permutation by NumPy's RandomState gives
    its photographs first.

    Args:
        ids: Names of the photographs, in any order.
        test: Share of all that is tested on, 0 to 1.
        val: Share of the rest that is validated on, 0 to 1.
        seed: Seed of both permutations.

    Raises:
        DataError: No photograph is left to train on.
    """
    rest, test_ids = _hold_out(sorted(ids), test, seed)
    train_ids, val_ids = _hold_out(rest, val, seed)
    if not train_ids:
        raise DataError(
            f"{len(ids)} photographs are too few to split: at a test share of {test} and a val share of {val} "
            "none is left to train on; add photographs or give data.split_dir=FOLDER"
        )
    return {"train": train_ids, "val": val_ids, "test": test_ids}


def _hold_out(ids: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    held = math.ceil(share * len(ids))
    order = np.random.RandomState(seed).permutation(len(ids))
    return [ids[i] for i in order[held:]], [ids[i] for i in order[:held]]


def read_split(folder: Path, ids: Sequence[str]) -> dict[str, list[str]]:
    """Reads `train.txt`, `val.txt` and `test.txt`, one id or file name a line; an absent file is an empty split.

    Args:
        folder: Where the files lie.
        ids: The photographs that are there.

    Raises:
        DataError: The folder has none of the files, a file names a photograph that is not there or
            one twice, or two files name the same one.
    """
    files = {split: folder / f"{split}.txt" for split in SPLITS}
    if not any(file.is_file() for file in files.values()):
        raise DataError(f"data.split_dir={folder} holds none of train.txt, val.txt, test.txt: mend the path")
    there, owner = set(ids), dict[str, str]()
    splits: dict[str, list[str]] = {}
    for split, file in files.items():
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines() if file.is_file() else []
        except UnicodeDecodeError:
            raise DataError(f"{file} is no text file in UTF-8: write one photograph's name a line") from None
        names = [line.strip() for line in lines if line.strip()]
        stems = [stem(Path(name)) for name in names]  # 001.jpg may stand for 001
        splits[split] = [
            stem if name not in there and stem in there else name for name, stem in zip(names, stems, strict=True)
        ]
        missing = [name for name in splits[split] if name not in there]
        if missing:
            raise DataError(
                f"{file} names {len(missing)} photographs that are not there, {missing[0]} first: "
                "take them off the list or put them into data.root"
            )
        for name in splits[split]:
            if name in owner:
                where = f"twice in {file}" if owner[name] == split else f"in {files[owner[name]]} and in {file}"
                raise DataError(f"photograph {name} stands {where}: keep it once, or the scores would not be honest")
            owner[name] = split
    return splits
