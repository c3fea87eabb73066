"""Options of `Predictor` that a model of one size takes, those that it does not, and windows nobody chose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference import Predictor
from segdrone.spec import ModelSpec
from segdrone.windows import Size
from tests.helpers.colored import Colored

TABLE = ClassTable(("dark", "bright"), ((0, 0, 0), (255, 255, 255)))
IMAGE = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)


class OneSize:
    """The class of a pixel is whether it is bright; windows have at most 40 x 60 pixels."""

    spec = ModelSpec(TABLE, (0.5,) * 3, (0.5,) * 3, training_size=(40, 60), sampling="tiles")
    stride: Size = (1, 1)
    device, batch_size = "cpu", 1
    window: Size | None = (40, 60)

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert windows.shape[1] <= 40 and windows.shape[2] <= 60
        bright = windows[..., 0].astype(np.float32) / 255
        return np.stack([1 - bright, bright], 1)


@pytest.mark.parametrize(
    "options", [{"augment": "symmetries"}, {"scales": (0.5, 1.25)}, {"augment": "symmetries", "window": (40, 41)}]
)
def test_windows_that_augmentation_makes_too_large_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="turns or enlarges windows of 40 x .*beyond the model's own of 40 x 60: "):
        Predictor(OneSize(), **options)


@pytest.mark.parametrize("window", [(1, 40), (40, 2), (0, 40)])
def test_windows_that_are_too_small_to_overlap_are_refused(window: Size) -> None:
    with pytest.raises(ConfigError, match="must be a height and a width of 3 pixels or more"):
        Predictor(OneSize(), window=window)
    image = np.random.default_rng(0).integers(0, 256, (21, 17, 3)).astype(np.uint8)
    mask = Predictor(OneSize(), window=(3, 3), scale=0.6)(image).mask
    np.testing.assert_array_equal(mask, Predictor(OneSize(), scale=0.6)(image).mask)


@pytest.mark.parametrize("window", [(41, 60), (40, 61)])
def test_windows_that_are_larger_than_the_model_takes_are_refused(window: Size) -> None:
    with pytest.raises(ConfigError, match=r"larger than the model's own of 40 x 60: leave it out"):
        Predictor(OneSize(), window=window)


@pytest.mark.parametrize(
    "options",
    [{"augment": "flips"}, {"augment": "symmetries", "window": (40, 40)}, {"scales": (1.5,), "window": (26, 40)}],
)
def test_others_are_predicted(options: dict[str, Any]) -> None:
    expected = Predictor(OneSize())(IMAGE).mask
    assert (Predictor(OneSize(), **options)(IMAGE).mask == expected).mean() > 0.7


def test_windows_of_a_model_with_an_instance_head_have_twice_the_sides_of_its_training() -> None:
    def window(**values: Any) -> Any:
        return Predictor(Colored(replace(Colored().spec, sampling="crops", **values))).settings["window"]

    assert window(training_size=(256, 384)) == [512, 768]
    assert window(training_size=(256, 384), instances=False) == [256, 384]
    assert window(training_size=(704, 1056)) == [704, 1056]  # twice that takes gigabytes
