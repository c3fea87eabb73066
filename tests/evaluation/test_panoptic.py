"""Panoptic quality: torchmetrics is the ruler."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torchmetrics.detection import PanopticQuality

from segdrone.classes import DRONE, ClassTable
from segdrone.evaluation import overlaps
from segdrone.evaluation.overlaps import Segments, overlap_segments
from segdrone.evaluation.panoptic import SegmentCounts, count_segments, panoptic_quality, sum_counts

TABLE = ClassTable(names=("road", "grass", "car", "person"), colours=((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)))
THINGS = ["car", "person"]
SHAPE = (6, 7)
MASKS = arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 2, 3, 255]))
INSTANCES = arrays(np.uint16, SHAPE, elements=st.sampled_from([0, 1, 2, 65535]))


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """torchmetrics divides integers in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def counted(truth: Segments, prediction: Segments) -> SegmentCounts:
    return count_segments(overlap_segments(truth, prediction, TABLE, THINGS), TABLE)


def reference(images: list[tuple[Segments, Segments]], things: Collection[str] = THINGS) -> dict[str, Any]:
    ids = {name: number for number, name in enumerate(TABLE.names)}
    metric = PanopticQuality(
        things={ids[name] for name in things}, stuffs={ids[name] for name in TABLE.names if name not in things},
        allow_unknown_preds_category=True, return_sq_and_rq=True, return_per_class=True,
    )  # fmt: skip
    for truth, prediction in images:
        pair = [
            torch.from_numpy(np.stack([s.mask, s.instances], -1).astype(np.int64))[None] for s in (truth, prediction)
        ]
        metric.update(pair[1], pair[0])
    order = [metric.cat_id_to_continuous_id[number] for number in range(len(TABLE))]
    return {
        "values": metric.compute().numpy()[order],
        "counts": [
            state.numpy()[order]
            for state in (metric.iou_sum, metric.true_positives, metric.false_positives, metric.false_negatives)
        ],
    }


def check(images: list[tuple[Segments, Segments]]) -> None:
    expected = reference(images)
    total = sum_counts([counted(truth, prediction) for truth, prediction in images])
    for own, its in zip(total[:4], expected["counts"], strict=True):
        np.testing.assert_allclose(own, its, rtol=0, atol=1e-9)
    scores = panoptic_quality(total, TABLE, THINGS)
    for number, name in enumerate(TABLE.names):
        values = [scores["classes"][name][key] for key in ("pq", "sq", "rq")]
        if None not in values:
            np.testing.assert_allclose(values, expected["values"][number], rtol=0, atol=1e-9)
        else:
            assert not sum(part[number] for part in total[:4])


@given(masks=st.tuples(MASKS, MASKS), instances=st.tuples(INSTANCES, INSTANCES), noise=st.floats(0, 1))
@settings(deadline=None)
def test_counts_and_scores_are_those_of_torchmetrics(
    masks: tuple[NDArray[np.uint8], ...], instances: tuple[NDArray[np.uint16], ...], noise: float
) -> None:
    other = np.random.default_rng(0).random(SHAPE) < noise  # mostly equal, or there are no matches
    mask, instance = (np.where(other, b, a) for a, b in (masks, instances))
    check([(Segments(masks[0], instances[0]), Segments(mask, instance))])


def ragged(seed: int, shape: tuple[int, int] = (40, 50)) -> Segments:
    """Returns segments in blocks, with things in several parts and pixels without a class."""
    rng = np.random.default_rng(seed)
    mask = rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), (8, 10)).repeat(5, 0).repeat(5, 1)
    instances = rng.integers(0, 4, (4, 5)).astype(np.uint16).repeat(10, 0).repeat(10, 1)
    return Segments(mask[: shape[0], : shape[1]], instances[: shape[0], : shape[1]])


def moved(segments: Segments, by: int) -> Segments:
    return Segments(np.roll(segments.mask, by, axis=1), np.roll(segments.instances, by, axis=1))


@given(masks=st.tuples(MASKS, MASKS), instances=st.tuples(INSTANCES, INSTANCES), noise=st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_things_of_all_sizes_are_the_things_of_all_classes(
    masks: tuple[NDArray[np.uint8], ...], instances: tuple[NDArray[np.uint16], ...], noise: float
) -> None:
    other = np.random.default_rng(0).random(SHAPE) < noise
    mask, instance = (np.where(other, b, a) for a, b in (masks, instances))
    counts = counted(Segments(masks[0], instances[0]), Segments(mask, instance))
    ids = [TABLE.names.index(name) for name in THINGS]
    np.testing.assert_allclose(counts.by_size.sum(1), [part[ids].sum() for part in counts[:4]], atol=1e-12)


def test_quality_by_size() -> None:
    truth, numbers = np.zeros((100, 200), np.uint8), np.zeros((100, 200), np.uint16)
    truth[:10, :10], numbers[:10, :10] = 2, 1  # small, and missed
    truth[20:60, 20:60], numbers[20:60, 20:60] = 2, 2  # larger, and found
    prediction, found = truth.copy(), numbers.copy()
    prediction[:10, :10] = found[:10, :10] = 0
    prediction[60:99, 100:199], found[60:99, 100:199] = 2, 3  # larger, and not there
    counts = counted(Segments(truth, numbers), Segments(prediction, found))
    small, large, *others = panoptic_quality(counts, TABLE, THINGS)["sizes"]
    assert (small["from"], small["to"], small["pq"], small["missed"]) == (0, 1024, 0.0, 1)
    assert (large["pq"], large["matched"], large["spurious"]) == (pytest.approx(1 / 1.5), 1, 1)
    assert all(row["pq"] is None for row in others)


def test_counts_of_images_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "_CHUNK", 130)  # two or three rows
    images = [(ragged(seed), moved(ragged(seed), by)) for seed, by in enumerate((0, 1, 2, 3, 7))]
    check(images)
    total = sum_counts([counted(truth, prediction) for truth, prediction in images])
    assert min(total.matched.sum(), total.missed.sum(), total.spurious.sum()) > 10


@pytest.mark.parametrize("void", ["truth", "prediction", "both"])
def test_pixels_without_a_class_count_in_no_iou(void: str) -> None:
    mask, instances = np.full((4, 10), 2, np.uint8), np.ones((4, 10), np.uint16)
    hidden = mask.copy()
    hidden[:, :4] = 255
    truth, prediction = (hidden if void in (side, "both") else mask for side in ("truth", "prediction"))
    check([(Segments(truth, instances), Segments(prediction, instances))])
    counts = counted(Segments(truth, instances), Segments(prediction, instances))
    assert (counts.iou[2], counts.matched[2]) == (1.0, 1)


@pytest.mark.parametrize("hidden", [5, 6])
def test_a_segment_mostly_without_true_classes_is_not_spurious(hidden: int) -> None:
    truth, prediction = np.zeros((1, 10), np.uint8), np.full((1, 10), 2, np.uint8)
    truth[:, :hidden] = 255
    ones = np.ones((1, 10), np.uint16)
    check([(Segments(truth, ones), Segments(prediction, ones))])
    counts = counted(Segments(truth, ones), Segments(prediction, ones))
    assert counts.spurious[2] == (hidden == 5)


def test_an_iou_of_a_half_is_no_match() -> None:
    truth, prediction = np.zeros((1, 6), np.uint8), np.zeros((1, 6), np.uint8)
    truth[0, :3], prediction[0, 1:6] = 2, 2  # 2 of 6
    prediction[0, 4:] = 0  # 2 of 4
    ones = np.ones((1, 6), np.uint16)
    counts = counted(Segments(truth, ones), Segments(prediction, ones))
    assert (counts.matched[2], counts.missed[2], counts.spurious[2]) == (0, 1, 1)


def test_numbers_of_stuff_mean_nothing() -> None:
    mask, numbers = np.zeros((2, 2), np.uint8), np.array([[1, 2], [3, 4]], np.uint16)
    counts = counted(Segments(mask, numbers), Segments(mask, numbers[::-1].copy()))
    assert (counts.matched[0], counts.iou[0]) == (1, 1.0)


def test_a_table_of_scores_has_means_of_things_and_of_stuff() -> None:
    counts = SegmentCounts(
        np.array([0.8, 0, 3.0, 0]), np.array([1, 0, 4, 0]), np.array([0, 0, 2, 0]), np.array([0, 1, 0, 0])
    )
    scores = panoptic_quality(counts, TABLE, THINGS)
    assert scores["classes"]["car"] == {
        "pq": pytest.approx(0.6), "sq": 0.75, "rq": 0.8, "matched": 4, "spurious": 2, "missed": 0,
    }  # fmt: skip
    assert scores["classes"]["person"]["pq"] is None
    assert (scores["pq_things"], scores["pq_stuff"]) == (pytest.approx(0.6), pytest.approx(0.4))
    assert scores["pq"] == pytest.approx((0.8 + 0 + 0.6) / 3)
    nothing = SegmentCounts(np.zeros(23), *np.zeros((3, 23), int))
    assert panoptic_quality(nothing, DRONE, ["car"])["pq"] is None
