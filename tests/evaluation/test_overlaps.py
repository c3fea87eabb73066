import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.evaluation import overlaps
from segdrone.evaluation.overlaps import Segments, overlap_segments

TABLE = ClassTable(names=("road", "car"), colours=((0, 0, 0), (1, 1, 1)))


def test_shared_pixels_and_pixels_without_a_class_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "_CHUNK", 7)  # one row
    truth = Segments(np.array([[1, 1, 1, 0, 255]] * 4, np.uint8), np.array([[4, 4, 9, 9, 9]] * 4, np.uint16))
    prediction = Segments(np.array([[1, 1, 1, 255, 1]] * 4, np.uint8), np.array([[3, 3, 3, 3, 3]] * 4, np.uint16))
    found = overlap_segments(truth, prediction, TABLE, ["car"])
    true, predicted = found.truth, found.prediction
    assert [*zip(true.class_ids.tolist(), true.numbers.tolist(), true.areas.tolist(), strict=True)][:3] == [
        (0, 0, 4), (1, 4, 8), (1, 9, 4),
    ]  # fmt: skip
    assert true.is_void.tolist() == [False, False, False, True]
    assert true.is_thing.tolist() == [False, True, True, False]
    assert true.void.tolist()[:3] == [4, 0, 0]  # the road, where no class is predicted
    assert predicted.areas.tolist()[0] == 16 and predicted.counted.tolist()[0] == 12
    assert true.mostly_counted.tolist()[:3] == [False, True, True]
    pairs = zip(true.numbers[found.true], predicted.numbers[found.predicted], found.areas, strict=True)
    assert [tuple(map(int, pair)) for pair in pairs] == [(4, 3, 8), (9, 3, 4)]
