"""Measure how far people agree who annotated the same photographs: pixels, kappa and IoU of each class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.raster.pixels import joint_histogram

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.uint8]

COLUMNS = ("photograph", "first", "second", "class", "iou", "pixels_first", "pixels_second", "pixels_both")


class PairCounts(NamedTuple):
    """What two people made of the same pixels.

    Attributes:
        confusion: Pixels that both labeled: int64 `[C, C]`, rows are classes of the first, columns of the second.
        one_alone: Number of pixels that only one of them labeled.
        photographs: Number of photographs.
    """

    confusion: Integers
    one_alone: int = 0
    photographs: int = 1

    def plus(self, other: PairCounts) -> PairCounts:
        """Returns the counts of both."""
        return PairCounts(
            self.confusion + other.confusion, self.one_alone + other.one_alone, self.photographs + other.photographs
        )

    @property
    def pixel_agreement(self) -> float:
        """Share of the pixels labeled by both to which both gave the same class; NaN if there are none."""
        total = self.confusion.sum()
        return float(self.confusion.trace() / total) if total else math.nan

    @property
    def kappa(self) -> float:
        """Agreement beyond that by chance: 1 if complete, 0 as by chance; NaN if both have the same single class.

        (p_o - p_e) / (1 - p_e), where p_o is the pixel agreement, and p_e that of two who draw classes with the shares
        of these two people: Cohen 1960, A coefficient of agreement for nominal scales, formula 1.
        """
        total = float(self.confusion.sum())
        if not total:
            return math.nan
        chance = float((self.confusion.sum(0) / total) @ (self.confusion.sum(1) / total))
        return (self.pixel_agreement - chance) / (1 - chance) if chance < 1 else math.nan

    @property
    def iou(self) -> Floats:
        """Pixels of a class by both over those by one of them, float64 `[C]`; NaN if it is of neither."""
        both = self.confusion.diagonal()
        union = self.confusion.sum(0) + self.confusion.sum(1) - both
        return np.asarray(np.divide(both, union, out=np.full(len(both), np.nan), where=union > 0), np.float64)

    def to_dict(self) -> dict[str, float | int | None]:
        """Returns pixel agreement, kappa and numbers of pixels as plain values for JSON."""
        return {
            "pixel_agreement": plain_number(self.pixel_agreement),
            "kappa": plain_number(self.kappa),
            "pixels": int(self.confusion.sum()),
            "pixels_labeled_by_one_alone": self.one_alone,
        }


def compare_masks(first: Mask, second: Mask, table: ClassTable) -> PairCounts:
    """Counts what two people made of a photograph.

    Args:
        first: Class ids, uint8 `[H, W]`.
        second: Those of another person.
        table: The classes.

    Example:
        >>> table = ClassTable(("road", "grass"), ((90, 90, 90), (0, 200, 0)))
        >>> first, second = np.array([[[0, 0, 1, 1, 255]], [[0, 1, 1, 1, 1]]], np.uint8)
        >>> counts = compare_masks(first, second, table)
        >>> counts.pixel_agreement, counts.kappa, counts.iou.round(2).tolist(), counts.one_alone
        (0.75, 0.5, [0.5, 0.67], 1)
    """
    histogram = joint_histogram(first, second)
    size = len(table)
    return PairCounts(histogram[:size, :size], int(histogram[:size, size:].sum() + histogram[size:, :size].sum()))


@dataclass
class Agreement:
    """How far people agree, over photographs that several of them annotated.

    Attributes:
        table: The classes.
        photographs: The counts of each photograph, by its name, and the names of two people.
    """

    table: ClassTable
    photographs: dict[str, dict[tuple[str, str], PairCounts]] = field(default_factory=dict)

    def add(self, name: str, masks: Mapping[str, Mask]) -> None:
        """Counts a photograph, given the mask of each person, uint8 `[H, W]`."""
        self.photographs[name] = {
            (a, b): compare_masks(masks[a], masks[b], self.table) for a, b in combinations(sorted(masks), 2)
        }

    @property
    def pairs(self) -> dict[tuple[str, str], PairCounts]:
        """The counts of each two people over all photographs of both."""
        total: dict[tuple[str, str], PairCounts] = {}
        for counts in self.photographs.values():
            for pair, more in counts.items():
                total[pair] = total[pair].plus(more) if pair in total else more
        return dict(sorted(total.items()))

    @property
    def kappa(self) -> float:
        """Mean of the kappa of all pairs (Light 1971, Measures of response agreement); NaN if no pair has one."""
        return _mean([counts.kappa for counts in self.pairs.values()])

    @property
    def iou(self) -> Floats:
        """Mean IoU of each class over the pairs that have it, float64 `[C]`; NaN if none has."""
        values = np.array([counts.iou for counts in self.pairs.values()]).reshape(-1, len(self.table))
        return np.array([_mean(column.tolist()) for column in values.T])

    def least_agreed(self) -> list[str]:
        """Returns the names of photographs, those with the largest share of different pixels first."""
        worst = {name: min(map(_share, pairs.values())) for name, pairs in self.photographs.items()}
        return sorted((name for name in worst if worst[name] < 1), key=lambda name: worst[name])

    def people(self, name: str) -> list[str]:
        """Returns who annotated a photograph, those who differ most first."""
        pairs = sorted(self.photographs[name].items(), key=lambda item: _share(item[1]))
        return [*dict.fromkeys(chain.from_iterable(people for people, _ in pairs))]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields a row of `COLUMNS` for each photograph, two people and a class that one of them has there."""
        for name, pairs in sorted(self.photographs.items()):
            for (first, second), counts in pairs.items():
                for i in np.flatnonzero(~np.isnan(counts.iou)):
                    yield {
                        "photograph": name,
                        "first": first,
                        "second": second,
                        "class": self.table.names[i],
                        "iou": f"{counts.iou[i]:.6f}",
                        "pixels_first": int(counts.confusion[i].sum()),
                        "pixels_second": int(counts.confusion[:, i].sum()),
                        "pixels_both": int(counts.confusion[i, i]),
                    }

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures of each two people as plain containers for JSON."""
        return {
            "mean_kappa": plain_number(self.kappa),
            "pairs": [
                {
                    "people": [*people],
                    "photographs": counts.photographs,
                    **counts.to_dict(),
                    "iou": dict(zip(self.table.names, map(plain_number, counts.iou.tolist()), strict=True)),
                }
                for people, counts in self.pairs.items()
            ],
        }


def majority(masks: Sequence[Mask], ignore_index: int, gaps: Sequence[NDArray[np.bool_] | None] = ()) -> Mask:
    """Returns the class that more than half of the masks give a pixel, and the ignored id where none has so many.

    Args:
        masks: One for each person, uint8 `[H, W]`; a pixel without a label is a vote for none.
        ignore_index: The ignored id.
        gaps: Which pixels of each mask do not count, bool `[H, W]`; None if all do.

    Example:
        >>> masks = [np.array([row], np.uint8) for row in ([1, 1, 2], [1, 2, 2], [1, 0, 0])]
        >>> majority(masks, 255).tolist()
        [[1, 255, 2]]
    """
    result = np.full(masks[0].shape, ignore_index, np.uint8)
    half = np.full(masks[0].shape, len(masks), np.uint8)
    for gap in gaps:
        if gap is not None:
            half -= gap
    half //= 2
    for mask in masks if any(gap is not None for gap in gaps) else masks[: len(masks) // 2 + 1]:  # one has a majority
        votes = np.zeros(mask.shape, np.uint8)
        for other in masks:
            votes += mask == other
        np.copyto(result, mask, where=(votes > half) & (mask != ignore_index))
    return result


def _share(counts: PairCounts) -> float:
    """Returns the pixel agreement of two people, 1 if they have no labeled pixel in common."""
    return 1.0 if math.isnan(share := counts.pixel_agreement) else share


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def plain_number(value: float) -> float | None:
    """Returns a figure for JSON: None for NaN, else with six digits."""
    return None if math.isnan(value) else round(value, 6)
