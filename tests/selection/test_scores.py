from __future__ import annotations

import numpy as np
import pytest

from segdrone.raster import ArraySource
from segdrone.selection.scores import map_uncertainty, predict_windows, scale_window, score_photograph
from segdrone.selection.uncertainty import entropy_part, margin
from segdrone.windows import Window
from tests.helpers.picking import ByColor, predictor
from tests.helpers.small_dataset import photograph

IMAGE = photograph(3)


def probabilities() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(ByColor()(IMAGE[None])[0], np.float32)


def test_the_whole_photograph_has_the_means_of_its_pixels() -> None:
    found = score_photograph(predictor(), ArraySource(IMAGE), flips=True)
    assert found.parts.tolist() == [[0, 0, *IMAGE.shape[:2]]]
    assert found.margin == pytest.approx(margin(probabilities()).mean(), abs=1e-5)
    parts = [entropy_part(plane, 3).mean() for plane in probabilities()]
    assert found.entropy[0] == pytest.approx(parts, abs=1e-5)
    assert found.shares[0] == pytest.approx(probabilities().mean((1, 2)), abs=1e-5)
    assert found.disagreement == pytest.approx(0, abs=1e-5)  # the model sees single pixels
    weights = np.array([1.0, 0, 2])
    assert found.by("rare", weights) == pytest.approx(parts[0] + 2 * parts[2], abs=1e-5)
    assert found.by("entropy", weights) == pytest.approx(sum(parts), abs=1e-5)


def test_small_windows_of_the_network_change_nothing() -> None:
    whole = score_photograph(predictor(), ArraySource(IMAGE))
    tiled = score_photograph(predictor(scale=1, window=(32, 32), overlap=0), ArraySource(IMAGE))
    assert tiled.margin == pytest.approx(whole.margin, abs=0.02)  # windows overlap by two pixels


def test_windows_are_scored_each_for_itself() -> None:
    image = np.full((64, 96, 3), 100, np.uint8)
    image[:, :48] = (255, 0, 0)
    found = score_photograph(predictor(), ArraySource(image), (64, 48))
    assert found.parts.tolist() == [[0, 0, 64, 48], [0, 48, 64, 48]]
    assert found.margin == pytest.approx([0.0, 1.0], abs=0.02)


def test_what_has_no_data_does_not_count() -> None:
    image = np.full((64, 96, 3), 100, np.uint8)
    image[:, :48] = (255, 0, 0)
    valid = np.ones((64, 96), np.bool_)
    valid[:, 48:] = False
    source = ArraySource(image, valid)
    assert score_photograph(predictor(), source).margin == pytest.approx([0.0], abs=0.02)
    assert score_photograph(predictor(), source, (64, 48)).parts.tolist() == [[0, 0, 64, 48]]
    found = map_uncertainty(predictor(), source, "margin", np.ones(3), cells=96)
    assert (found.classes[:, 48:] == 255).all()
    assert (found.classes[:, :48] == 0).all()


@pytest.mark.parametrize("way", ["margin", "entropy", "disagreement", "rare"])
def test_the_map_shows_the_score(way: str) -> None:
    weights = np.array([1.0, 3.0, 0.5])
    found = map_uncertainty(predictor(), ArraySource(IMAGE), way, weights, cells=10_000)
    expected = score_photograph(predictor(), ArraySource(IMAGE), flips=True).by(way, weights)
    assert found.values.shape == IMAGE.shape[:2]
    assert found.values.mean() == pytest.approx(expected[0], abs=1e-5)
    assert np.array_equal(found.classes, probabilities().argmax(0))


def test_flips_are_turned_back() -> None:
    (found,) = predict_windows(predictor(), ArraySource(IMAGE), flips=True)
    assert len(found.versions) == 4
    assert all(np.array_equal(version, probabilities()) for version in found.versions)


def test_windows_are_scaled_and_stay_inside() -> None:
    assert scale_window(Window(10, 20, 30, 40), (100, 200), (50, 50)) == Window(5, 5, 15, 10)
    assert scale_window(Window(99, 199, 1, 1), (100, 200), (3, 4)) == Window(2, 3, 1, 1)
