from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from segdrone.annotations.class_table import build_class_table, check_labels
from segdrone.annotations.shapes import Shape
from segdrone.class_files import read_class_table
from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError


def shapes(*labels: str) -> list[Shape]:
    return [Shape(label, f"f.json: shapes[{i}]") for i, label in enumerate(labels)]


def test_built_table_is_sorted_and_its_colors_differ() -> None:
    names = tuple(f"class {i:03d}" for i in range(255))
    table = build_class_table(shapes(*reversed(names)), [], {}, None, None)
    assert table.names == names
    assert len(set(table.colours)) == 255
    assert not {(0, 0, 0), (255, 255, 255)} & set(table.colours)
    for one, other in pairwise(table.colours):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 40


def test_more_labels_than_a_mask_can_store_are_refused() -> None:
    with pytest.raises(DataError, match="the annotations have 256 labels: a mask can store 1 to 255; give the classes"):
        build_class_table(shapes(*map(str, range(256))), [], {}, None, None)


def test_colors_of_the_tool_are_kept_if_they_differ() -> None:
    colours = {"a": (1, 2, 3), "b": (1, 2, 3), "c": (255, 255, 255), "unused": (9, 9, 9)}
    table = build_class_table(shapes("c", "b", "a"), [], colours, None, None)
    assert table.names == ("a", "b", "c")
    assert table.colours[0] == (1, 2, 3)
    assert len({*table.colours, (255, 255, 255)}) == 4


def test_background_is_id_0_unless_a_shape_has_that_label() -> None:
    assert build_class_table(shapes("a", "z"), [], {}, None, "ground").names == ("ground", "a", "z")
    assert build_class_table(shapes("a", "z"), [], {}, None, "ground").colours[0] == (0, 0, 0)
    assert build_class_table(shapes("a", "ground"), [], {}, None, "ground").names == ("a", "ground")


def test_background_spelled_otherwise_than_a_label_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert build_class_table(shapes("a", "Ground"), [], {}, None, "ground").names == ("ground", "Ground", "a")
    assert "'Ground' (1 shapes) and 'ground' (0 shapes)" in caplog.text


def test_given_table_is_used_unchanged(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,r,g,b\nz,1,1,1\na,2,2,2\n")
    assert build_class_table(shapes("a"), [], {"a": (9, 9, 9)}, str(tmp_path / "t.csv"), "z") == ClassTable(
        ("z", "a"), ((1, 1, 1), (2, 2, 2))
    )
    assert build_class_table(shapes("car"), [], {}, "drone", "unlabeled") == DRONE


def test_all_labels_that_the_table_lacks_are_reported() -> None:
    with pytest.raises(DataError) as caught:
        build_class_table(shapes("car", "lorry", "bus", "lorry"), [], {}, "drone", "ground")
    assert str(caught.value) == (
        "the class table drone lacks 'lorry' (2 shapes, first in f.json: shapes[1]), "
        "'bus' (1 shapes, first in f.json: shapes[2]), 'ground' (the background): "
        "add them, rename the labels in the tool, or leave out --classes to build a table"
    )


def test_declared_labels_are_classes_whether_they_occur_or_not() -> None:
    assert build_class_table(shapes("b"), ["c", "a"], {}, None, None).names == ("a", "b", "c")
    assert build_class_table(shapes("b"), ["ground", "a"], {}, None, "ground").names == ("a", "b", "ground")
    assert build_class_table(shapes("b", "__ignore__"), ["Ignore"], {}, None, None).names == ("b",)


@pytest.mark.parametrize(
    "labels", [("tree", "Tree"), ("bald tree", "bald-tree"), ("bald_tree", "BaldTree"), ("ä", "Ä")]
)
def test_labels_that_are_spelled_alike_are_told(labels: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert len(build_class_table(shapes(*labels, "road"), [], {}, None, None)) == 3
    assert "labels that differ only in case, spaces or hyphens become classes of their own: " in caplog.text
    assert all(f"{label!a} (1 shapes)" in caplog.text for label in labels)
    assert "merge them in training with data.class_groups" in caplog.text
    caplog.clear()
    build_class_table(shapes("tree", "trees", "road"), [], {}, None, None)
    assert caplog.text == ""


def test_label_that_the_table_spells_otherwise_is_explained() -> None:
    with pytest.raises(DataError, match=r"lacks 'Car' \(1 shapes, first in f.json: shapes\[0\]; the table has 'car'\)"):
        build_class_table(shapes("Car"), [], {}, "drone", None)


def test_unused_background_class_is_told(caplog: pytest.LogCaptureFixture) -> None:
    build_class_table(shapes("car"), ["background"], {}, None, None)
    assert "the class 'background' has no shape" in caplog.text
    assert "give --background 'background' if they are" in caplog.text
    caplog.clear()
    build_class_table(shapes("car", "background"), ["background"], {}, None, None)
    build_class_table(shapes("car"), ["background"], {}, None, "background")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "names",
    [("1", "2"), ("#1 roof", "tree"), ("//x", "y"), ("a;b", "c;d"), ('"a"', "b, c"), ("id", "name"), ("0", "road")],
)
def test_table_is_read_back_with_the_same_ids(tmp_path: Path, names: tuple[str, ...]) -> None:
    table = build_class_table(shapes(*names), [], {}, None, None)
    (tmp_path / "classes.csv").write_text(table.to_csv(), encoding="utf-8")
    assert read_class_table(tmp_path / "classes.csv") == table


def test_a_dataset_has_all_labels() -> None:
    check_labels(shapes("car", "__ignore__", "tree"), DRONE, "my data", "grass")
    with pytest.raises(
        DataError, match=r"classes of my data \(unlabeled, .*\) lack 'lamp' \(2 shapes, first in f.json"
    ):
        check_labels(shapes("car", "lamp", "lamp"), DRONE, "my data", None)
    with pytest.raises(DataError, match=r"lack 'lawn' \(the background\): rename the labels in the tool"):
        check_labels(shapes("car"), DRONE, "my data", "lawn")
