from __future__ import annotations

import base64
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.annotations.conftest import centers, document, imported, mask, photograph, refusal


def shape(label: str, points: Any, kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    """A shape as LabelMe 5 exports it."""
    named = {} if kind is None else {"shape_type": kind}
    return {"label": label, "points": points, "group_id": None, "description": "", **named, "flags": {}, **more}


def labelme(path: Path, *shapes: Any, **more: Any) -> Path:
    root: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "a.png",
        "imageData": None,
    }
    return document(path, {**root, "imageHeight": 64, "imageWidth": 96, **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def drawn(folder: Path, *shapes: Any) -> np.ndarray[Any, Any]:
    labelme(folder / "a.json", *shapes)
    imported(folder, folder.parent / "out")
    return mask(folder.parent / "out")


def test_polygons_are_drawn_over_earlier_ones(folder: Path) -> None:
    street = shape("street", [[10.0, 10.0], [50.0, 10.0], [50.0, 40.0], [10.0, 40.0]])
    car = shape("car", [[20.0, 20.0], [30.0, 20.0], [30.0, 30.0], [20.0, 30.0]], None)
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 1
    expected[20:30, 20:30] = 0
    np.testing.assert_array_equal(drawn(folder, street, car), expected)


@pytest.mark.parametrize("points", [[[50, 40], [10, 20]], [[10, 20], [50, 20], [50, 40], [10, 40]]])
def test_rectangles_have_two_corners_or_four(folder: Path, points: list[list[float]]) -> None:
    expected = np.full((64, 96), 255, np.uint8)
    expected[20:40, 10:50] = 0
    np.testing.assert_array_equal(drawn(folder, shape("a", points, "rectangle")), expected)


def test_oriented_rectangle_is_a_polygon(folder: Path) -> None:
    x, y = centers()
    diamond = shape("a", [[40, 10], [60, 30], [40, 50], [20, 30]], "oriented_rectangle")
    assert ((drawn(folder, diamond) == 0) != (abs(x - 40) + abs(y - 30) < 20)).sum() <= 40  # centers on the rim


def test_circle_is_a_center_and_a_point_on_the_edge(folder: Path) -> None:
    x, y = centers()
    circle = drawn(folder, shape("a", [[40, 30], [43, 34]], "circle")) == 0
    assert (circle != (np.hypot(x - 40, y - 30) <= 5)).sum() <= 4


def test_lines_and_points_are_10_pixels_wide(folder: Path) -> None:
    x, y = centers()
    line = drawn(folder, shape("a", [[20, 30], [70, 30]], "line")) == 0
    assert (line != (np.hypot(x - np.clip(x, 20, 70), y - 30) <= 5)).sum() <= 4
    strip = drawn(folder, shape("a", [[20, 30], [70, 30], [70, 50]], "linestrip")) == 0
    other = np.hypot(x - 70, y - np.clip(y, 30, 50)) <= 5
    assert (strip != ((np.hypot(x - np.clip(x, 20, 70), y - 30) <= 5) | other)).sum() <= 6
    point = drawn(folder, shape("a", [[70, 40]], "point")) == 0
    assert (point != (np.hypot(x - 70, y - 40) <= 5)).sum() <= 4


def encoded(pixels: Any) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_mask_rectangle_includes_its_last_row_and_column(folder: Path) -> None:
    pixels = np.random.default_rng(0).random((21, 31)) < 0.5
    expected = np.full((64, 96), 255, np.uint8)
    expected[20:41, 10:41][pixels] = 0
    mine = shape("a", [[10.0, 20.0], [40.0, 40.0]], "mask", mask=encoded(pixels.astype(np.uint8)))
    np.testing.assert_array_equal(drawn(folder, mine), expected)


def test_polygons_of_two_points_are_counted_as_skipped(folder: Path) -> None:
    labelme(folder / "a.json", shape("a", [[1, 1], [9, 9]]), shape("a", [[1, 1]], "points"), shape("a", SQUARE))
    summary = imported(folder, folder.parent / "out")
    assert summary.skipped == {"polygons of fewer than 3 points, and prompts of points": 2}
    assert summary.shapes.tolist() == [1]


SQUARE = [[1, 1], [9, 1], [9, 9]]


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (shape("a", "none"), "shapes[1].points is 'none', not numbers"),
        (shape("a", [[1, 2], [3]]), "shapes[1].points is a list, not numbers"),
        (shape("a", [[1, 1e300], [3, 4], [5, 6]]), "shapes[1].points contains a number that is not finite"),
        (shape("a", [[1, "nan"], [3, 4], [5, 6]]), "shapes[1].points contains a number that is not finite"),
        (shape("", SQUARE), "shapes[1].label is '', not a text"),
        ({"points": SQUARE}, "shapes[1] has no label"),
        ({"label": "a"}, "shapes[1] has no points"),
        ("shape", "shapes[1] is 'shape', not a mapping"),
        (shape("a", SQUARE, "spiral"), "shapes[1].shape_type is 'spiral', not one of polygon, rectangle"),
        (shape("a", SQUARE, "circle"), "shapes[1] has 3 points, which is not valid for a circle"),
        (shape("a", [], "linestrip"), "shapes[1] has 0 points, which is not valid for a linestrip"),
        (shape("a", SQUARE, "mask", mask="x"), "shapes[1] has 3 points, not the 2 corners of a mask"),
        (shape("a", [[0, 0], [9, 9]], "mask"), "shapes[1] has no mask"),
        (shape("a", [[0, 0], [9, 9]], "mask", mask="x"), "shapes[1] is not a mask in PNG"),
        (
            shape("a", [[9, 9], [0, 0]], "mask", mask=encoded(np.eye(9, dtype=bool))),
            "has a last corner before its first",
        ),
        (
            shape("a", [[0, 0], [96, 3]], "mask", mask=encoded(np.ones((9, 97), bool))),
            "97 x 9 pixels at column 0, row 0, which does not fit into 96 x 64",
        ),
    ],
)
def test_invalid_shape_is_reported_with_file_and_item(folder: Path, invalid: Any, expected: str) -> None:
    path = labelme(folder / "a.json", shape("a", SQUARE), invalid)
    text = refusal(folder, folder.parent / "out", annotation_format="labelme")
    assert text.startswith(f"{path}: ")
    assert expected in text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"shapes": {}}, "shapes is a dict, not a list"),
        ({"imagePath": None}, "has no imagePath"),
        ({"imagePath": 3}, "imagePath is 3, not a text"),
        ({"imageWidth": "wide"}, "imageWidth is 'wide', not numbers"),
    ],
)
def test_invalid_header_is_reported(folder: Path, more: dict[str, Any], expected: str) -> None:
    labelme(folder / "a.json", shape("a", SQUARE), **more)
    assert expected in refusal(folder, folder.parent / "out")


def test_moved_mask_lies_at_its_rounded_first_corner(folder: Path) -> None:
    pixels = np.random.default_rng(0).random((4, 5)) < 0.5
    pixels[0, 0] = pixels[-1, -1] = True
    for corners, top, left in (([[11.4, 5.6], [15.4, 8.6]], 6, 11), ([[11.5, 5.5], [15.5, 8.5]], 6, 12)):
        expected = np.zeros((64, 96), bool)
        expected[top : top + 4, left : left + 5] = pixels
        moved = shape("a", corners, "mask", mask=encoded(pixels.astype(np.uint8)))
        np.testing.assert_array_equal(drawn(folder, moved) == 0, expected)


def test_mask_is_cropped_to_whole_corners(folder: Path) -> None:
    corners = shape("a", [[10, 20], [13, 22]], "mask", mask=encoded(np.ones((9, 9), bool)))
    assert (drawn(folder, corners) == 0).sum() == 3 * 4


@pytest.mark.parametrize("label", ["__ignore__", "Ignore", "ignored"])
def test_ignored_labels_are_no_class(folder: Path, label: str) -> None:
    hidden = shape(label, [[20, 20], [30, 20], [30, 30], [20, 30]])
    street = shape("street", [[10, 10], [50, 10], [50, 40], [10, 40]])
    labelme(folder / "a.json", street, hidden)
    summary = imported(folder, folder.parent / "out", background="ground")
    values = mask(folder.parent / "out")
    assert summary.table.names == ("ground", "street")
    assert (values[25, 25], values[15, 15], values[0, 0]) == (255, 1, 0)
    assert summary.notes == [f"ignored pixels: 1 shapes labeled {label!r}"]


def test_labels_of_the_list_are_declared(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    document(folder.parent / "in" / "labels.txt", "__ignore__\n_background_\ncar\ntree\n")
    car = shape("car", [[10, 10], [50, 10], [50, 40]])
    labelme(folder / "a.json", car)
    assert imported(folder, folder.parent / "out").table.names == ("_background_", "car", "tree")
    assert "the class '_background_' has no shape" in caplog.text
    assert "give --background '_background_'" in caplog.text
    labelme(folder / "a.json", {**car, "label": "boat"})  # of another project
    assert imported(folder, folder.parent / "out").table.names == ("boat",)
    document(folder.parent / "in" / "labels.txt", "boat\ncar\n")  # in one process: a notebook
    assert imported(folder, folder.parent / "out").table.names == ("boat", "car")
    (folder.parent / "in" / "labels.txt").unlink()
    os.mkfifo(folder.parent / "in" / "labels.txt")  # from which reading would wait for ever
    assert imported(folder, folder.parent / "out").table.names == ("boat",)


@pytest.mark.parametrize("image_path", ["a.json", "a.bmp", "..\\old\\a"])
def test_photograph_of_the_same_stem_is_used_if_no_image_is_named(folder: Path, image_path: str) -> None:
    labelme(folder / "a.json", shape("car", SQUARE), imagePath=image_path)
    assert imported(folder, folder.parent / "out").photographs == 1


def test_another_photograph_is_not_replaced_by_that_of_the_same_stem(folder: Path) -> None:
    labelme(folder / "a.json", shape("car", SQUARE), imagePath="b.png")
    assert "'b.png'; give their folder with --images" in refusal(folder, folder.parent / "out")


def test_embedded_photograph_is_written_if_there_is_no_file(folder: Path) -> None:
    data = base64.b64encode((folder / "a.png").read_bytes()).decode()
    labelme(folder / "b.json", shape("car", SQUARE), imagePath="lost.png", imageData=data)
    imported(folder / "b.json", folder.parent / "out", images=folder)
    assert (folder.parent / "out" / "images" / "b.png").read_bytes() == (folder / "a.png").read_bytes()
    assert (mask(folder.parent / "out", "b") == 0).sum() > 20


def test_embedded_photograph_tells_the_size_that_old_versions_leave_out(folder: Path) -> None:
    other = photograph(folder.parent / "other" / "a.png", (32, 48))
    data = base64.b64encode(other.read_bytes()).decode()
    path = labelme(folder / "a.json", shape("car", SQUARE), imageData=data, imageHeight=None, imageWidth=None)
    assert f"{path} annotates a photograph of 48 x 32 pixels, but" in refusal(folder, folder.parent / "out")


@pytest.mark.parametrize("data", ["!!!", base64.b64encode(b"none").decode()])
def test_broken_embedded_photograph_is_reported(folder: Path, data: str) -> None:
    labelme(folder / "a.json", shape("car", SQUARE), imageData=data)
    assert "a.json: imageData is not an image (JPEG, PNG, TIFF or WebP)" in refusal(folder, folder.parent / "out")
