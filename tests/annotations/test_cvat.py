from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.annotations.conftest import centers, document, imported, mask, photograph, refusal

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><job><id>1</id><size>1</size><mode>annotation</mode><labels>
<label><name>street</name><color>#34d1b7</color><type>any</type><attributes></attributes></label>
<label><name>car</name><color>#fa3253</color><type>any</type><attributes></attributes></label>
<label><name>plain</name><attributes></attributes></label>
<label><name>white</name><color>#ffffff</color></label>
</labels></job><dumped>2024-09-06 11:43:00.1+00:00</dumped></meta>"""
STREET = (
    '<polygon label="street" source="manual" occluded="0" '
    'points="10.00,10.00;50.00,10.00;50.00,40.00;10.00,40.00" z_order="0"></polygon>'
)
CAR = (
    '<box label="car" source="manual" occluded="0" xtl="20.00" ytl="20.00" xbr="30.00" ybr="30.00" z_order="{}"></box>'
)


def cvat(path: Path, *shapes: str, size: str = 'width="96" height="64"') -> Path:
    image = f'<image id="0" name="job/a.png" subset="default" task_id="3" {size}>{"".join(shapes)}</image>'
    return document(path, f"{HEAD}{image}</annotations>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "images" / "a.png")
    return tmp_path / "in"


@pytest.mark.parametrize(("z_order", "above"), [(1, 0), (0, 0), (-1, 2)])
def test_shapes_are_drawn_by_z_order_then_file_order(folder: Path, z_order: int, above: int) -> None:
    cvat(folder / "annotations.xml", STREET, CAR.format(z_order))
    summary = imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 2
    expected[20:30, 20:30] = above
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)
    assert summary.table.names == ("car", "plain", "street", "white")  # all that the task declares
    assert summary.table.colours[::2] == ((0xFA, 0x32, 0x53), (0x34, 0xD1, 0xB7))


def test_shapes_of_one_layer_that_overlap_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    beside = CAR.format(0).replace("20.00", "60.00").replace("30.00", "70.00")
    for shapes in ((STREET, CAR.format(1)), (STREET, STREET.replace("10.00,", "12.00,")), (STREET, beside)):
        cvat(folder / "annotations.xml", *shapes)
        imported(folder, folder.parent / "out")
    assert "overlap on one layer" not in caplog.text
    cvat(folder / "annotations.xml", STREET, CAR.format(0), CAR.format(2).replace("30.00", "25.00"))
    imported(folder, folder.parent / "out")
    assert (
        "1 photographs, a first, have shapes of other labels that overlap on one layer (z_order), in 75 pixels: CVAT"
        in caplog.text
    )


def test_labels_without_a_color_or_in_white_get_one(folder: Path) -> None:
    cvat(folder / "a.xml", STREET, STREET.replace("street", "plain"), STREET.replace("street", "white"))
    colours = imported(folder, folder.parent / "out").table.colours
    assert len(set(colours)) == 4
    assert (255, 255, 255) not in colours


def test_mask_is_placed_in_its_rectangle(folder: Path) -> None:
    runs = 'rle="1, 2, 4, 5" left="7" top="9" width="4" height="3" z_order="0"'
    cvat(folder / "a.xml", f'<mask label="car" source="manual" occluded="0" {runs}></mask>')
    imported(folder, folder.parent / "out")
    expected = np.zeros((64, 96), bool)
    expected[9:12, 7:11] = [[0, 1, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]]
    np.testing.assert_array_equal(mask(folder.parent / "out") == 0, expected)


def test_rotated_ellipse(folder: Path) -> None:
    x, y = centers()
    ellipse = (
        '<ellipse label="car" source="manual" occluded="0" cx="40" cy="30" rx="20" ry="8" {} z_order="0"></ellipse>'
    )
    cvat(folder / "a.xml", ellipse.format(""))
    imported(folder, folder.parent / "out")
    upright = ((x - 40) / 20) ** 2 + ((y - 30) / 8) ** 2 <= 1
    assert ((mask(folder.parent / "out") == 0) != upright).sum() <= 4
    cvat(folder / "a.xml", ellipse.format('rotation="30"'))
    imported(folder, folder.parent / "out")
    along = (x - 40) * np.cos(np.pi / 6) + (y - 30) * np.sin(np.pi / 6)
    across = -(x - 40) * np.sin(np.pi / 6) + (y - 30) * np.cos(np.pi / 6)
    assert ((mask(folder.parent / "out") == 0) != ((along / 20) ** 2 + (across / 8) ** 2 <= 1)).sum() <= 4


def test_box_rotates_about_its_center(folder: Path) -> None:
    cvat(folder / "a.xml", '<box label="car" xtl="20" ytl="20" xbr="40" ybr="30" rotation="90.0"/>')
    imported(folder, folder.parent / "out")
    expected = np.zeros((64, 96), bool)
    expected[15:35, 25:35] = True
    np.testing.assert_array_equal(mask(folder.parent / "out") == 0, expected)


def test_shapes_that_cover_no_pixels_are_counted_as_skipped(folder: Path) -> None:
    others = (
        '<polyline label="car" points="1,1;9,9"/><points label="car" points="1,1"/><tag label="car"/>'
        '<cuboid label="car"/><skeleton label="car"><points label="x" points="1,1"/></skeleton>'
    )
    cvat(folder / "a.xml", others, STREET)
    skipped = imported(folder, folder.parent / "out").skipped
    assert skipped == {
        "points and open lines, which cover no pixels (--sparse draws them)": 2,
        "tags, cuboids and skeletons": 3,
    }


def test_image_without_shapes_is_skipped_or_background(folder: Path) -> None:
    photograph(folder / "images" / "b.png")
    photograph(folder / "images" / "unknown.png")
    path = cvat(folder / "a.xml", STREET)
    text = path.read_text().replace("</annotations>", '<image name="b.png" width="96" height="64"/></annotations>')
    path.write_text(text)
    first, second = folder.parent / "first", folder.parent / "second"
    unknown = "photographs that the annotations do not name"
    assert imported(folder, first).skipped == {"photographs without a shape": 1, unknown: 1}
    assert [file.name for file in (first / "masks").iterdir()] == ["a.png"]
    assert imported(folder, second, background="ground").skipped == {unknown: 1}
    assert (mask(second, "b") == 0).all()


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (STREET.replace("50.00,40.00", "50.00"), "polygon (shape 2).points is a list, not numbers"),
        (STREET.replace("50.00,40.00", "nan,40"), "polygon (shape 2).points contains a number that is not finite"),
        (STREET.replace("50.00,40.00", "5e9,40"), "polygon (shape 2).points contains a number that is not finite"),
        ('<polygon label="street" points="1,1;2,2"/>', "polygon (shape 2) has 2 points, a polygon needs 3"),
        ('<polygon label="street"/>', "polygon (shape 2) has no points"),
        (STREET.replace('label="street"', ""), "polygon (shape 2) has no label"),
        (STREET.replace('z_order="0"', 'z_order="top"'), "polygon (shape 2).z_order is 'top', not numbers"),
        (CAR.format(0).replace("20.00", "x", 1), "box (shape 2).xtl is 'x', not numbers"),
        ('<mask label="car" left="0" top="0" width="2" height="2"/>', "mask (shape 2) has no rle"),
        ('<mask label="car" rle="1,x" left="0" top="0" width="2" height="2"/>', "rle is not a list of integers"),
        ('<mask label="car" rle="1,2" left="0" top="0" width="2" height="2"/>', "run lengths for 3 pixels"),
        ('<mask label="car" rle="1,4" left="0" top="0" width="2" height="2"/>', "run lengths for 5 pixels"),
        ('<mask label="car" rle="4" left="0" top="0" width="1e99" height="2"/>', "width contains a number that is not"),
        ('<mask label="car" rle="1,3" left="95" top="0" width="2" height="2"/>', "2 x 2 pixels at column 95, row 0"),
        ('<mask label="car" rle="1,3" left="-1" top="0" width="2" height="2"/>', "2 x 2 pixels at column -1, row 0"),
        (
            '<mask label="car" rle="1,999999999999" left="0" top="0" width="1000000" height="1000000"/>',
            "is a mask of 1000000 x 1000000 pixels at column 0, row 0, which does not fit into 96 x 64",
        ),
    ],
)
def test_invalid_shape_is_reported_with_file_and_item(folder: Path, invalid: str, expected: str) -> None:
    path = cvat(folder / "a.xml", STREET, invalid)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: image 'job/a.png' ")
    assert expected in text
