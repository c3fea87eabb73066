"""Checks of the split: near duplicates, overlapping places, and the content of train, val and test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from segdrone.data.splits.assign_splits import divided_groups
from segdrone.data.splits.groups import overlapping_places
from segdrone.data.splits.hashes import near_duplicates
from segdrone.data.splits.photo_names import numbered_series
from segdrone.data.splits.split import SPLITS
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import ERROR, WARNING, Check, Finding, findings, format_count, short_path
from segdrone.inspection.scan import ScannedImage


def duplicates(scan: DatasetScan) -> Check:
    """Finds near-duplicate photographs, above all those in two splits."""
    readable = [image for image in scan.images if image.hashes is not None]
    hashes = np.array([image.hashes for image in readable], np.uint64).reshape(-1, 8, 4)
    pairs: list[dict[str, object]] = []
    across: list[str] = []
    within: list[str] = []
    for i, j, distance in near_duplicates(hashes):
        first, second = readable[i], readable[j]
        splits = [_split_of(scan, image) for image in (first, second)]
        is_same = first.digest == second.digest
        names = [short_path(image.path) for image in (first, second)]
        facts = {"first": names[0], "second": names[1], "same_file": is_same, "distance": distance, "splits": splits}
        line = f"{_label(scan, first)} and {_label(scan, second)}: "
        line += "the same file" if is_same else f"similar, {distance} bits of 255 differ"
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
                "of near duplicates in two splits, which makes scores too high: remove one of the two, or keep both in "
                "one split with data.split_by=similarity",
            ),
            *findings(WARNING, within, "pair", "of near duplicates, which count double: remove one of the two"),
        ],
        {"pairs": pairs},
    )


def splits(scan: DatasetScan) -> Check:
    """Finds problems of the split itself, and classes that are scored but cannot be learned."""
    ids = scan.split.ids
    lists = {split: sorted(ids.get(split, [])) for split in SPLITS}
    facts: dict[str, Any] = {"source": scan.split.source, "by": scan.split.by, **lists}
    if scan.split_error:
        return Check("splits", "no split", [Finding(ERROR, scan.split_error)], {**facts, "overlapping": []})
    counts = {split: [scan.counts[name] for name in names if name in scan.counts] for split, names in ids.items()}
    pixels = {split: np.sum(rows, axis=0) if rows else np.zeros(256, np.int64) for split, rows in counts.items()}
    not_in_train = [
        f"{name} ({split})"
        for i, name in enumerate(scan.encoding.table.names)
        for split in SPLITS[1:]
        if pixels[split][i] and not pixels["train"][i]
    ]
    unused = len(scan.pairs) - sum(map(len, ids.values()))
    overlapping = _overlapping(scan)
    no_train = Finding(ERROR, "no photograph to train on: list some in train.txt")
    no_val = Finding(WARNING, "no photograph to validate on: training cannot choose its best epoch by validation")
    return Check(
        "splits",
        ", ".join(f"{split} {len(names)}" for split, names in ids.items())
        + (f", in no split {unused}" if unused else "")
        + f" ({scan.split.by})",
        [
            *([] if ids["train"] else [no_train]),
            *([] if ids["val"] else [no_val]),
            *(Finding(WARNING, note) for note in scan.split.notes),
            *_shared_names(scan),
            *findings(
                WARNING,
                [f"{_label(scan, first)} and {_label(scan, second)}" for first, second in overlapping],
                "pair",
                "of photographs in two splits that show overlapping places by their GPS positions, which makes scores "
                "too high: data.split_by=gps keeps them in one split",
            ),
            *findings(WARNING, not_in_train, "class", "scored but absent from train: move photographs to train"),
        ],
        {**facts, "overlapping": [[short_path(image.path) for image in pair] for pair in overlapping]},
    )


def _split_of(scan: DatasetScan, image: ScannedImage) -> str | None:
    return scan.split_of.get(image.path, ("", None))[1]


def _label(scan: DatasetScan, image: ScannedImage) -> str:
    split = _split_of(scan, image)
    return f"{short_path(image.path)} ({split})" if split else short_path(image.path)


def _overlapping(scan: DatasetScan) -> list[tuple[ScannedImage, ScannedImage]]:
    """Returns the photographs of overlapping places that are in two splits."""
    used = [image for image in scan.images if _split_of(scan, image) is not None]
    places = overlapping_places([image.capture for image in used], scan.split_distance)
    pairs = [(used[i], used[j]) for i, j in places]
    return [(first, second) for first, second in pairs if _split_of(scan, first) != _split_of(scan, second)]


def _shared_names(scan: DatasetScan) -> Sequence[Finding]:
    """Tells photographs of one name in two splits, and series of numbered names that the random split divides."""
    ids = scan.split.ids
    by_name: dict[str, list[str]] = defaultdict(list)
    for name in sorted(name for names in ids.values() for name in names):
        by_name[PurePosixPath(name).name].append(name)
    names = {name: stem for stem, members in by_name.items() if len(members) > 1 for name in members}
    shared = [" and ".join(members) for members in divided_groups(names, ids).values()]
    if shared:
        text = (
            "in two splits: if they show the same ground, scores will be too high; data.split_dir=FOLDER lists others"
        )
        return findings(WARNING, shared, "name", text)
    series = numbered_series([*by_name]) if scan.split.source == "random" and not scan.split.notes else {}
    members = {name: series[PurePosixPath(name).name] for names in ids.values() for name in names if series}
    divided = [f"{start}...: {' and '.join(names)}" for start, names in divided_groups(members, ids).items()]
    text = (
        "of numbered names in several splits: if those of one series show the same ground, scores will be too high; "
        "'data.split_by=\"^(.*[^0-9])[0-9]+$\"' keeps each of them in one split"
    )
    return findings(WARNING, divided, "series", text)
