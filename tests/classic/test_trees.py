"""Trees give what scikit-learn gives, and are checked before they are computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from segdrone.classic.trees import Trees, boosted_trees, constant_tree, forest_trees
from segdrone.errors import CheckpointError

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(600, 6)).astype(np.float32)


def ids(classes: int) -> np.ndarray:
    return np.asarray((np.abs(ROWS[:, 0] + ROWS[:, 1]) * 2).astype(int) % classes)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_forest_gives_the_same_probabilities(classes: int) -> None:
    forest = RandomForestClassifier(7, min_samples_leaf=2, random_state=0).fit(ROWS, ids(classes))
    trees = forest_trees(forest, classes)
    trees.check(6, classes)
    edges = np.concatenate([ROWS, np.tile(trees.threshold[trees.feature >= 0][:50, None], 6)])  # on thresholds
    assert trees(edges) == pytest.approx(forest.predict_proba(edges), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_boosting_gives_the_same_probabilities(classes: int) -> None:
    boosting = HistGradientBoostingClassifier(max_iter=9, max_leaf_nodes=8).fit(ROWS, ids(classes))
    trees = boosted_trees(boosting, classes)
    trees.check(6, classes)
    powers = np.exp(trees(ROWS).astype(float))
    assert powers / powers.sum(1, keepdims=True) == pytest.approx(boosting.predict_proba(ROWS), abs=1e-5)


def test_classes_that_were_not_there_get_nothing() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(ROWS, ids(2) * 3)
    sums = forest_trees(forest, 5)(ROWS)
    assert sums[:, [1, 2, 4]].max() == 0
    assert sums.sum(1) == pytest.approx(1)
    assert constant_tree(1, 3)(ROWS).argmax(1).tolist() == [1] * len(ROWS)


def small() -> Trees:
    """Two trees: one compares feature 1, the other is a leaf."""
    integers = {
        "roots": [0, 3], "feature": [1, -1, -1, -1], "left": [1, -1, -1, -1], "right": [2, -1, -1, -1],
        "leaf": [1, 2, 3], "leaf_class": [0, 1, 1],
    }  # fmt: skip
    floats = {"threshold": [0.5, 0, 0, 0], "weight": [1.0, 2.0, 0.25], "base": [0.0, 0.5]}
    arrays: dict[str, Any] = {name: np.array(values, np.int32) for name, values in integers.items()}
    arrays |= {name: np.array(values, np.float32) for name, values in floats.items()}
    return Trees(**arrays)


def test_small_trees_are_right() -> None:
    small().check(2, 2)
    rows = np.array([[9, 0.5], [9, 0.6]], np.float32)
    assert small()(rows).tolist() == [[1.0, 0.75], [0.0, 2.75]]


def change(name: str, place: int, value: float) -> Callable[[Trees], Trees]:
    def changed(trees: Trees) -> Trees:
        array = getattr(trees, name).copy()
        array[place] = value
        return replace(trees, **{name: array})

    return changed


def shorten(name: str) -> Callable[[Trees], Trees]:
    return lambda trees: replace(trees, **{name: getattr(trees, name)[:-1]})


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        (change("left", 0, 0), "children out of place"),  # a loop
        (change("left", 0, 3), "children out of place"),  # of another tree
        (change("right", 0, 2_000_000_000), "children out of place"),
        (change("right", 0, -7), "children out of place"),
        (change("right", 0, 1), "nodes with no parent, or two"),
        (change("left", 1, 2), "leaves with children"),
        (change("feature", 0, 2), "features that it lacks"),
        (change("feature", 0, -2), "features that it lacks"),
        (change("roots", 0, 1), "roots out of order"),
        (change("roots", 1, 0), "roots out of order"),
        (change("roots", 1, 4), "roots out of order"),
        (change("roots", 1, 2), "children out of place"),
        (change("leaf", 0, 0), "weights of no leaf"),
        (change("leaf", 0, 4), "weights of no leaf"),
        (change("leaf", 0, -1), "weights of no leaf"),
        (change("leaf_class", 0, 2), "classes that it lacks"),
        (change("leaf_class", 0, -1), "classes that it lacks"),
        (change("threshold", 0, np.nan), "values that are not numbers"),
        (change("weight", 0, np.inf), "values that are not numbers"),
        (change("base", 0, np.nan), "values that are not numbers"),
        (shorten("threshold"), "arrays of different lengths"),
        (shorten("left"), "arrays of different lengths"),
        (shorten("weight"), "arrays of different lengths"),
        (shorten("base"), "classes that it lacks"),
        (lambda trees: replace(trees, roots=trees.roots[:0]), "0 trees"),
    ],
)
def test_hostile_arrays_are_refused(hostile: Callable[[Trees], Trees], expected: str) -> None:
    with pytest.raises(CheckpointError, match=f"its trees have {expected}"):
        hostile(small()).check(2, 2)


def test_a_chain_of_a_million_levels_is_refused_at_once() -> None:
    count = 1_000_000
    feature = np.tile(np.array([0, -1], np.int32), count)
    here = np.arange(2 * count, dtype=np.int32)
    left, right = np.where(feature < 0, -1, here + 1), np.where(feature < 0, -1, here + 2)
    feature[-2], left[-2], right[-2] = -1, -1, -1
    one = np.array([2 * count - 1], np.int32)
    chain = Trees(
        np.zeros(1, np.int32), feature[:-1], np.zeros(2 * count - 1, np.float32), left[:-1].astype(np.int32),
        right[:-1].astype(np.int32), one - 1, np.zeros(1, np.int32), np.ones(1, np.float32), np.zeros(1, np.float32),
    )  # fmt: skip
    with pytest.raises(CheckpointError, match="more than 64 levels"):
        chain.check(1, 1)
