"""Checks of the split: photographs alike, and what train, val and test hold."""

from __future__ import annotations

import numpy as np

from segdrone.data.split import SPLITS
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.hashes import near_duplicates
from segdrone.inspection.report import ERROR, WARNING, Check, Finding, about, counted, shown


def duplicates(seen: DatasetScan) -> Check:
    """Finds photographs that show one picture, above all where they stand in two splits."""
    owner = {name: split for split, names in seen.splits.items() for name in names}
    readable = [photograph for photograph in seen.photographs if photograph.hashes is not None]
    hashes = np.array([photograph.hashes for photograph in readable], np.uint64).reshape(-1, 8, 4)
    pairs: list[dict[str, object]] = []
    across: list[str] = []
    within: list[str] = []
    for i, j, distance in near_duplicates(hashes):
        first, second = readable[i], readable[j]
        splits = [owner.get(photograph.path.stem) for photograph in (first, second)]
        same = first.digest == second.digest
        names = [shown(photograph.path) for photograph in (first, second)]
        facts = {"first": names[0], "second": names[1], "same_file": same, "distance": distance, "splits": splits}
        told = [f"{name} ({split})" if split else name for name, split in zip(names, splits, strict=True)]
        line = f"{' and '.join(told)}: {'the same file' if same else f'alike, {distance} bits of 255 differ'}"
        pairs.append(facts)
        (across if None not in splits and splits[0] != splits[1] else within).append(line)
    return Check(
        "duplicates",
        f"{counted(len(pairs), 'pair')} of alike photographs among {len(readable)}, flips and quarter turns included",
        [
            *about(
                WARNING,
                across,
                "pair",
                "of alike photographs in two splits, so the scores will flatter: "
                "remove one of the two, or put both into one split with data.split_dir=FOLDER",
            ),
            *about(WARNING, within, "pair", "of alike photographs that count double: remove one of the two"),
        ],
        {"pairs": pairs},
    )


def splits(seen: DatasetScan) -> Check:
    """Finds what is wrong with the split itself, and classes that are scored but never learnt."""
    facts = {"source": seen.split_source, **{split: sorted(seen.splits.get(split, [])) for split in SPLITS}}
    if seen.split_refusal:
        return Check("splits", "no split", [Finding(ERROR, seen.split_refusal)], facts)
    held = {split: [seen.counts[name] for name in names if name in seen.counts] for split, names in seen.splits.items()}
    pixels = {split: np.sum(counts, axis=0) if counts else np.zeros(256, np.int64) for split, counts in held.items()}
    unlearnt = [
        f"{name} ({split})"
        for i, name in enumerate(seen.labels.table.names)
        for split in SPLITS[1:]
        if pixels[split][i] and not pixels["train"][i]
    ]
    unused = len(seen.pairs) - sum(map(len, seen.splits.values()))
    train = [] if seen.splits["train"] else [Finding(ERROR, "no photograph to train on: name some in train.txt")]
    val = [] if seen.splits["val"] else [Finding(WARNING, "no photograph to validate on: no epoch can be called best")]
    return Check(
        "splits",
        ", ".join(f"{split} {len(names)}" for split, names in seen.splits.items())
        + (f", in none {unused}" if unused else "")
        + (" (at random, as data.split_dir=null splits)" if seen.split_source == "random" else ""),
        [
            *train,
            *val,
            *about(WARNING, unlearnt, "class", "to be scored that train does not hold: move photographs to train"),
        ],
        facts,
    )
