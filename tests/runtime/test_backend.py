from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import CheckpointError
from segdrone.inference import Predictor
from segdrone.spec import ModelSpec
from segdrone.windows import Size

TWO = ClassTable(("dark", "bright"), ((0, 0, 0), (255, 255, 255)))


class Wrong:
    """A backend that returns the given array whatever the windows are."""

    spec = ModelSpec(TWO, mean=(0.5,) * 3, std=(0.5,) * 3, training_size=(4, 6), sampling="tiles")
    stride: Size = (1, 1)
    device = "cpu"
    batch_size = 1
    window: Size | None = None
    settings: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, answer: NDArray[np.generic]) -> None:
        self.answer = answer

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.answer  # type: ignore[return-value]


HALF = np.full((1, 2, 4, 6), 0.5, np.float32)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (HALF.astype(np.float64), "Wrong returned float64 [1, 2, 4, 6]: it must return float32 [1, 2, 4, 6]"),
        (HALF.transpose(0, 2, 3, 1), "Wrong returned float32 [1, 4, 6, 2]: it must return float32 [1, 2, 4, 6]"),
        (HALF[:, :1], "Wrong returned float32 [1, 1, 4, 6]"),
        (HALF[:0], "Wrong returned float32 [0, 2, 4, 6]"),
        (HALF * 7, "Wrong returned values that sum to 7 over the classes"),
    ],
)
def test_a_backend_that_breaks_the_contract_is_refused(answer: NDArray[np.generic], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Predictor(Wrong(answer))(np.zeros((4, 6, 3), np.uint8))
    assert message in str(caught.value)


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 3])
def test_an_output_that_overflows_at_a_pixel_is_an_error_of_the_model(number: float, row: int) -> None:
    answer = HALF.copy()
    answer[:, :, row, 5] = number
    with pytest.raises(CheckpointError, match="not a number at some pixels"):
        Predictor(Wrong(answer))(np.zeros((4, 6, 3), np.uint8))


def test_a_backend_that_keeps_it_is_not() -> None:
    assert Predictor(Wrong(HALF))(np.zeros((4, 6, 3), np.uint8)).mask.tolist() == [[0] * 6] * 4
