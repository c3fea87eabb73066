"""Things that were split, merged, missed or invented: counted by hand, and by a slow count of every pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segdrone.classes import ClassTable
from segdrone.evaluation.overlaps import Segments, overlap_segments
from segdrone.evaluation.panoptic import count_segments, panoptic_quality
from segdrone.evaluation.thing_errors import THING_COUNTS, count_thing_errors, find_thing_errors

TABLE = ClassTable(names=("road", "car", "person"), colours=((0, 0, 0), (1, 1, 1), (2, 2, 2)))
THINGS = ["car", "person"]


def line(numbers: Sequence[int], class_id: int = 1) -> Segments:
    """Things in a row of pixels: 0 is road, negative is without a class."""
    values = np.array([numbers])
    mask = np.where(values > 0, class_id, 0).astype(np.uint8)
    mask[values < 0] = 255
    return Segments(mask, values.clip(min=0).astype(np.uint16))


def counted(truth: Segments, prediction: Segments, name: str = "car") -> dict[str, int]:
    counts = count_thing_errors(overlap_segments(truth, prediction, TABLE, THINGS), TABLE)
    return dict(zip(THING_COUNTS, counts[:, TABLE.names.index(name)].tolist(), strict=True))


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [
        ([1, 1, 1, 1], [7, 7, 7, 7], {}),
        ([1, 1, 1, 1], [1, 1, 2, 2], {"split": 1}),
        ([1, 1, 1, 1], [1, 1, 1, 2], {"split": 1}),  # also where the larger part alone would match
        ([1, 1, 1, 1], [1, 0, 2, 0], {"missed": 1, "invented": 2}),  # together only half of it
        ([1, 1, 2, 2], [3, 3, 3, 3], {"merged": 2}),
        ([1, 2, 0, 0, 0, 0], [3, 3, 3, 3, 3, 3], {"merged": 2}),  # whatever else it covers
        ([1, 1, 2, 2], [3, 3, 3, 4], {"invented": 1, "missed": 1}),  # half of the second is not covered
        ([1, 1, 0, 0], [0, 0, 2, 2], {"missed": 1, "invented": 1}),
        ([1, 1, 1, 1, 1, 2], [3, 3, 3, 3, 4, 3], {"split": 1, "merged": 2}),  # the first is both
        ([1, 1, 1, 1], [-1, -1, 1, 1], {}),
        ([-1, -1, -1, 0], [1, 1, 1, 1], {"invented": 0}),  # mostly where no class is known
        ([-1, -1, 0, 0], [1, 1, 1, 1], {"invented": 1}),
    ],
)
def test_errors_by_hand(truth: list[int], prediction: list[int], expected: dict[str, int]) -> None:
    found = counted(line(truth), line(prediction))
    assert {key: found[key] for key in ("split", "merged", "missed", "invented") if found[key]} == {
        key: value for key, value in expected.items() if value
    }


def test_things_are_compared_with_their_own_class() -> None:
    truth, prediction = line([1, 1, 2, 2]), line([3, 3, 3, 3], class_id=2)
    assert counted(truth, prediction) == {
        "truth": 2, "split": 0, "merged": 0, "missed": 2, "predicted": 0, "invented": 0,
    }  # fmt: skip
    assert counted(truth, prediction, "person")["invented"] == 1


def test_what_was_split_and_merged_is_listed_with_areas() -> None:
    truth, prediction = line([5, 5, 5, 5, 5, 5, 0, 7, 7, 8, 9, 9, 9]), line([1, 1, 1, 2, 2, 3, 0, 4, 4, 4, 4, 4, 4])
    split, merged = find_thing_errors(overlap_segments(truth, prediction, TABLE, THINGS))
    assert split == ("split", 1, 5, 6, (1, 2, 3), (3, 2, 1), 3)
    assert merged == ("merged", 1, 4, 6, (9, 7, 8), (3, 2, 1), 3)


def test_areas_are_of_whole_things_and_wrong_pixels_of_what_they_share() -> None:
    truth, prediction = line([5, 5, 5, 5, 0]), line([1, 1, 1, 2, 2])  # half of the second is outside
    assert find_thing_errors(overlap_segments(truth, prediction, TABLE, THINGS)) == []
    truth, prediction = line([5, 5, 5, 5, 5, 0]), line([1, 1, 1, 2, 2, 2])
    (split,) = find_thing_errors(overlap_segments(truth, prediction, TABLE, THINGS))
    assert (split.areas, split.wrong) == ((3, 3), 2)


MASKS = arrays(np.uint8, (4, 6), elements=st.sampled_from([0, 1, 1, 2, 255]))
INSTANCES = arrays(np.uint16, (4, 6), elements=st.sampled_from([1, 2, 3]))


def slow_count(truth: Segments, prediction: Segments, class_id: int) -> dict[str, int]:
    """Counts by the sets of pixels of all things."""

    def pixels(segments: Segments) -> list[set[int]]:
        return [
            {*np.flatnonzero((segments.mask == class_id) & (segments.instances == number)).tolist()}
            for number in np.unique(segments.instances[segments.mask == class_id])
        ]

    void = [{*np.flatnonzero(segments.mask == 255).tolist()} for segments in (prediction, truth)]
    true, predicted = pixels(truth), pixels(prediction)
    own = [[thing - without for thing in things] for things, without in zip((true, predicted), void, strict=True)]
    covers = {j: [i for i, t in enumerate(own[0]) if len(t & p) > len(t) / 2] for j, p in enumerate(own[1])}
    parts = {i: [j for j, p in enumerate(own[1]) if len(t & p) > len(p) / 2] for i, t in enumerate(own[0])}
    split = {
        i for i, js in parts.items() if len(js) > 1 and sum(len(own[0][i] & own[1][j]) for j in js) > len(own[0][i]) / 2
    }
    covered = {i for group in covers.values() for i in group}
    used = {j for j, group in covers.items() if group} | {j for i in split for j in parts[i]}
    missed = {i for i, t in enumerate(true) if i not in covered | split and len(t) <= 2 * len(own[0][i])}
    invented = {j for j, p in enumerate(predicted) if j not in used and len(p) <= 2 * len(own[1][j])}
    merged = {i for group in covers.values() if len(group) > 1 for i in group}
    sets = (covered | split | missed, split, merged, missed, used | invented, invented)
    return dict(zip(THING_COUNTS, map(len, sets), strict=True))


@given(masks=st.tuples(MASKS, MASKS), instances=st.tuples(INSTANCES, INSTANCES), noise=st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_counts_are_those_of_a_slow_count(
    masks: tuple[np.ndarray, ...], instances: tuple[np.ndarray, ...], noise: float
) -> None:
    other = np.random.default_rng(0).random((4, 6)) < noise
    truth = Segments(masks[0], instances[0])
    prediction = Segments(np.where(other, masks[1], masks[0]), np.where(other, instances[1], instances[0]))
    overlaps = overlap_segments(truth, prediction, TABLE, THINGS)
    quality = count_segments(overlaps, TABLE)
    errors = find_thing_errors(overlaps)
    for class_id, name in ((1, "car"), (2, "person")):
        counts = counted(truth, prediction, name)
        assert counts == slow_count(truth, prediction, class_id)
        assert counts["missed"] <= quality.missed[class_id] and counts["invented"] <= quality.spurious[class_id]
        own = [error for error in errors if error.class_id == class_id]
        assert sum(error.kind == "split" for error in own) == counts["split"]
        assert sum(len(error.several) for error in own if error.kind == "merged") == counts["merged"]
    assert panoptic_quality(quality, TABLE, THINGS)["things"]["car"] == counted(truth, prediction)
