"""Checks of the split: near duplicates, and the content of train, val and test."""

from __future__ import annotations

import numpy as np

from segdrone.data.split import SPLITS
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.data.hashes import near_duplicates
from segdrone.inspection.report import ERROR, WARNING, Check, Finding, findings, format_count, short_path


def duplicates(scan: DatasetScan) -> Check:
    """Finds near-duplicate photographs, above all those in two splits."""
    split_of = {name: split for split, names in scan.splits.items() for name in names}
    readable = [image for image in scan.images if image.hashes is not None]
    hashes = np.array([image.hashes for image in readable], np.uint64).reshape(-1, 8, 4)
    pairs: list[dict[str, object]] = []
    across: list[str] = []
    within: list[str] = []
    for i, j, distance in near_duplicates(hashes):
        first, second = readable[i], readable[j]
        splits = [split_of.get(image.path.stem) for image in (first, second)]
        is_same = first.digest == second.digest
        names = [short_path(image.path) for image in (first, second)]
        facts = {"first": names[0], "second": names[1], "same_file": is_same, "distance": distance, "splits": splits}
        labels = [f"{name} ({split})" if split else name for name, split in zip(names, splits, strict=True)]
        line = f"{' and '.join(labels)}: {'the same file' if is_same else f'similar, {distance} bits of 255 differ'}"
        pairs.append(facts)
        (across if None not in splits and splits[0] != splits[1] else within).append(line)
    return Check(
        "duplicates",
        f"{format_count(len(pairs), 'pair')} of near duplicates in {format_count(len(readable), 'photograph')}, "
        "flips and quarter turns included",
        [
            *findings(
                WARNING,
                across,
                "pair",
                "of near duplicates in two splits, which makes scores too high: "
                "remove one of the two, or put both into one split with data.split_dir=FOLDER",
            ),
            *findings(WARNING, within, "pair", "of near duplicates, which count double: remove one of the two"),
        ],
        {"pairs": pairs},
    )


def splits(scan: DatasetScan) -> Check:
    """Finds problems of the split itself, and classes that are scored but cannot be learned."""
    facts = {"source": scan.split_source, **{split: sorted(scan.splits.get(split, [])) for split in SPLITS}}
    if scan.split_error:
        return Check("splits", "no split", [Finding(ERROR, scan.split_error)], facts)
    counts = {
        split: [scan.counts[name] for name in names if name in scan.counts] for split, names in scan.splits.items()
    }
    pixels = {split: np.sum(rows, axis=0) if rows else np.zeros(256, np.int64) for split, rows in counts.items()}
    not_in_train = [
        f"{name} ({split})"
        for i, name in enumerate(scan.encoding.table.names)
        for split in SPLITS[1:]
        if pixels[split][i] and not pixels["train"][i]
    ]
    unused = len(scan.pairs) - sum(map(len, scan.splits.values()))
    no_train = Finding(ERROR, "no photograph to train on: list some in train.txt")
    no_val = Finding(WARNING, "no photograph to validate on: training cannot choose its best epoch by validation")
    return Check(
        "splits",
        ", ".join(f"{split} {len(names)}" for split, names in scan.splits.items())
        + (f", in no split {unused}" if unused else "")
        + (" (at random, as with data.split_dir=null)" if scan.split_source == "random" else ""),
        [
            *([] if scan.splits["train"] else [no_train]),
            *([] if scan.splits["val"] else [no_val]),
            *findings(WARNING, not_in_train, "class", "scored but absent from train: move photographs to train"),
        ],
        facts,
    )
