from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.annotations.conftest import centers, document, imported, mask, photograph, refusal

SQUARE = {"name": "polygon", "all_points_x": [10, 50, 50, 10], "all_points_y": [10, 10, 40, 40]}


def region(shape: dict[str, Any] = SQUARE, **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes or {"label": "car"}}


def via(path: Path, *regions: Any, project: bool = False, options: Any = None) -> Path:
    files = {"a.png123": {"filename": "a.png", "size": -1, "regions": list(regions), "file_attributes": {}}}
    if not project:
        return document(path, files)
    attributes = {"region": {"label": {"type": "dropdown", "options": options or {}}}, "file": {}}
    return document(path, {"_via_settings": {}, "_via_img_metadata": files, "_via_attributes": attributes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def drawn(folder: Path, *regions: Any) -> np.ndarray[Any, Any]:
    via(folder / "a.json", *regions)
    imported(folder, folder.parent / "out")
    return mask(folder.parent / "out")


def test_polygons_are_drawn_over_earlier_ones(folder: Path) -> None:
    box = region({"name": "rect", "x": 20, "y": 20, "width": 10, "height": 5}, label="bus")
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 1
    expected[20:25, 20:30] = 0
    np.testing.assert_array_equal(drawn(folder, region(), box), expected)


def test_ellipses_turn_clockwise_by_radians(folder: Path) -> None:
    x, y = centers()
    shape = {"name": "ellipse", "cx": 48, "cy": 32, "rx": 24, "ry": 8, "theta": np.pi / 6}
    along = (x - 48) * np.cos(np.pi / 6) + (y - 32) * np.sin(np.pi / 6)
    across = (y - 32) * np.cos(np.pi / 6) - (x - 48) * np.sin(np.pi / 6)
    assert ((drawn(folder, region(shape)) == 0) != ((along / 24) ** 2 + (across / 8) ** 2 <= 1)).sum() <= 4
    circle = drawn(folder, region({"name": "circle", "cx": 48, "cy": 32, "r": 10})) == 0
    assert (circle != (np.hypot(x - 48, y - 32) <= 10)).sum() <= 4


def test_regions_of_via_1_and_make_sense_are_a_mapping(folder: Path) -> None:
    closed = {"name": "polygon", "all_points_x": [10, 50, 50, 10, 10], "all_points_y": [10, 10, 40, 40, 10]}
    files = {"a.png": {"fileref": "", "size": 1, "filename": "a.png", "regions": {"0": region(closed)}}}
    document(folder / "a.json", files)
    imported(folder, folder.parent / "out")
    assert (mask(folder.parent / "out") == 0).sum() == 1200


def test_project_declares_its_options(folder: Path) -> None:
    via(folder / "a.json", region(), project=True, options={"car": "Car", "tree": "Tree"})
    assert imported(folder, folder.parent / "out").table.names == ("car", "tree")


def test_class_is_the_only_attribute_or_the_one_that_is_named_so(folder: Path) -> None:
    via(folder / "a.json", region(kind="car"))
    assert imported(folder, folder.parent / "out").table.names == ("car",)
    via(folder / "a.json", region(Class="bus", visible="yes"))
    assert imported(folder, folder.parent / "out").table.names == ("bus",)
    via(folder / "a.json", region(height="3", visible="yes"))
    text = refusal(folder, folder.parent / "out2")
    assert "has regions with the attributes height, visible: name the one with the class 'label' in VIA" in text


def test_one_chosen_box_is_the_class(folder: Path) -> None:
    via(folder / "a.json", region(label={"car": True, "bus": False}))
    assert imported(folder, folder.parent / "out").table.names == ("car",)
    via(folder / "a.json", region(label={"car": True, "bus": True}))
    assert "has 2 classes, but a pixel can have only one" in refusal(folder, folder.parent / "out2")


def test_points_and_lines_are_counted(folder: Path) -> None:
    line = region({"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]})
    via(folder / "a.json", region(), region({"name": "point", "cx": 1, "cy": 2}), line)
    assert imported(folder, folder.parent / "out").skipped == {"points, polylines and other shapes without area": 2}


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (region({**SQUARE, "all_points_y": [1]}), "has all_points_x and all_points_y of different lengths"),
        (region({"name": "circle", "cx": 1, "cy": 1}), "shape_attributes has no r"),
        ({"shape_attributes": SQUARE, "region_attributes": {}}, "region_attributes has no label"),
    ],
)
def test_invalid_region_is_reported(folder: Path, invalid: Any, expected: str) -> None:
    path = via(folder / "a.json", region(), invalid)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: a.png123.regions[1]")
    assert expected in text


def test_file_of_another_size_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = via(folder / "a.json", region())
    path.write_text(path.read_text().replace('"size": -1', f'"size": {(folder / "a.png").stat().st_size}'))
    imported(folder, folder.parent / "out")
    assert caplog.text == ""
    photograph(folder / "a.png", (70, 96))
    imported(folder, folder.parent / "out")
    assert "1 photographs have another number of bytes than when they were annotated" in caplog.text
