from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, jaccard_score

from segdrone.annotations.corrections.agreement import Agreement, compare_masks, majority
from segdrone.classes import ClassTable

TABLE = ClassTable(("a", "b", "c"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))

Mask = NDArray[np.uint8]


def masks(seed: int, count: int, size: int = 60) -> list[Mask]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 3, (1, size), dtype=np.uint8)
    changed = (np.where(rng.random((1, size)) < 0.3, rng.integers(0, 3, (1, size)), first) for _ in range(count - 1))
    return [first, *(mask.astype(np.uint8) for mask in changed)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_figures_equal_those_of_scikit_learn(seed: int) -> None:
    first, second = masks(seed, 2)
    first[0, :7], second[0, 4:9] = 255, 255
    counts = compare_masks(first, second, TABLE)
    both = (first != 255) & (second != 255)
    a, b = first[both], second[both]
    assert counts.kappa == pytest.approx(cohen_kappa_score(a, b))
    assert counts.pixel_agreement == pytest.approx((a == b).mean())
    np.testing.assert_allclose(counts.iou, jaccard_score(a, b, labels=range(3), average=None))
    assert counts.one_alone == 6  # columns 0 to 3, and 7 and 8


def test_agreement_as_by_chance_has_kappa_0() -> None:
    first = np.repeat(np.array([[0, 1]], np.uint8), 2, axis=1)
    second = np.array([[0, 1, 0, 1]], np.uint8)
    assert compare_masks(first, second, TABLE).kappa == 0
    assert compare_masks(first, first, TABLE).kappa == 1


def test_a_single_class_says_nothing_beyond_chance() -> None:
    counts = compare_masks(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), TABLE)
    assert counts.pixel_agreement == 1 and math.isnan(counts.kappa)
    nothing = compare_masks(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8), TABLE)
    assert math.isnan(nothing.pixel_agreement) and math.isnan(nothing.kappa) and nothing.one_alone == 4


def test_photographs_are_counted_together_and_kappa_is_the_mean_of_pairs() -> None:
    agreement = Agreement(TABLE)
    first, second = masks(1, 3), masks(2, 2)
    agreement.add("x", dict(zip("abc", first, strict=True)))
    agreement.add("y", dict(zip("ab", second, strict=True)))
    pairs = agreement.pairs
    assert [*pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    joined = [np.concatenate([one[0], other[0]]) for one, other in zip(first, second, strict=False)]
    assert pairs["a", "b"].kappa == pytest.approx(cohen_kappa_score(*joined)) and pairs["a", "b"].photographs == 2
    others = [cohen_kappa_score(first[0][0], first[2][0]), cohen_kappa_score(first[1][0], first[2][0])]
    assert agreement.kappa == pytest.approx((pairs["a", "b"].kappa + sum(others)) / 3)
    described = agreement.to_dict()
    assert described["pairs"][0]["people"] == ["a", "b"] and described["pairs"][0]["pixels"] == 120


def test_rows_are_classes_of_photographs() -> None:
    agreement = Agreement(TABLE)
    agreement.add("x", {"a": np.array([[0, 0, 1]], np.uint8), "b": np.array([[0, 1, 1]], np.uint8)})
    assert [[*row.values()][3:] for row in agreement.rows()] == [["a", "0.500000", 2, 1, 1], ["b", "0.500000", 1, 2, 1]]


def test_photographs_are_ordered_by_their_worst_pair() -> None:
    agreement = Agreement(TABLE)
    same = np.zeros((1, 4), np.uint8)
    for name, different in (("equal", 0), ("worst", 3), ("bad", 1)):
        other = same.copy()
        other[0, :different] = 1
        agreement.add(name, {"a": same, "b": same, "c": other})
    agreement.add("empty", {"a": same, "b": np.full_like(same, 255)})
    assert agreement.least_agreed() == ["worst", "bad"]


def test_people_who_differ_most_are_first() -> None:
    agreement = Agreement(TABLE)
    drawn = {name: np.zeros((1, 4), np.uint8) for name in "abcdef"}
    drawn["e"][0, :1], drawn["f"][0, 1:] = 1, 1
    agreement.add("x", drawn)
    assert agreement.people("x") == ["e", "f", "a", "b", "c", "d"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_a_majority_is_more_than_half_of_all(seed: int, count: int) -> None:
    drawn = masks(seed, count)
    drawn[-1][0, :5] = 255
    merged = majority(drawn, 255)
    for column, votes in enumerate(np.array(drawn)[:, 0].T):
        values, numbers = np.unique(votes, return_counts=True)
        expected = values[numbers.argmax()] if numbers.max() * 2 > count else 255
        assert merged[0, column] == expected


def test_nothing_compared_gives_no_figures() -> None:
    agreement = Agreement(TABLE)
    assert agreement.pairs == {} and math.isnan(agreement.kappa) and agreement.least_agreed() == []
    assert np.isnan(agreement.iou).all()
