from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segdrone.classes import DRONE, ClassTable, generate_colors
from segdrone.errors import DataError


def test_the_drone_table_is_that_of_the_dataset() -> None:
    assert len(DRONE) == len(set(DRONE.names)) == len(set(DRONE.colours)) == 23
    assert (DRONE.names[0], DRONE.names[15], DRONE.names[22]) == ("unlabeled", "person", "obstacle")
    assert DRONE.colours[1] == (128, 64, 128)
    assert DRONE.ignore_index == 255


def test_ignored_id_must_not_be_a_class() -> None:
    with pytest.raises(DataError, match=r"ignored id 1 must be above the last class id \(1\)"):
        ClassTable(("a", "b"), ((0, 0, 0), (1, 1, 1)), ignore_index=1)
    with pytest.raises(DataError, match="at most 255"):
        ClassTable(("a",), ((0, 0, 0),), ignore_index=256)


def test_names_and_colors_must_match() -> None:
    with pytest.raises(DataError, match="not 2 names and 1 colors"):
        ClassTable(("a", "b"), ((0, 0, 0),))


def test_dict_round_trip_holds_only_plain_types(tmp_path: Path) -> None:
    table = ClassTable(("a", "b"), ((0, 1, 2), (3, 4, 5)), ignore_index=200)
    plain = table.to_dict()
    assert plain == {"names": ["a", "b"], "colours": [[0, 1, 2], [3, 4, 5]], "ignore_index": 200}
    assert {type(value) for colour in plain["colours"] for value in colour} == {int}
    assert ClassTable.from_dict(json.loads(json.dumps(plain))) == table
    assert ClassTable.from_dict(DRONE.to_dict()) == DRONE
    for things in ((), ("b",)):
        known = ClassTable(("a", "b"), ((0, 1, 2), (3, 4, 5)), things=things)
        assert ClassTable.from_dict(json.loads(json.dumps(known.to_dict()))) == known
    with pytest.raises(DataError, match="cow is called a thing and is no class: choose from a, b"):
        ClassTable(("a", "b"), ((0, 1, 2), (3, 4, 5)), things=("cow",))


def test_the_palette_has_the_colors_of_the_classes_and_white() -> None:
    palette = ClassTable(("a", "b"), ((0, 1, 2), (3, 4, 5))).palette
    assert palette.dtype == np.uint8
    assert palette.shape == (256, 3)
    assert palette[:2].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (palette[2:] == 255).all()


def test_the_values_of_masks_must_differ() -> None:
    two = ("a", "b"), ((0, 0, 0), (1, 1, 1))
    assert ClassTable(*two, mask_values=(0, 255)).dense == ClassTable(*two)
    for values, ignored in (((0,), ()), ((3, 3), ()), ((1, 2), (2,))):
        with pytest.raises(DataError, match="2 classes need as many different values in masks"):
            ClassTable(*two, mask_values=values, ignored_values=ignored)


def test_generated_colors_are_distinct() -> None:
    assert len({*generate_colors(255), (0, 0, 0), (255, 255, 255)}) == 257
    assert generate_colors(3) == generate_colors(255)[:3]
