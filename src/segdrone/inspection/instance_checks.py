"""Checks of instance maps: numbers of things beside the masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from segdrone.classes import thing_classes
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.instance_maps import InstanceMaps, find_instance_maps
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import DataError
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import ERROR, WARNING, Check, Finding, findings, format_count

_THREADS = 4  # each holds a mask and its map in memory


class _Numbered(NamedTuple):
    """What was found in a map.

    Attributes:
        name: Id of the photograph.
        error: Why the map cannot be used; empty if it can.
        things: Number of things by id of their class.
        crossing: Numbers that pixels of several thing classes have.
        without: Pixels of thing classes without a number.
        stuff: Numbers that only pixels of other classes have.
    """

    name: str
    error: str = ""
    things: Mapping[int, int] = MappingProxyType({})
    crossing: Sequence[int] = ()
    without: int = 0
    stuff: int = 0


def instances(scan: DatasetScan) -> Check:
    """Compares the numbers of things with the masks."""
    pairs = [
        ImageMaskPair(name, image.path, mask.path, mask.header.size, bool(mask.hidden.any()), channels=scan.channels)
        for name, (image, mask) in scan.pairs.items()
        if mask.counts is not None and mask.header is not None
    ]
    try:
        maps = find_instance_maps(scan.files, pairs, encoding=scan.encoding)
    except DataError as error:
        return Check("instances", "some photographs have no instance map", [Finding(ERROR, str(error))], {"things": {}})
    if not maps:
        return Check(
            "instances", "no instance maps: the things of a class are its connected components", [], {"things": {}}
        )
    table = scan.encoding.table
    ids = [table.names.index(name) for name in thing_classes(table)]
    with ThreadPoolExecutor(_THREADS) as threads:  # decoding releases the GIL
        found = [*threads.map(lambda pair: _compare(scan, maps, pair, ids), pairs)]
    named = table.things is not None  # by itself; rendered scenes number trees too, for who calls them things
    totals = {table.names[i]: sum(one.things.get(i, 0) for one in found) for i in ids}
    absent = [name for name, count in totals.items() if not count and _occurs(scan, name)]
    crossing = [f"{one.name}: {', '.join(map(str, one.crossing[:5]))}" for one in found if one.crossing]
    return Check(
        "instances",
        f"{format_count(sum(totals.values()), 'thing')} in {format_count(len(pairs), 'instance map')}"
        + ("" if ids else "; no class is known as a thing"),
        [
            *findings(ERROR, [one.error for one in found if one.error], "instance map", "that cannot be used"),
            *findings(
                WARNING, crossing, "instance map",
                "with numbers that several classes share: each class counts as a thing of its own",
            ),
            *findings(
                WARNING, [f"{one.name}: {one.without:,} pixels" for one in found if one.without], "instance map",
                "without a number at pixels of things: they count in no score of things, and teach their class only",
            ),
            *findings(
                WARNING, [f"{one.name}: {one.stuff}" for one in found if one.stuff and named], "instance map",
                "with numbers on classes that are no things: they are not used; the column thing of the class table "
                "says what things are",
            ),
            *findings(WARNING, absent, "class", "of things without a single number in any map"),
        ],
        {"things": totals},
    )  # fmt: skip


def _occurs(scan: DatasetScan, name: str) -> bool:
    return any(counts[scan.encoding.table.names.index(name)] for counts in scan.counts.values())


def _compare(scan: DatasetScan, maps: InstanceMaps, pair: ImageMaskPair, ids: Sequence[int]) -> _Numbered:
    try:
        numbers = maps.read(pair.id, pair.size)
        mask = read_pair_mask(pair, scan.encoding)
    except DataError as error:
        return _Numbered(pair.id, str(error))
    thing = np.isin(mask, ids)
    codes = np.unique(mask[thing & (numbers > 0)].astype(np.uint32) << 16 | numbers[thing & (numbers > 0)])
    classes, numbered = codes >> 16, codes & 0xFFFF
    _, times = np.unique(numbered, return_counts=True)
    stuff = ~thing & (mask != scan.encoding.table.ignore_index)
    elsewhere = np.setdiff1d(numbers[stuff & (numbers > 0)], numbered)
    return _Numbered(
        pair.id,
        "",
        {int(i): int((classes == i).sum()) for i in np.unique(classes)},
        np.unique(numbered)[times > 1].tolist(),
        int((thing & (numbers == 0)).sum()),
        len(elsewhere),
    )
