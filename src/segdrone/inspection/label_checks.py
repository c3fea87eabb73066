"""Checks of what the masks hold: pixels of each class, unknown values, nothing at all."""

from __future__ import annotations

import numpy as np

from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import ERROR, WARNING, Check, about, counted, shown


def classes(seen: DatasetScan) -> Check:
    """Counts the pixels of every class over the whole set."""
    table, counts = seen.labels.table, np.array([*seen.counts.values()], np.int64).reshape(-1, 256)
    pixels, ignored = counts.sum(0), int(counts[:, table.ignore_index].sum())
    labelled = int(pixels[: len(table)].sum())
    rows = [
        {
            "id": i,
            "name": name,
            "pixels": int(pixels[i]),
            "share": int(pixels[i]) / max(1, labelled),
            "photographs": int((counts[:, i] > 0).sum()),
        }
        for i, name in enumerate(table.names)
    ]
    absent = [name for i, name in enumerate(table.names) if not pixels[i]]
    hint = "see that data.classes is the table of these masks"
    if {*np.flatnonzero(pixels)} == {0, 255}:
        hint = "the masks hold 0 and 255 (not labelled) alone: if 255 is a class, say data.mask_encoding=binary"
    return Check(
        "classes",
        f"{len(table) - len(absent)} of {len(table)} classes in {counted(len(counts), 'mask')}; "
        f"{100 * ignored / max(1, labelled + ignored):.3g} % of the pixels are not labelled",
        about(
            WARNING,
            absent,
            "class",
            f"that no mask holds: nothing can be learnt of it; {hint}",
        ),
        {"masks": len(counts), "ignored": ignored, "classes": rows},
    )


def labels(seen: DatasetScan) -> Check:
    """Finds values in masks that no class has."""
    unknown = {shown(mask.path): mask.unknown for mask in seen.masks if mask.unknown}
    lines = [f"{name}: {', '.join(_values(found))}" for name, found in unknown.items()]
    coloured = any(value.startswith("colour") for found in unknown.values() for value in found)
    hint = ", or take near colours with data.colour_tolerance=20" if coloured else ""
    if any(mask.unknown and mask.path.suffix.lower() in (".jpg", ".jpeg") for mask in seen.masks):
        hint += "; a JPEG changes what it stores: export PNG files"
    text = f"with values that no class has: mend it, or give its class table with data.classes=FILE.csv{hint}"
    checked = sum(mask.counts is not None for mask in seen.masks)
    return Check(
        "labels",
        f"{counted(checked, 'mask')} of known values alone",
        about(ERROR, lines, "mask", text),
        {"unknown": unknown},
    )


def content(seen: DatasetScan) -> Check:
    """Finds masks with nothing labelled, or with one value all over."""
    empty, single = [], []
    for mask in seen.masks:
        if mask.counts is not None:
            labelled = seen.labels.remap_counts(mask.counts)[: len(seen.labels.table)]
            if not labelled.any():
                empty.append(shown(mask.path))
            elif np.count_nonzero(mask.counts) == 1:
                single.append(f"{shown(mask.path)}: {seen.labels.source.names[int(mask.counts.argmax())]}")
    checked = sum(mask.counts is not None for mask in seen.masks)
    return Check(
        "content",
        f"{checked - len(empty) - len(single)} of {counted(checked, 'mask')} with two values or more",
        [
            *about(ERROR, _unlabelled(seen), "split", "with nothing labelled: there is nothing to learn or score"),
            *about(WARNING, empty, "mask", "with nothing labelled: label it, or remove it with its photograph"),
            *about(WARNING, single, "mask", "of one value all over: see that it was exported with its labels"),
        ],
        {"empty": len(empty), "single": len(single)},
    )


def _unlabelled(seen: DatasetScan) -> list[str]:
    """Splits whose masks could be counted and have no label among them."""
    classes = len(seen.labels.table)
    return [
        split
        for split, ids in seen.splits.items()
        if any(name in seen.counts for name in ids)
        and not any(seen.counts[name][:classes].any() for name in ids if name in seen.counts)
    ]


def _values(found: dict[str, int]) -> list[str]:
    shown = [f"{value} ({counted(pixels, 'pixel')})" for value, pixels in list(found.items())[:5]]
    return shown + ([f"and {len(found) - 5} more"] if len(found) > 5 else [])
