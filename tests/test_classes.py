from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError


def kaggle_csv(path: Path) -> Path:
    rows = [f"{name}, {r}, {g}, {b}" for name, (r, g, b) in zip(DRONE.names, DRONE.colours, strict=True)]
    path.write_text("\n".join(["name, r, g, b", *rows, "conflicting, 255, 0, 0"]) + "\n")
    return path


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        ClassTable.from_csv(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_the_drone_table_is_that_of_the_dataset() -> None:
    assert ClassTable.load("drone") is DRONE
    assert len(DRONE) == len(set(DRONE.names)) == len(set(DRONE.colours)) == 23
    assert (DRONE.names[0], DRONE.names[15], DRONE.names[22]) == ("unlabeled", "person", "obstacle")
    assert DRONE.colours[1] == (128, 64, 128)
    assert DRONE.ignore_index == 255


def test_the_csv_of_kaggle_is_read(tmp_path: Path) -> None:
    table = ClassTable.load(kaggle_csv(tmp_path / "class_dict_seg.csv"))
    assert table.names == (*DRONE.names, "conflicting")
    assert table.colours == (*DRONE.colours, (255, 0, 0))


def test_csv_with_byte_order_mark_and_capitals_is_read(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_bytes(b"\xef\xbb\xbfName,R,G,B\r\nroad,1,2,3\r\n")
    assert ClassTable.from_csv(path) == ClassTable(("road",), ((1, 2, 3),))


def test_id_column_orders_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("id,name,r,g,b\n2,c,0,0,3\n0,a,0,0,1\n1,b,0,0,2\n")
    table = ClassTable.from_csv(path)
    assert table.names == ("a", "b", "c")
    assert table.colours == ((0, 0, 1), (0, 0, 2), (0, 0, 3))


def test_quoted_name_may_follow_a_space(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text('id, name, r, g, b\n0, "road, paved", 1, 2, 3\n')
    assert ClassTable.from_csv(path).names == ("road, paved",)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("id,name,r,g,b\n0,a,0,0,1\n1,b,0,0,2\n1,c,0,0,3\n", ("gives id 1 to 2 classes", "must differ")),
        ("id,name,r,g,b\n0,a,0,0,1\n2,b,0,0,2\n", ("has ids [0, 2]", "must be 0 to 1 without a gap")),
        ("name,r,g,b\na,0,0,1\na,0,0,2\n", ("names a twice", "rename")),
        ("name,r,g\na,0,0\n", ("'b'", "name, r, g, b", "fix")),
        ("name,r,g,b\na,0,zero,1\n", ("'zero'", "whole numbers", "fix")),
        ("name,r,g,b\na,0,0\n", ("whole numbers", "fix")),
        ("name,r,g,b\na,0,0,256\n", ("0 to 255",)),
        ("name,r,g,b\n", ("1 to 255 names", "not 0 names")),
        ("id,name,r,g,b\nx,a,0,0,1\n", ("'x'", "whole numbers", "fix")),
    ],
)
def test_unusable_csv_is_refused_in_one_line(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    message = refusal(tmp_path / "classes.csv", text)
    for part in parts:
        assert part in message


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_bytes(b"\xff\xfe\x00n\x00a")
    with pytest.raises(DataError, match="is not a table of name, r, g, b") as caught:
        ClassTable.from_csv(path)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.csv"
    with pytest.raises(DataError) as caught:
        ClassTable.load(str(path))
    assert str(caught.value) == (
        f"class table {path} does not exist: give data.classes=drone or the path of a CSV file"
    )


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


def test_the_palette_has_the_colors_of_the_classes_and_white() -> None:
    palette = ClassTable(("a", "b"), ((0, 1, 2), (3, 4, 5))).palette
    assert palette.dtype == np.uint8
    assert palette.shape == (256, 3)
    assert palette[:2].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (palette[2:] == 255).all()
