"""Which photographs, classes and pixels a model is scored on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.evaluation.trained_data import find_split
from segdrone.spec import ModelSpec
from tests.helpers.small_dataset import mask, write_set

TABLE = ClassTable(("road", "roof", "grass"), ((90, 90, 90), (255, 0, 0), (0, 255, 0)))
SPEC = ModelSpec(TABLE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), training_size=(32, 48))


@pytest.mark.parametrize("root", [".", "set"])
def test_the_working_folder_is_not_taken_for_that_of_an_exported_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    folder = write_set(tmp_path / "set")  # its table has another order
    monkeypatch.chdir(folder if root == "." else tmp_path)
    training = {"data": {"classes": TABLE.to_dict()}, "splits": {"val": ["001"]}}
    opened = find_split(SPEC, training, "val", {"root": root})
    (pair,) = opened.splits["val"]
    in_order = np.arange(256, dtype=np.uint8)
    in_order[:3] = (2, 0, 1)  # grass, road, roof
    assert np.array_equal(read_pair_mask(pair, opened.encoding), in_order[mask()])
