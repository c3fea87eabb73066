from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.annotations.conftest import document, imported, mask, photograph, refusal


def thing(name: str, *points: tuple[object, object], deleted: int = 0, index: int = 0) -> str:
    """An object as MIT's LabelMe exports it."""
    corners = "".join(f"<pt><x>\n{x}\n</x><y>\n{y}\n</y></pt>" for x, y in points)
    return (
        f"<object><name>\n{name}\n</name><deleted>{deleted}</deleted><verified>0</verified><occluded>no</occluded>"
        "<attributes></attributes><parts><hasparts></hasparts><ispartof></ispartof></parts>"
        f"<date>21-Nov-2017 10:11:12</date><id>{index}</id>"
        f"<polygon><username>anonymous</username>{corners}</polygon></object>"
    )


def labelme_xml(
    path: Path, *objects: str, size: str = "<imagesize><nrows>64</nrows><ncols>96</ncols></imagesize>"
) -> Path:
    head = (
        "<annotation><filename>\na.png\n</filename><folder>drone</folder><source><sourceImage>The MIT-CSAIL database"
        "</sourceImage><sourceAnnotation>LabelMe Webtool</sourceAnnotation></source>"
    )
    return document(path, f"{head}{size}{''.join(objects)}</annotation>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


STREET = ((10, 10), (50, 10), (50, 40), (10, 40))
CAR = ((20, 20), (30, 20), (30, 30), (20, 30))


@pytest.mark.parametrize("size", ["", "<imagesize><nrows></nrows><ncols/></imagesize>", "<imagesize/>"])
def test_objects_are_drawn_over_earlier_ones_except_deleted_ones(folder: Path, size: str) -> None:
    gone = thing("car", (0, 0), (90, 0), (90, 60), deleted=1)
    labelme_xml(folder / "a.xml", thing("paved-area", *STREET), gone, thing("fence pole", *CAR), size=size)
    summary = imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 1
    expected[20:30, 20:30] = 0
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)
    assert summary.table.names == ("fence pole", "paved-area")
    assert summary.skipped == {"deleted objects": 1}


def test_labels_match_the_table_of_the_dataset(folder: Path) -> None:
    labelme_xml(folder / "a.xml", thing("paved-area", *STREET), thing("car", *CAR))
    imported(folder, folder.parent / "out", classes="drone", background="unlabeled")
    values = mask(folder.parent / "out")
    assert (values[25, 25], values[15, 15], values[60, 90]) == (17, 1, 0)


def test_objects_without_an_outline_are_counted_as_skipped(folder: Path) -> None:
    flat = thing("a", (1, 1), (5, 5))
    labelme_xml(folder / "a.xml", "<object><name>a</name><segm/></object>", flat, thing("a", *CAR))
    assert imported(folder, folder.parent / "out").skipped == {
        "objects without a polygon": 1,
        "polygons of fewer than 3 points": 1,
    }


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (thing("a", (1, 1), (5, "x"), (9, 9)), "object 2, polygon.points is a list, not numbers"),
        (thing("a", (1, 1), (5, "nan"), (9, 9)), "object 2, polygon.points contains a number that is not finite"),
        (thing("a", (1, 1), (5, "inf"), (9, 9)), "object 2, polygon.points contains a number that is not finite"),
        (thing("", *CAR), "object 2.name is '\\n\\n', not a text"),
        (thing("a", *CAR).replace("name>", "title>"), "object 2 has no name"),
        (
            thing("a", *CAR).replace("<y>\n30\n</y>", ""),
            "object 2, polygon.points contains a number that is not finite",
        ),
    ],
)
def test_invalid_object_is_reported_with_file_and_item(folder: Path, invalid: str, expected: str) -> None:
    path = labelme_xml(folder / "a.xml", thing("a", *CAR), invalid)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: ")
    assert expected in text


def test_file_without_a_photograph_name_is_refused(folder: Path) -> None:
    document(folder / "a.xml", f"<annotation>{thing('a', *CAR)}</annotation>")
    assert "annotation has no filename" in refusal(folder, folder.parent / "out")


def test_pascal_voc_is_not_labelme(folder: Path) -> None:
    document(folder / "a.xml", "<annotation><filename>a.png</filename><object><bndbox/></object></annotation>")
    assert "a.xml is Pascal VOC with bounding boxes, as LabelImg" in refusal(folder, folder.parent / "out")
