from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.annotations.names import unique_names
from segdrone.errors import DataError


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["f1/a.jpg", "f2/a.jpg", "f2/b.jpg"], ["f1_a", "f2_a", "b"]),
        (["f1/images/a.jpg", "f2/images/a.png"], ["f1_a", "f2_a"]),
        (["a.jpg", "f1/a.jpg"], ["a", "f1_a"]),
        (["x/1/a.jpg", "x/2/a.jpg", "y/1/a.jpg"], ["x_1_a", "x_2_a", "y_1_a"]),
        (["f1/A.JPG", "f2/a.jpg"], ["f1_A", "f2_a"]),
        (["f1/a.b.jpg", "f2/a.c.jpg"], ["a.b", "a.c"]),
    ],
)
def test_equal_names_get_the_folders_that_differ(paths: list[str], names: list[str]) -> None:
    assert list(unique_names(Path("/data", path) for path in paths).values()) == names


@pytest.mark.parametrize("paths", [["a.jpg", "a.png"], ["f1/a.jpg", "f2/a.jpg", "f1_a.jpg"], ["a.jpg", "A.jpg"]])
def test_names_that_stay_equal_are_refused(paths: list[str]) -> None:
    with pytest.raises(DataError, match="would share one mask: rename one of them"):
        unique_names(Path("/data", path) for path in paths)
