"""Classify rows of features: what a classifier learns is arrays, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from segdrone.classic.libraries import library
from segdrone.classic.trees import MAX_DEPTH, Trees, boosted_trees, constant_tree, forest_trees
from segdrone.errors import CheckpointError
from segdrone.utils.progress import progress_bar

Rows = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]
_STEP = 10  # trees
_LEAST = 1e-6  # standard deviation of a feature: a constant one tells nothing


class Fitted(Protocol):
    """A fitted classifier."""

    def check(self, features: int, classes: int) -> None:
        """Checks the arrays.

        Raises:
            CheckpointError: They are not those of a classifier of so many features and classes.
        """

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        """Returns the probabilities of classes for rows of features, float32 `[R, F]`: float32 `[R, C]`, sum 1."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays by name."""


class Classifier(Protocol):
    """Options of a classifier, and how it is fitted."""

    def fit(self, rows: Rows, ids: NDArray[np.integer[Any]], classes: int, seed: int) -> Fitted:
        """Fits rows of features, float32 `[R, F]`, with the ids of their classes, `[R]`, of all C classes."""

    def restore(self, arrays: Arrays) -> Fitted:
        """Builds the fitted classifier of arrays; unchecked."""


@dataclass(frozen=True)
class NearestMean:
    """The class whose mean is nearest, where each feature is divided by its deviation within classes."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    def fit(self, rows: Rows, ids: NDArray[np.integer[Any]], classes: int, seed: int) -> Fitted:
        """Fits, as `Classifier` says; `seed` is not used."""
        counts = np.bincount(ids, minlength=classes)
        means = np.zeros((classes, rows.shape[1]))
        np.add.at(means, ids, rows)
        means /= np.maximum(counts, 1)[:, None]
        deviation = np.sqrt(np.square(rows - means[ids]).mean(0))
        known = (counts > 0).astype(np.uint8)
        scale = np.maximum(deviation, _LEAST).astype(np.float32)
        return _Means(means.astype(np.float32), scale, known)

    def restore(self, arrays: Arrays) -> Fitted:
        """Builds the fitted classifier of arrays; unchecked."""
        return _Means(arrays["means"], arrays["scale"], arrays["known"])


@dataclass(frozen=True)
class Forest:
    """A random forest: trees of random parts of the sample, which vote; Breiman (2001)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    trees: Annotated[int, Field(ge=1, le=1000, description="number of trees")] = 40
    max_depth: Annotated[int, Field(ge=1, le=40, description="most levels of a tree")] = 18
    min_samples_leaf: Annotated[int, Field(ge=1, le=10_000, description="samples of the smallest leaf")] = 4

    def fit(self, rows: Rows, ids: NDArray[np.integer[Any]], classes: int, seed: int) -> Fitted:
        """Fits, as `Classifier` says."""
        forest = library("sklearn.ensemble").RandomForestClassifier(
            max_depth=self.max_depth, min_samples_leaf=self.min_samples_leaf, random_state=seed, n_jobs=-1,
            warm_start=True,
        )  # fmt: skip
        for total in progress_bar(_steps(self.trees), desc="trees", leave=False):
            forest.set_params(n_estimators=total).fit(rows, ids)
        return _Voting(forest_trees(forest, classes))

    def restore(self, arrays: Arrays) -> Fitted:
        """Builds the fitted classifier of arrays; unchecked."""
        return _Voting(Trees.from_arrays(arrays))


@dataclass(frozen=True)
class Boosting:
    """Gradient boosting: small trees, each of which corrects the ones before; Friedman (2001)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    iterations: Annotated[int, Field(ge=1, le=1000, description="trees of each class")] = 60
    learning_rate: Annotated[float, Field(gt=0, le=1, description="share of a tree's correction that is added")] = 0.1
    leaves: Annotated[int, Field(ge=2, le=255, description="most leaves of a tree")] = 15

    def fit(self, rows: Rows, ids: NDArray[np.integer[Any]], classes: int, seed: int) -> Fitted:
        """Fits, as `Classifier` says."""
        if len(np.unique(ids)) == 1:  # which scikit-learn refuses
            return _Boosted(constant_tree(int(ids[0]), classes))
        boosting = library("sklearn.ensemble").HistGradientBoostingClassifier(
            learning_rate=self.learning_rate, max_leaf_nodes=self.leaves, max_depth=MAX_DEPTH - 1, early_stopping=False,
            random_state=seed, warm_start=True,
        )  # fmt: skip
        for total in progress_bar(_steps(self.iterations), desc="iterations", leave=False):
            boosting.set_params(max_iter=total).fit(rows, ids)
        return _Boosted(boosted_trees(boosting, classes))

    def restore(self, arrays: Arrays) -> Fitted:
        """Builds the fitted classifier of arrays; unchecked."""
        return _Boosted(Trees.from_arrays(arrays))


CLASSIFIERS: dict[str, type[NearestMean] | type[Forest] | type[Boosting]] = {
    "mean": NearestMean,
    "forest": Forest,
    "boosting": Boosting,
}


@dataclass(frozen=True, eq=False)
class _Means:
    """Means of classes.

    Args:
        means: float32 `[C, F]`.
        scale: Deviation of each feature within classes, float32 `[F]`.
        known: 1 for classes that were in the sample, uint8 `[C]`.
    """

    means: NDArray[np.float32]
    scale: NDArray[np.float32]
    known: NDArray[np.uint8]

    def check(self, features: int, classes: int) -> None:
        shapes = self.means.shape == (classes, features) and self.scale.shape == (features,)
        if not shapes or self.known.shape != (classes,):
            raise CheckpointError(f"its means are not those of {classes} classes in {features} features: fit it again")
        if not (np.isfinite(self.means).all() and np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise CheckpointError("its means are not numbers, or a deviation is not above 0: fit it again")
        if not self.known.any():
            raise CheckpointError("it knows none of its classes: fit it again")

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        means = (self.means / self.scale).astype(np.float64)
        scaled = rows / self.scale
        near = scaled @ means.T - np.square(means).sum(1) / 2  # the square of the row is the same for all classes
        near[:, self.known == 0] = -np.inf
        return _softmax(near / np.sqrt(rows.shape[1]))  # correlated features must not make each row certain

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class _Voting:
    """A forest, whose leaves hold shares of classes."""

    trees: Trees

    def check(self, features: int, classes: int) -> None:
        self.trees.check(features, classes)
        leaves = np.bincount(self.trees.leaf, self.trees.weight, len(self.trees.feature))[self.trees.feature < 0]
        if (self.trees.weight < 0).any() or not (leaves > 0).all() or self.trees.base.any():
            raise CheckpointError("its leaves hold no shares of classes: fit the model again")

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        votes = self.trees(rows)
        return np.asarray(votes / votes.sum(1, keepdims=True), np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self.trees.to_arrays()


@dataclass(frozen=True, eq=False)
class _Boosted:
    """Boosted trees, whose leaves hold logits."""

    trees: Trees

    def check(self, features: int, classes: int) -> None:
        self.trees.check(features, classes)

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        return _softmax(self.trees(rows))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self.trees.to_arrays()


def _steps(total: int) -> list[int]:
    """Returns the numbers of trees after which progress is shown; each start costs some time.

    Example:
        >>> _steps(25)
        [10, 20, 25]
    """
    return [*range(_STEP, total, _STEP), total]


def _softmax(values: NDArray[Any]) -> NDArray[np.float32]:
    powers = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)
