from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.audit.evidence import gather_evidence, grid_of, log_probabilities
from segdrone.audit.regions import Grid, Region
from segdrone.classes import ClassTable
from segdrone.inference import Predictor
from segdrone.spec import ModelSpec
from segdrone.windows import Size, Window

DARK, BRIGHT = ("dark", (0, 0, 0)), ("bright", (255, 255, 255))


class Brightness:
    """A backend whose probability of `bright` is the pixel's brightness, in windows of 8 x 8."""

    stride: Size = (1, 1)
    device, batch_size = "cpu", 1
    window: Size | None = None
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, *classes: tuple[str, tuple[int, int, int]]) -> None:
        self._place = classes.index(BRIGHT)
        names, colors = zip(*classes, strict=True)
        self.spec = ModelSpec(ClassTable(names, colors), (0.5,) * 3, (0.5,) * 3, training_size=(8, 8), sampling="tiles")

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        bright = windows[..., 0].astype(np.float32) / 255
        planes = [1 - bright, 1 - bright]
        planes[self._place] = bright
        return np.stack(planes, axis=1)


def test_cells_have_the_mean_of_models_whose_classes_are_in_another_order() -> None:
    image = np.random.default_rng(0).integers(0, 256, (21, 27, 1), np.uint8).repeat(3, 2)
    predictors = [Predictor(Brightness(DARK, BRIGHT)), Predictor(Brightness(BRIGHT, DARK))]
    source = predictors[0].open(image)
    grid = grid_of(predictors, source.size)
    assert grid.size == (21, 27)
    for size in (grid.size, (10, 9)):
        grid = Grid(source.size, size)
        found = log_probabilities(predictors, predictors[0].table, [source] * len(predictors), grid)
        np.testing.assert_allclose(np.exp(found[1].astype(np.float32)), grid.sample(image[..., 0]) / 255, atol=2e-3)


def test_a_network_at_half_the_scale_is_sampled_where_the_photograph_is() -> None:
    image = np.zeros((24, 32, 3), np.uint8)
    image[8:16, 16:24] = 255
    predictor = Predictor(Brightness(DARK, BRIGHT), scale=0.5)
    source = predictor.open(image)
    grid = grid_of([predictor], source.size)
    found = log_probabilities([predictor], predictor.table, [source], grid)
    assert grid.size == (12, 16)
    np.testing.assert_array_equal(found[1] > np.log(0.5), grid.sample(image[..., 0]) > 0)


def test_the_inside_counts_most_and_surroundings_are_shares() -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[2:10, 2:10], labels[:, 11] = 1, 255
    logs = np.zeros((2, 12, 12), np.float16)
    logs[1, 2:10, 2:10] = -4
    logs[1, 4:8, 4:8] = -1
    region = Region(1, Window(2, 2, 8, 8), 64, np.ones((8, 8), bool))
    evidence = gather_evidence(region, Grid((12, 12), (12, 12)), logs, labels)
    assert evidence.log_probabilities[0] == 0
    assert evidence.log_probabilities[1] > float(logs[1, 2:10, 2:10].mean()) + 0.9
    assert evidence.context.tolist() == pytest.approx([1, 0, np.log(64 / 144), 0, 0, np.log(16 / 64), 0], abs=0.01)
