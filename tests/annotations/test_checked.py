from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.annotations.checked import CheckedNode
from segdrone.errors import DataError

ROOT = CheckedNode({"a": {"b": [1, {"c": None}]}}, Path("f.json"))


@pytest.mark.parametrize(
    ("content", "method", "expected"),
    [
        ("x", "items", "is 'x', not a list"),
        ([1], "mapping", "is a list, not a mapping"),
        (3, "text", "is 3, not a text"),
        ("  ", "text", "not a text"),
        ("a\x1b[31m", "label", "cannot be a class name"),
        ("a" * 101, "label", "cannot be a class name"),
        (1.5, "key", "is 1.5, not a number or a text"),
        (True, "key", "not a number or a text"),
        ({}, "numbers", "is a dict, not numbers"),
        ([[1, 2], [3]], "numbers", "is a list, not numbers"),
        (["x"], "numbers", "is a list, not numbers"),
        ([None], "numbers", "not finite or beyond 1000000"),
        (["nan"], "numbers", "not finite or beyond 1000000"),
        ([1e999], "numbers", "not finite or beyond 1000000"),
        ([1e7], "numbers", "not finite or beyond 1000000"),
        ([10**400], "numbers", "is a list, not numbers"),
        (10**400, "number", "not numbers"),
        ([1], "number", "not one number"),
        (True, "number", "not one number"),
        (1.5, "integer", "is 1.5, not an integer"),
        ([[1, 2, 3]], "points", "not a list of points"),
        ([1, 2], "points", "not a list of points"),
        (3, "points", "not a list of points"),
        ([1.0], "integers", "not a list of integers"),
        (["1"], "integers", "not a list of integers"),
        ([True], "integers", "not a list of integers"),
        ([[1]], "integers", "not a list of integers"),
        ([[1], 2], "integers", "not a list of integers"),
        ([2**64], "integers", "not a list of integers"),
        ("12", "integers", "not a list of integers"),
    ],
)
def test_wrong_type_is_reported_with_its_place(content: Any, method: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        for _ in getattr(CheckedNode(content, Path("f.json"), "a[3].b"), method)():
            pass
    text = str(caught.value)
    assert text.startswith("f.json: a[3].b ")
    assert expected in text
    assert "\n" not in text
    assert len(text) < 200


def test_places_are_named_as_in_the_file() -> None:
    second = list(ROOT["a"]["b"].items())[1]
    assert second.where == "f.json: a.b[1]"
    assert second.get("c") is None
    with pytest.raises(DataError, match=r"^f.json: a.b\[1\] has no c: fix it"):
        second["c"]
    assert ROOT.where == "f.json"


def test_right_types_are_accepted() -> None:
    def value(content: Any) -> CheckedNode:
        return CheckedNode(content, Path("f"))

    assert value("  a \n b ").label() == "a b"
    assert value(7).label() == "7"
    assert value("e\u0301").label() == "\u00e9"
    assert value("7").number() == 7
    assert value([[1, 2], ["3", 4.5]]).points().tolist() == [[1, 2], [3, 4.5]]
    assert value([]).points().shape == (0, 2)
    assert value([3, 4]).integers().dtype == np.int64
    assert value({"h": 3, "w": 4}).size("h", "w") == (3, 4)
    assert value({"h": 0, "w": 4}).size("h", "w") is None
    assert value({"w": 4}).size("h", "w") is None
