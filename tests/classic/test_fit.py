import numpy as np
import pytest

from segdrone.classic.fit import draw_balanced, fit_model, majority
from segdrone.classic.model import ClassicOptions
from segdrone.errors import DataError
from tests.helpers.classic import FOREST, SMALL, patches


def options(name: str, **more: object) -> ClassicOptions:
    return ClassicOptions.from_dict({"name": name, "classifier": FOREST, **SMALL, **more})


@pytest.mark.parametrize("name", ["pixels", "slic"])
def test_a_fit_is_bounded_seeded_and_right(name: str) -> None:
    photographs = [patches(seed) for seed in range(4)]
    chosen = options(name, samples=60)
    model, counts = fit_model(chosen, photographs, 4, 3, seed=1)
    assert counts.min() > 0
    assert counts.sum() <= 60
    again, _ = fit_model(chosen, photographs, 4, 3, seed=1)
    other, _ = fit_model(chosen, photographs, 4, 3, seed=2)
    image, truth = patches(9)
    assert np.array_equal(model(image), again(image))
    assert not np.array_equal(model(image), other(image))
    assert (model(image).argmax(0) == truth).mean() > 0.85


@pytest.mark.parametrize("name", ["pixels", "slic"])
def test_photographs_without_labels_are_refused(name: str) -> None:
    image, mask = patches(0)
    with pytest.raises(DataError, match="of the 1 training photographs is labeled: label some"):
        fit_model(options(name), [(image, np.full_like(mask, 255))], 1, 3, seed=0)


@pytest.mark.parametrize("classifier", ["mean", "forest", "boosting"])
def test_a_class_that_is_absent_is_never_predicted(classifier: str) -> None:
    image, mask = patches(0)
    mask[mask == 1] = 255
    chosen = ClassicOptions.from_dict({"name": "pixels", "classifier": {"name": classifier}, **SMALL})
    model, counts = fit_model(chosen, [(image, mask)], 1, 4, seed=0)
    assert (counts == 0).tolist() == [False, True, False, True]
    assert model(image)[[1, 3]].max() == 0


@pytest.mark.parametrize("classifier", ["mean", "forest", "boosting"])
def test_one_class_is_enough(classifier: str) -> None:
    image, mask = patches(0)
    chosen = ClassicOptions.from_dict({"name": "pixels", "classifier": {"name": classifier}, **SMALL})
    model, _ = fit_model(chosen, [(image, np.where(mask == 2, 2, 255).astype(np.uint8))], 1, 3, seed=0)
    assert model(image)[2].min() > 0.99


def test_what_a_photograph_does_not_need_goes_to_those_that_follow() -> None:
    few, many = patches(0), patches(1)
    few[1][:] = 255
    few[1][0, :5] = [0, 1, 2, 0, 1]
    _, counts = fit_model(options("pixels", samples=1000), [few, many], 2, 3, seed=0)
    assert counts.sum() > 900


def test_ties_and_ignored_segments_have_no_class() -> None:
    labels = np.array([[0, 0, 0, 0, 1, 1, 2]], np.int32)
    mask = np.array([[0, 1, 255, 255, 1, 1, 255]], np.uint8)
    assert majority(labels, mask, 2).tolist() == [2, 1, 2]


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.9), (0.5, 0.75), (1.0, 0.5)])
def test_balance_moves_from_what_occurs_to_equal_shares(balance: float, share: float) -> None:
    ids = np.array([0] * 9000 + [1] * 1000 + [2] * 500)
    drawn = ids[draw_balanced(ids, 2, 400, balance, np.random.default_rng(0))]
    assert (drawn == 0).mean() == pytest.approx(share, abs=0.01)
    assert len(drawn) == pytest.approx(400, abs=2)
    assert drawn.max() == 1
