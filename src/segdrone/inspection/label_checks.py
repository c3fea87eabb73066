"""Checks of the content of masks: pixels per class, unknown values, empty masks."""

from __future__ import annotations

import numpy as np

from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import ERROR, WARNING, Check, findings, format_count, short_path


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
    absent = [name for i, name in enumerate(table.names) if not pixels[i]]
    hint = "check that data.classes is the table of these masks"
    if {*np.flatnonzero(pixels)} == {0, 255}:
        hint = "the masks contain only 0 and 255 (ignored): if 255 is a class, give data.mask_encoding=binary"
    return Check(
        "classes",
        f"{len(table) - len(absent)} of {len(table)} classes in {format_count(len(counts), 'mask')}; "
        f"{100 * ignored / max(1, labeled + ignored):.3g} % of the pixels are ignored",
        findings(WARNING, absent, "class", f"absent from all masks, which cannot be learned; {hint}"),
        {"masks": len(counts), "ignored": ignored, "classes": rows},
    )


def labels(scan: DatasetScan) -> Check:
    """Finds values in masks that are not in the class table."""
    unknown = {short_path(mask.path): mask.unknown for mask in scan.masks if mask.unknown}
    lines = [f"{name}: {', '.join(_format_values(values))}" for name, values in unknown.items()]
    has_colors = any(value.startswith("color") for values in unknown.values() for value in values)
    hint = ", or accept similar colors with data.colour_tolerance=20" if has_colors else ""
    if any(mask.unknown and mask.path.suffix.lower() in (".jpg", ".jpeg") for mask in scan.masks):
        hint += "; JPEG compression changes ids and colors: save masks as PNG"
    text = f"with values not in the class table: fix it, or give its table with data.classes=FILE.csv{hint}"
    counted = sum(mask.counts is not None for mask in scan.masks)
    return Check(
        "labels",
        f"{format_count(counted, 'mask')} with known values only",
        findings(ERROR, lines, "mask", text),
        {"unknown": unknown},
    )


def content(scan: DatasetScan) -> Check:
    """Finds masks without labeled pixels, and masks of a single value."""
    empty, single = [], []
    for mask in scan.masks:
        if mask.counts is not None:
            labeled = scan.encoding.remap_counts(mask.counts)[: len(scan.encoding.table)]
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
