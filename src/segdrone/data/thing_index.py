"""List the things of rare classes in training photographs, and what they lie on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from segdrone.class_files.read import means_no_label
from segdrone.classes import ClassTable
from segdrone.data.reader import CachedReader
from segdrone.data.sampling import Sample, check_class_names, count_class_pixels, rare_class_ids
from segdrone.data.things import Thing
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

_FRAGMENT = 0.25  # of the median area of the things of a class: a smaller one is taken for a part of a hidden one
_CLOSE_UP = 8  # times this area: a larger one is seen from much closer than others
_CHANCE = 0.1  # share of the things of a class: a ground of fewer is taken for chance
_THREADS = 4


class SourceThing(NamedTuple):
    """A thing, and a sample of the photograph that it is cut out of, which gives the size of that."""

    sample: Sample
    thing: Thing


class ThingIndex(NamedTuple):
    """Things of photographs by the id of their class.

    Attributes:
        things: The things of each class, at least one.
        grounds: Ids of classes that things of each class lie on, each as often as it occurs.
    """

    things: Mapping[int, Sequence[SourceThing]]
    grounds: Mapping[int, Sequence[int]]


def index_things(samples: Sequence[Sample], reader: CachedReader, names: Sequence[str] | None, key: str) -> ThingIndex:
    """Returns the things of rare classes that can be cut out of photographs.

    Args:
        samples: Samples of the photographs; those without a mask have no things.
        reader: Reads their masks.
        names: The classes; None takes those with less than 1 % of all labeled pixels whose name does not say that they
            are no class (`unlabeled`, `void`).
        key: Config key of the names, for messages.

    Raises:
        ConfigError: A name is not in the class table.
        DataError: A mask cannot be read.
    """
    unique = [*{(sample.pair.id, sample.size): sample for sample in samples if sample.pair.mask is not None}.values()]
    table = reader.encoding.table
    check_class_names(names or [], table, key)
    if names is None:
        rare = rare_class_ids([*count_class_pixels(unique, reader).values()], table, None)
        class_ids = [class_id for class_id in rare if not means_no_label(table.names[class_id])]
    else:
        class_ids = sorted(map(table.names.index, {*names}))
    with ThreadPoolExecutor(_THREADS) as threads:  # OpenCV releases the GIL
        found = threads.map(lambda sample: reader.things(sample.pair, sample.size, class_ids), unique)
        bar = progress_bar(found, "finding things", total=len(unique), unit="mask", leave=False, delay=1)
        sources = [SourceThing(sample, thing) for sample, things in zip(unique, bar, strict=True) for thing in things]
    by_class = {class_id: _whole(sources, class_id) for class_id in class_ids}
    index = ThingIndex(
        {class_id: things for class_id, things in by_class.items() if things},
        {class_id: _usual_grounds(things) for class_id, things in by_class.items() if things},
    )
    _report(index, class_ids, table, key)
    return index


def _whole(found: Sequence[SourceThing], class_id: int) -> list[SourceThing]:
    """Returns the things of a class, without those that seem to be parts of one or close-ups."""
    things = [source for source in found if source.thing.class_id == class_id]
    median = np.median([source.thing.area for source in things]) if things else 0
    return [source for source in things if _FRAGMENT * median <= source.thing.area <= _CLOSE_UP * median]


def _usual_grounds(things: Sequence[SourceThing]) -> list[int]:
    """Returns the grounds of things; those of few are left out, unless all are."""
    grounds = [source.thing.ground for source in things]
    counts = Counter(grounds)
    return [ground for ground in grounds if counts[ground] >= _CHANCE * len(things)] or grounds


def _report(index: ThingIndex, class_ids: Sequence[int], table: ClassTable, key: str) -> None:
    missing = [table.names[class_id] for class_id in class_ids if class_id not in index.things]
    if missing or not class_ids:
        log.warning(
            "copy-paste finds no %s that could be cut out of the training photographs%s: give other classes with %s",
            ", ".join(missing) or "rare class",
            "" if index.things else ", and pastes nothing",
            key,
        )
    for class_id, things in index.things.items():
        grounds = ", ".join(table.names[ground] for ground, _ in Counter(index.grounds[class_id]).most_common())
        log.info("copy-paste: %d x %s, pasted on %s", len(things), table.names[class_id], grounds)
