"""Decision trees as arrays: checked before use, and computed by ONNX Runtime.

ONNX Runtime is there wherever a model is opened, needs no scikit-learn, and computes the trees in compiled threads. A
pickle would run code of its maker; scikit-learn's own form of a tree changes between its versions, and takes indices
on trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classic.tree_graph import open_trees
from segdrone.errors import CheckpointError, ConfigError

MAX_NODES = 1 << 21
"""Most nodes, and most weights of leaves, of all trees of a model: to build their graph takes 1.2 GB."""

MAX_DEPTH = 64
"""Most levels of a tree, its root among them."""

_MAX_TREES = 1 << 16
_ROWS = 1 << 16  # computed at once
_NEVER = -1e9  # logit of a class that the sample lacks


@dataclass(frozen=True, eq=False)
class Trees:
    """The sum of what the leaves of trees say of classes.

    A tree takes the left branch where the feature is at most the threshold. The nodes of a tree follow one another, its
    root first, and children come after their parent.

    Args:
        roots: First node of each tree, int32 `[T]`.
        feature: Feature that a node compares, int32 `[N]`; -1 for leaves.
        threshold: float32 `[N]`.
        left: Node that follows, int32 `[N]`; -1 for leaves.
        right: Node that follows, int32 `[N]`; -1 for leaves.
        leaf: Leaf of each weight, int32 `[M]`.
        leaf_class: Class of each weight, int32 `[M]`.
        weight: What the leaf adds for the class, float32 `[M]`.
        base: Sum before the first tree, float32 `[C]`.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    leaf: NDArray[np.int32]
    leaf_class: NDArray[np.int32]
    weight: NDArray[np.float32]
    base: NDArray[np.float32]

    def check(self, features: int, classes: int) -> None:
        """Checks all indices, so that no tree reads outside of its arrays, loops, or shares nodes with another.

        Args:
            features: Number of features of a row.
            classes: Number of classes.

        Raises:
            CheckpointError: The arrays are no such trees.
        """
        nodes, leaves = len(self.feature), self.feature < 0
        self._require(
            all(len(part) == nodes for part in (self.threshold, self.left, self.right)), "arrays of different lengths"
        )
        self._require(len(self.leaf) == len(self.leaf_class) == len(self.weight), "arrays of different lengths")
        self._require(0 < len(self.roots) <= _MAX_TREES, f"{len(self.roots)} trees")
        self._require(max(nodes, len(self.leaf)) <= MAX_NODES, f"{nodes} nodes")
        self._require(bool((self.feature < features).all() and (self.feature >= -1).all()), "features that it lacks")
        ordered = self.roots[0] == 0 and bool((np.diff(self.roots.astype(np.int64)) > 0).all())
        self._require(bool(ordered) and int(self.roots[-1]) < nodes, "roots out of order")
        tree = np.searchsorted(self.roots, np.arange(nodes), side="right")
        branch = np.flatnonzero(~leaves)
        end = np.append(self.roots[1:], nodes)[tree[branch] - 1]
        for child in (self.left, self.right):
            self._require(bool((child[branch] > branch).all() and (child[branch] < end).all()), "children out of place")
            self._require(bool((child[leaves] == -1).all()), "leaves with children")
        parents = np.bincount(np.concatenate([self.left[branch], self.right[branch]]), minlength=nodes)
        parents[self.roots] += 1
        self._require(bool((parents == 1).all()), "nodes with no parent, or two")
        self._require(self._depth() <= MAX_DEPTH, f"more than {MAX_DEPTH} levels")
        inside = (self.leaf >= 0) & (self.leaf < nodes)
        self._require(bool(inside.all()) and bool(leaves[self.leaf].all()), "weights of no leaf")
        known = (self.leaf_class >= 0) & (self.leaf_class < classes)
        self._require(bool(known.all()) and len(self.base) == classes, "classes that it lacks")
        finite = all(bool(np.isfinite(part).all()) for part in (self.threshold, self.weight, self.base))
        self._require(finite, "values that are not numbers")

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the sums for rows of features, float32 `[R, F]`: float32 `[R, C]`. `check` must have passed."""
        sums = np.empty((len(rows), len(self.base)), np.float32)
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            sums[part] = self._session.run(None, {"rows": np.ascontiguousarray(rows[part])})[0] + self.base
        return sums

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        """Builds the trees that `to_arrays` returned; unchecked."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    @cached_property
    def _session(self) -> Any:
        arrays = {name: values for name, values in self.to_arrays().items() if name != "base"}
        return open_trees(**arrays, classes=len(self.base))

    def _depth(self) -> int:
        """Returns the number of levels, at most one more than are allowed."""
        level, depth = self.roots, 0
        while len(level) and depth <= MAX_DEPTH:
            level = level[self.feature[level] >= 0]
            level, depth = np.concatenate([self.left[level], self.right[level]]), depth + 1
        return depth

    @staticmethod
    def _require(fits: bool, fault: str) -> None:
        if not fits:
            raise CheckpointError(f"its trees have {fault}: fit the model again")


def check_size(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Checks that the arrays of a fitted classifier are not larger than those that are opened.

    Raises:
        ConfigError: They are.
    """
    if max(array.size for array in arrays.values()) > MAX_NODES or len(arrays.get("roots", ())) > _MAX_TREES:
        raise ConfigError(
            "the trees of this model are too large: lower model.classifier.trees (forest) or iterations (boosting), "
            "lower model.samples, or raise model.classifier.min_samples_leaf (forest)"
        )


def forest_trees(forest: Any, classes: int) -> Trees:
    """Returns the trees of scikit-learn's fitted RandomForestClassifier; their sum is its probability.

    Args:
        forest: The forest, whose `classes_` are ids of classes.
        classes: Number of all classes.
    """
    parts: list[dict[str, NDArray[Any]]] = []
    for estimator in forest.estimators_:
        tree = estimator.tree_
        value = tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True) / len(forest.estimators_)
        is_leaf = tree.children_left < 0
        leaf, column = np.nonzero(is_leaf[:, None] & (value > 0))
        part = {"feature": np.where(is_leaf, -1, tree.feature), "threshold": tree.threshold}
        part |= {"left": tree.children_left, "right": tree.children_right}
        parts.append(part | {"leaf": leaf, "leaf_class": forest.classes_[column], "weight": value[leaf, column]})
    return _concatenate(parts, np.zeros(classes))


def boosted_trees(boosting: Any, classes: int) -> Trees:
    """Returns the trees of scikit-learn's fitted HistGradientBoostingClassifier; their sums are its logits.

    Args:
        boosting: The classifier, whose `classes_` are ids of classes.
        classes: Number of all classes. Those that it was not fitted to get the lowest sum.
    """
    base, start = np.full(classes, _NEVER), boosting._baseline_prediction.ravel()
    binary = len(boosting.classes_) == 2  # which has one tree, for the logit of the second class
    base[boosting.classes_] = [0, *start] if binary else start
    scored = boosting.classes_[1:] if binary else boosting.classes_
    parts: list[dict[str, NDArray[Any]]] = []
    for iteration in boosting._predictors:
        for class_id, predictor in zip(scored, iteration, strict=True):
            nodes, is_leaf = predictor.nodes, predictor.nodes["is_leaf"] > 0
            leaf = np.flatnonzero(is_leaf)
            part = {"feature": np.where(is_leaf, -1, nodes["feature_idx"])}
            part["threshold"] = np.where(is_leaf, 0, nodes["num_threshold"])
            part |= {side: np.where(is_leaf, -1, nodes[side].astype(int)) for side in ("left", "right")}
            weights = {"leaf": leaf, "leaf_class": np.full(len(leaf), class_id), "weight": nodes["value"][leaf]}
            parts.append(part | weights)
    return _concatenate(parts, base)


def constant_tree(class_id: int, classes: int) -> Trees:
    """Returns a tree of logits that always says one class."""
    base = np.full(classes, _NEVER)
    base[class_id] = 0
    leaf = {"feature": [-1], "threshold": [0.0], "left": [-1], "right": [-1], "leaf": [0], "leaf_class": [class_id]}
    return _concatenate([{name: np.array(values) for name, values in leaf.items()} | {"weight": np.zeros(1)}], base)


def _concatenate(parts: list[dict[str, NDArray[Any]]], base: NDArray[np.float64]) -> Trees:
    counts = np.cumsum([0, *(len(part["feature"]) for part in parts)])
    for part, (start, _) in zip(parts, pairwise(counts), strict=True):
        for name in ("left", "right"):
            part[name] = np.where(part[name] < 0, -1, part[name] + start)
        part["leaf"] = part["leaf"] + start
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    threshold = joined.pop("threshold")
    rounded = threshold.astype(np.float32)  # down, so that float32 features compare as with the original
    rounded = np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    integers = {name: values.astype(np.int32) for name, values in joined.items() if name != "weight"}
    return Trees(
        roots=counts[:-1].astype(np.int32),
        threshold=rounded,
        weight=joined["weight"].astype(np.float32),
        base=base.astype(np.float32),
        **integers,
    )
