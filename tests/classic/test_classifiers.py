from typing import Any

import numpy as np
import pytest

from segdrone.classic.classifiers import CLASSIFIERS, Boosting, Forest, NearestMean
from segdrone.errors import CheckpointError

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 3, 400)
ROWS = (RNG.normal(size=(400, 5)) + 3 * IDS[:, None]).astype(np.float32)
ROWS[:, 4] *= 1000  # a feature of another unit


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_are_right_and_survive_their_arrays(name: str) -> None:
    options: Any = CLASSIFIERS[name]()
    fitted = options.fit(ROWS, IDS, 3, 0)
    fitted.check(5, 3)
    found = fitted(ROWS)
    assert (found.dtype, found.shape) == (np.float32, (400, 3))
    assert found.sum(1) == pytest.approx(1, abs=1e-5)
    assert (found.argmax(1) == IDS).mean() > 0.97
    assert np.array_equal(options.restore(fitted.to_arrays())(ROWS), found)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize(("features", "classes"), [(4, 3), (5, 2), (5, 4)])
def test_another_number_of_features_or_classes_is_refused(name: str, features: int, classes: int) -> None:
    fitted = CLASSIFIERS[name]().fit(ROWS, IDS, 3, 0)
    with pytest.raises(CheckpointError):
        fitted.check(features, classes)


def test_the_nearest_mean_counts_in_deviations() -> None:
    fitted = NearestMean().fit(ROWS, IDS, 3, 0)
    means = np.stack([ROWS[number == IDS].mean(0) for number in range(3)])
    assert fitted(means).argmax(1).tolist() == [0, 1, 2]
    swapped = means[[0]].copy()
    swapped[0, :4] = means[1, :4]
    assert fitted(swapped).argmax(1).tolist() == [1]  # the unit of the last feature does not decide


@pytest.mark.parametrize("change", [{"means": np.nan}, {"scale": 0.0}, {"scale": np.inf}, {"known": 0}])
def test_means_that_are_no_numbers_are_refused(change: dict[str, float]) -> None:
    arrays = NearestMean().fit(ROWS, IDS, 3, 0).to_arrays()
    [(name, value)] = change.items()
    arrays[name] = np.full_like(arrays[name], value)
    with pytest.raises(CheckpointError):
        NearestMean().restore(arrays).check(5, 3)


def test_leaves_of_a_forest_hold_shares() -> None:
    arrays = Forest(trees=3).fit(ROWS, IDS, 3, 0).to_arrays()
    for hostile in (-arrays["weight"], np.zeros_like(arrays["weight"])):
        with pytest.raises(CheckpointError, match="its leaves hold no shares"):
            Forest().restore({**arrays, "weight": hostile}).check(5, 3)


def test_more_trees_are_the_first_ones_and_others() -> None:
    """They are fitted in steps, to show progress: the result is that of one go."""
    from sklearn.ensemble import RandomForestClassifier

    fitted = Forest(trees=25, max_depth=5, min_samples_leaf=2).fit(ROWS, IDS, 3, 7)
    at_once = RandomForestClassifier(25, max_depth=5, min_samples_leaf=2, random_state=7).fit(ROWS, IDS)
    assert fitted(ROWS) == pytest.approx(at_once.predict_proba(ROWS), abs=1e-6)
    assert len(Boosting(iterations=12).fit(ROWS, IDS, 3, 7).to_arrays()["roots"]) == 12 * 3
