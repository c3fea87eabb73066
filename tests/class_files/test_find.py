"""Which file beside the data is the class table."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.class_files import find_class_table
from segdrone.errors import DataError

TABLE = "name,r,g,b\nroad,1,2,3\ngrass,4,5,6\n"


@pytest.mark.parametrize(
    "name",
    ["classes.csv", "class_dict.csv", "class_dict_seg.csv", "label_class_dict.csv", "_classes.csv", "Classes.JSON",
     "labelmap.txt", "label_colors.txt", "classes.tsv"],
)  # fmt: skip
def test_usual_names_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TABLE)
    for other in ("metadata.csv", "train.txt", "meta.json", "readme.txt", "labels.csv"):
        (tmp_path / other).write_text(TABLE)
    assert find_class_table(tmp_path) == tmp_path / name


def test_none_is_found_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "classes.csv").mkdir()
    assert find_class_table(tmp_path) is None
    assert find_class_table(tmp_path / "nowhere") is None


def test_classes_csv_takes_precedence(tmp_path: Path) -> None:
    (tmp_path / "_classes.csv").write_text("other\n")
    (tmp_path / "classes.csv").write_text(TABLE)
    assert find_class_table(tmp_path) == tmp_path / "classes.csv"


def test_tables_that_differ_are_refused(tmp_path: Path) -> None:
    (tmp_path / "class_dict.csv").write_text(TABLE)
    (tmp_path / "labelmap.txt").write_text("road:1,2,3::\ngrass:4,5,6::\n")
    assert find_class_table(tmp_path) == tmp_path / "class_dict.csv"
    (tmp_path / "labelmap.txt").write_text("grass:1,2,3::\nroad:4,5,6::\n# longer\n")
    with pytest.raises(DataError, match=r"class_dict\.csv and labelmap\.txt name other classes.*data\.classes="):
        find_class_table(tmp_path)


def test_of_several_tables_one_with_colors_is_taken(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("road\ngrass\n")
    (tmp_path / "labelmap.txt").write_text("road:1,2,3::\ngrass:4,5,6::\n")
    assert find_class_table(tmp_path) == tmp_path / "labelmap.txt"


def test_tables_that_exchange_colors_are_refused(tmp_path: Path) -> None:
    (tmp_path / "class_dict.csv").write_text(TABLE)
    (tmp_path / "labelmap.txt").write_text("road:4,5,6::\ngrass:1,2,3::\n")
    with pytest.raises(DataError, match=r"class_dict\.csv and labelmap\.txt give the same colors to other classes"):
        find_class_table(tmp_path)
    (tmp_path / "labelmap.txt").write_text("road:7,8,9::\ngrass:7,8,9::\n")
    assert find_class_table(tmp_path) == tmp_path / "class_dict.csv"


def test_tables_that_give_the_same_classes_other_ids_are_refused(tmp_path: Path) -> None:
    (tmp_path / "class_names.txt").write_text("road\ngrass\n")
    (tmp_path / "labelmap.csv").write_text("id,name\n0,road\n1,grass\n")
    assert find_class_table(tmp_path) == tmp_path / "class_names.txt"
    (tmp_path / "labelmap.csv").write_text("id,name\n1,road\n2,grass\n")
    with pytest.raises(DataError, match=r"class_names\.txt and labelmap\.csv name the same classes by other ids: say"):
        find_class_table(tmp_path)
