from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations.label_studio_config import read_controls
from tests.annotations.conftest import document, imported, mask, photograph, refusal
from tests.annotations.test_label_studio import SQUARE, region, task


def data_url(pixels: Any) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def vertex(x: float, y: float, **controls: Any) -> dict[str, Any]:
    points = {key: {"x": point[0], "y": point[1]} for key, point in controls.items()}
    return {"id": f"{x} {y}", "x": x, "y": y, "prevPointId": None, "isBezier": bool(controls), **points}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def drawn(folder: Path, *results: Any) -> np.ndarray[Any, Any]:
    document(folder / "a.json", [task(*results)])
    imported(folder, folder.parent / "out")
    return np.asarray(mask(folder.parent / "out") == 0)


def test_bitmask_is_drawn_where_it_is_not_transparent(folder: Path) -> None:
    truth = np.kron(np.random.default_rng(0).random((16, 24)) < 0.4, np.ones((4, 4), bool))
    rgba = np.zeros((64, 96, 4), np.uint8)
    rgba[truth, 3] = 255
    np.testing.assert_array_equal(drawn(folder, region("bitmask", "a", {"imageDataURL": data_url(rgba)})), truth)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/mask.png", "imageDataURL is not a PNG in a data URL"),
        ("data:image/png;base64", "imageDataURL is not a PNG in a data URL"),
        ("data:image/png;base64,AAAA", "is not a mask in PNG"),
        (data_url(np.ones((32, 48), bool)), "has 48 x 32 pixels, its photograph 96 x 64"),
    ],
)
def test_invalid_bitmask_is_reported(folder: Path, url: str, expected: str) -> None:
    document(folder / "a.json", [task(SQUARE, region("bitmask", "a", {"imageDataURL": url}))])
    assert expected in refusal(folder, folder.parent / "out")


def test_closed_vector_is_an_area(folder: Path) -> None:
    corners = [vertex(12.5, 25), vertex(50, 25), vertex(50, 75), vertex(12.5, 75)]
    expected = np.zeros((64, 96), bool)
    expected[16:48, 12:48] = True
    square = region("vector", "a", {"vertices": corners, "closed": True})
    np.testing.assert_array_equal(drawn(folder, square), expected)


def test_curves_of_a_vector_follow_their_control_points(folder: Path) -> None:
    k = 0.5522847  # four cubic curves that make a circle
    x, y = 25 / 96 * 100, 50.0  # radius and center in percent of the width
    radius_x, radius_y = 16 / 96 * 100, 16 / 64 * 100
    ends = [(radius_x, 0), (0, radius_y), (-radius_x, 0), (0, -radius_y)]
    tangents = [(0, radius_y), (-radius_x, 0), (0, -radius_y), (radius_x, 0)]
    corners = [
        vertex(
            x + dx,
            y + dy,
            controlPoint1=(x + dx - k * tx, y + dy - k * ty),
            controlPoint2=(x + dx + k * tx, y + dy + k * ty),
        )
        for (dx, dy), (tx, ty) in zip(ends, tangents, strict=True)
    ]
    circle = drawn(folder, region("vector", "a", {"vertices": corners, "closed": True}))
    columns, rows = np.meshgrid(np.arange(96) + 0.5, np.arange(64) + 0.5)
    assert (circle != (np.hypot(columns - 25, rows - 32) <= 16)).sum() <= 12


def test_open_vectors_are_counted(folder: Path) -> None:
    line = region("vector", "a", {"vertices": [vertex(1, 1), vertex(50, 1), vertex(50, 50)], "closed": False})
    document(folder / "a.json", [task(SQUARE, line, region("vector", "a", {"vertices": [], "closed": True}))])
    assert imported(folder, folder.parent / "out").skipped == {
        "points and open lines, which cover no pixels (--sparse draws them)": 1,
        "vectors without points": 1,
    }


def test_unknown_type_is_refused_by_name(folder: Path) -> None:
    document(folder / "a.json", [task(SQUARE, {"type": "superpixellabels", "value": {"superpixellabels": ["a"]}})])
    assert "is of the type 'superpixellabels', which is not known here" in refusal(folder, folder.parent / "out")


def test_labeling_configuration_declares_labels_and_colors(folder: Path) -> None:
    document(folder / "a.json", [task(SQUARE)])
    labels = '<Label value="b" background="#102030"/><Label value="c" background="none such"/>'
    config = f'<View><Image name="image" value="$image"/><PolygonLabels name="label">{labels}</PolygonLabels></View>'
    document(folder / "config.xml", config)
    table = imported(folder, folder.parent / "out").table
    assert (table.names, table.colours[1]) == (("a", "b", "c"), (16, 32, 48))


def test_regions_have_the_alias_of_a_label(folder: Path) -> None:
    document(folder / "a.json", [task(SQUARE)])
    labels = '<Label value="A long name" alias="a" background="#102030"/><Label value="b" alias=""/>'
    config = f'<View><Image name="i" value="$image"/><PolygonLabels name="p" toName="i">{labels}</PolygonLabels></View>'
    document(folder / "config.xml", config)
    table = imported(folder, folder.parent / "out").table
    assert (table.names, table.colours[0]) == (("a", "b"), (16, 32, 48))
    assert [control.labels for control in read_controls(config)] == [("a", "b")]


@pytest.mark.parametrize("image", ["https://host/api/image/17", "/data/upload/3/17", "photos/17"])
def test_photograph_without_a_suffix_is_found_by_its_stem(folder: Path, image: str) -> None:
    photograph(folder / "17.png")
    document(folder / "a.json", [task(SQUARE, image=image)])
    imported(folder, folder.parent / "out")
    assert [path.stem for path in (folder.parent / "out" / "masks").iterdir()] == ["17"]
