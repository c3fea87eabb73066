"""Checks of the content of masks: pixels per class, unknown values, empty masks."""

from __future__ import annotations

from collections import Counter

import numpy as np

from segdrone.data.masks.label_judgment import SeenLabels, judge_labels
from segdrone.data.masks.label_lookup import Label
from segdrone.data.masks.mask_remedies import remedies
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import ERROR, WARNING, Check, Finding, findings, format_count, short_path


def classes(scan: DatasetScan) -> Check:
    """Counts the pixels of every class over the whole dataset."""
    table, counts = scan.encoding.table, np.array([*scan.counts.values()], np.int64).reshape(-1, 256)
    pixels, ignored = counts.sum(0), int(counts[:, table.ignore_index].sum())
    labeled = int(pixels[: len(table)].sum())
    rows = [
        {
            "id": i,
            "name": name,
            "pixels": int(pixels[i]),
            "share": int(pixels[i]) / max(1, labeled),
            "photographs": int((counts[:, i] > 0).sum()),
        }
        for i, name in enumerate(table.names)
    ]
    found = int(np.count_nonzero(pixels[: len(table)]))
    return Check(
        "classes",
        f"{found} of {len(table)} classes in {format_count(len(counts), 'mask')}; "
        f"{100 * ignored / max(1, labeled + ignored):.3g} % of the pixels are ignored",
        [
            Finding(ERROR if remark.kind == "error" else WARNING, f"{remark.what}: {remark.remedy}", remark.where)
            for remark in judge_labels(_seen(scan), scan.encoding)
        ],
        {"masks": len(counts), "ignored": ignored, "classes": rows},
    )


def labels(scan: DatasetScan) -> Check:
    """Finds values in masks that are not in the class table."""
    found = [mask for mask in scan.masks if mask.unknown and not mask.accepts_unknown]
    names = [short_path(mask.path) for mask in found]
    times = Counter(names)  # train/masks/1.png and val/masks/1.png have the same
    strange = {name if times[name] == 1 else str(mask.path): mask for name, mask in zip(names, found, strict=True)}
    lines = [f"{name}: {', '.join(_format_values(mask.unknown))}" for name, mask in strange.items()]
    seen = [mask.seen for mask in strange.values() if mask.seen]
    unknown = sum((mask.unknown for mask in seen), start=Counter[Label]())
    known = sum((mask.counts for mask in seen), start=np.zeros(256, np.int64))
    advice = (
        remedies(unknown, known, scan.encoding, lossy=next((mask.lossy for mask in seen if mask.lossy), ""))
        if unknown
        else ""
    )
    counted = sum(mask.counts is not None for mask in scan.masks)
    return Check(
        "labels",
        f"{format_count(counted, 'mask')} with known values only",
        findings(ERROR, lines, "mask", f"with values not in the class table: {advice}"),
        {"unknown": {name: mask.unknown for name, mask in strange.items()}},
    )


def content(scan: DatasetScan) -> Check:
    """Finds masks without labeled pixels, and masks of a single value."""
    empty, single = [], []
    for mask in scan.masks:
        if mask.counts is not None:
            labeled = scan.encoding.remap_counts(mask.counts - mask.hidden)[: len(scan.encoding.table)]
            if not labeled.any():
                empty.append(short_path(mask.path))
            elif np.count_nonzero(mask.counts) == 1:
                name = scan.encoding.source.names[int(mask.counts.argmax())]
                single.append(f"{short_path(mask.path)}: {name}")
    counted = sum(mask.counts is not None for mask in scan.masks)
    return Check(
        "content",
        f"{counted - len(empty) - len(single)} of {format_count(counted, 'mask')} with two values or more",
        [
            *findings(
                ERROR, _unlabeled_splits(scan), "split", "with nothing labeled: there is nothing to learn or score"
            ),
            *findings(WARNING, empty, "mask", "with nothing labeled: label it, or remove it with its photograph"),
            *findings(WARNING, single, "mask", "of a single value: check that it was exported with its labels"),
        ],
        {"empty": len(empty), "single": len(single)},
    )


def _seen(scan: DatasetScan) -> SeenLabels:
    """Returns the masks that training could read, by id of their photographs."""
    masks = {name: mask for name, (_, mask) in scan.pairs.items()}
    seen = {name: mask.seen for name, mask in masks.items() if mask.seen and mask.counts is not None}
    return SeenLabels(len(seen), frozenset(scan.split.ids.get("train", ())), seen)


def _unlabeled_splits(scan: DatasetScan) -> list[str]:
    """Returns the splits whose masks could be counted and have no labeled pixels."""
    classes = len(scan.encoding.table)
    return [
        split
        for split, ids in scan.split.ids.items()
        if any(name in scan.counts for name in ids)
        and not any(scan.counts[name][:classes].any() for name in ids if name in scan.counts)
    ]


def _format_values(values: dict[str, int]) -> list[str]:
    listed = [f"{value} ({format_count(pixels, 'pixel')})" for value, pixels in list(values.items())[:5]]
    return listed + ([f"and {len(values) - 5} more"] if len(values) > 5 else [])
